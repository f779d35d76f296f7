"""The polling loops: ask ACS about recordings of which no event tells.

From its beginning on, a recording's state is polled, seldom: perhaps no event tells of its end.
While it should be silent it is read soon and regularly. Its result is polled once its files are
overdue, if the resource's service can be asked for that.
"""

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.contracts.activity_io import ControlResult, PolledResult
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import RecordingStatus
from workflows import activity_calls
from workflows.call import acs_answers, callbacks, file_events, silence
from workflows.call.alarms import Alarms
from workflows.call.commands import Operation
from workflows.call.lifecycle import Lifecycle
from workflows.call.recording_state import is_awaiting
from workflows.loops.clock import Moment
from workflows.loops.loop import Run

MAX_REUSE = timedelta(seconds=4)
"""Longest time for which the poll of a pause serves the next one, too: it still reads often."""


class _PollingLoop:
    """The common part of both loops: a poll has no end of its own, and no run waits for it."""

    is_interruptible = True
    is_idle = True
    is_done = True

    def __init__(self, run: Run, call: Lifecycle) -> None:
        self._run = run
        self._call = call
        self._polling: set[int] = set()
        """The numbers of the recordings that are polled."""
        self._polled: set[int] = set()
        """The numbers of the recordings that this run polls no more."""

    async def run(self) -> None:
        """Poll every recording that is due, each on its own, and anew while it stays so."""
        self._run.begin_each(self._polling, self._to_poll, self._poll)

    def _to_poll(self) -> list[int]:
        return [
            recording.number
            for recording in self._call.status.recordings
            if self._is_due(recording) and recording.number not in self._polled
        ]

    def _is_due(self, recording: RecordingStatus) -> bool:
        raise NotImplementedError

    async def _poll(self, number: int) -> None:
        raise NotImplementedError


class _StateLoop(_PollingLoop):
    """The common part of the loops that read the state."""

    def __init__(self, run: Run, call: Lifecycle, alarms: Alarms) -> None:
        super().__init__(run, call)
        self._alarms = alarms

    def _fold(self, recording: RecordingStatus, seen: ControlResult) -> None:
        now = workflow.now()
        if seen.state == "gone":
            acs_answers.found_gone(self._call, recording.number, now, seen.received_at)
            return
        # While a change is asked of ACS, the answer to that tells more of what is the case.
        asked = self._call.in_flight if self._call.is_in_flight(recording) else None
        is_asking = asked is not None and asked.operation is not Operation.READ
        fold = callbacks.observed_meanwhile if is_asking else callbacks.observed
        if (unexpected := fold(self._call, recording, seen, now)) is not None:
            kind, severity = AlarmKind.STATE_UNEXPECTED, Severity.CRITICAL
            self._alarms.add(kind, severity, unexpected, recording, now)


class StatePollingLoop(_StateLoop):
    """Polls whether recordings are still on."""

    def _is_due(self, recording: RecordingStatus) -> bool:
        may_be_on = recording.actual in (Actual.ACTIVE, Actual.PAUSED, Actual.UNKNOWN)
        return may_be_on and recording.recording_id is not None

    async def _poll(self, number: int) -> None:
        recording = self._call.recording(number)
        interval = self._call.policy.state_poll_interval
        # By a timer, not by an attempt that fails: a healthy call shows no failure.
        first = Moment(workflow.now() + interval, f"is recording {number} still on?")
        while self._is_needed(recording) and workflow.now() < first.at:
            await self._run.clock.changed(lambda: self._is_needed(recording), first)
        if not self._is_needed(recording):
            return
        poll = activity_calls.poll_state(self._call.status, recording, interval)
        await self._run.until(lambda: poll.done() or not self._is_needed(recording))
        is_called_off = not poll.done()
        poll.cancel()
        try:
            self._fold(recording, await poll)
        except ActivityError:
            if not is_called_off:
                self._polled.add(number)  # refused for good

    def _is_needed(self, recording: RecordingStatus) -> bool:
        return self._is_due(recording) and not self._run.is_finished


class SilencePollingLoop(_StateLoop):
    """Polls recordings that should be silent: whether they are, and until that is proven."""

    def _is_due(self, recording: RecordingStatus) -> bool:
        is_refused = recording.actual is Actual.UNKNOWN and recording.ask_again_at is not None
        is_paused = recording.actual is Actual.PAUSED or is_refused
        is_wanted = recording.target is Wanted.PAUSED
        return is_paused and is_wanted and recording.recording_id is not None

    async def _poll(self, number: int) -> None:
        recording = self._call.recording(number)
        is_proven, sounds_sent = silence.is_silent(recording), recording.sound.sounds_sent
        proves_from = None if is_proven else silence.proves_from(recording) or workflow.now()
        begun_at = workflow.now()
        poll = activity_calls.poll_silence(self._call.status, recording, proves_from)

        def is_outdated() -> bool:
            # A poll that is needed no more ends by itself, at its next reading: calling it off
            # would cost a workflow task just as the recording is resumed.
            if not self._is_due(recording):
                return False
            is_another = recording.sound.sounds_sent != sounds_sent
            is_slow = self._run.clock.seen.now - begun_at > MAX_REUSE
            return (is_another and is_slow) or (is_proven and not silence.is_silent(recording))

        await self._run.until(lambda: poll.done() or is_outdated() or self._run.is_finished)
        if not poll.done() and self._run.is_finished:
            # It ends with the run: to call it off would cost an event.
            return
        poll.cancel()
        with suppress(ActivityError):
            self._fold(recording, await poll)


class ResultPollingLoop(_PollingLoop):
    """Polls what became of recordings whose files are overdue."""

    def __init__(self, run: Run, call: Lifecycle, alarms: Alarms) -> None:
        super().__init__(run, call)
        self._alarms = alarms

    def _is_due(self, recording: RecordingStatus) -> bool:
        """Tell if its files should have been announced by now, and ACS may be asked for them."""
        return (
            self._call.policy.polls_result
            and is_awaiting(recording)
            and recording.escalations > 0
            and recording.recording_id is not None
        )

    async def _poll(self, number: int) -> None:
        """Poll until there is a file that was not known."""
        recording = self._call.recording(number)
        poll = activity_calls.poll_result(self._call.status, recording)
        await self._run.until(
            lambda: poll.done() or not self._is_due(recording) or self._run.is_finished
        )
        is_called_off = not poll.done()
        poll.cancel()
        try:
            result = await poll
        except ActivityError:
            if not is_called_off:
                self._polled.add(number)  # refused for good
        else:
            if self._fold(recording, result):
                # What is left out stays unknown: ACS would tell of it again at once, for ever.
                self._polled.add(number)

    def _fold(self, recording: RecordingStatus, result: PolledResult) -> int:
        """Fold the answer like an event; return the number of files that were left out."""
        now, sent_at = workflow.now(), result.files.event_time
        if result.expires_at is not None:
            # The end of the window that it names counts if it is earlier than the computed one.
            sent_at = min(sent_at, result.expires_at - self._call.policy.export_window)
        what = "; ".join(("ACS told of files when it was asked", *result.errors))
        self._call.note(now, f"recording {recording.number}: {what}")
        event = result.files.model_copy(update={"event_time": sent_at})
        return file_events.fold(self._call, self._alarms, event, now)
