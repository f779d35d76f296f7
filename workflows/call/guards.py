"""The guards of a call: what Callvault does by itself while recordings are on.

A pause that ACS does not confirm in time fails closed: an alarm, and what the request or the
resource says (stop, go on asking, mark as doubtful). A pause that lasts too long is resumed or
alarmed. A recording that lasts too long is stopped.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import TypeVar

from callvault.causes import Cause
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.base import shorten
from callvault.contracts.requests import ControlRequest, OnMaxPause, OnPauseFailure
from callvault.contracts.states import Actual, RequestState, Wanted
from callvault.contracts.status import ControlRecord, PauseRecord, RecordingStatus
from workflows.call import pauses, silence, unconfirmed
from workflows.call.alarms import Alarms
from workflows.call.commands import Operation
from workflows.call.lifecycle import Lifecycle
from workflows.call.pauses import GUARD
from workflows.call.request_records import fail

STOP_CONFIRM_WITHIN = timedelta(minutes=1)
"""Time for ACS to confirm a stop; what it does not answer, or refuses, may record on."""

Watched = TypeVar("Watched", ControlRecord, PauseRecord)


class Watchdog:
    """The guards of one call's recordings."""

    def __init__(self, call: Lifecycle, alarms: Alarms) -> None:
        self._call = call
        self._alarms = alarms

    def next_due(self) -> datetime | None:
        """Return when something is to be done next; None while nothing is."""
        watched: Iterator[tuple[datetime, *tuple[object, ...]]] = chain(
            self._unconfirmed(),
            self._late_stops(),
            self._long_pauses(),
            self._late_resumes(),
            self._long_recordings(),
            self._refused(),
            self._looked_for(),
            self._callbacks(),
            self._stopped(),
        )
        return min((each[0] for each in watched), default=None)

    def act(self, now: datetime) -> None:
        """Do everything that has fallen due."""
        for recording, record in _due(self._unconfirmed(), now):
            self._pause_failed(recording, record, *unconfirmed.why(recording, record, now), now)
        for recording, record in _due(self._late_stops(), now):
            self._stop_is_late(recording, record, now)
        for recording, pause in _due(self._long_pauses(), now):
            self._end_pause(recording, pause, now)
        for recording, record in _due(self._late_resumes(), now):
            self._take_back(recording, record, now)
        for moment, recording in list(self._long_recordings()):
            if moment <= now:
                self._ask(Operation.STOP, f"recording {recording.number} reached its maximum", now)
        self._follow_up(now)

    def _follow_up(self, now: datetime) -> None:
        """Let ACS be asked again for what it refused, and say what has stopped since."""
        for moment, recording in list(self._refused()):
            if moment <= now:
                # The control loop asks again.
                recording.ask_again_at = None
        for moment, recording in list(self._looked_for()):
            if moment <= now:
                recording.looked_for_until = None
                # What waited for it ends with it: a hold, say.
                self._call.settle(recording, now)
        for moment, recording in list(self._callbacks()):
            if moment <= now:
                # The control loop asks.
                recording.callback_awaited_until = None
        for _, record in list(self._stopped()):
            self._has_stopped(record, now)

    def pause_refused(
        self, recording: RecordingStatus, why: str, cause: Cause | None, now: datetime
    ) -> None:
        """React to a pause that ACS has refused for good just now."""
        # Several requests may have waited for it: one alarm is enough for all of them, and none is
        # needed if the pause was alarmed before, because it took too long.
        failed = _failed_pauses(recording, self._call.status.requests, now)
        is_new = not any(record.is_overdue for record in failed)
        for record in failed:
            record.is_overdue = True
        if failed and is_new:
            self._pause_failed(recording, failed[0], why, cause, now)

    def confirmed_late(
        self, recording: RecordingStatus, record: ControlRecord, now: datetime
    ) -> None:
        """React to a pause of which it is known only now that it was confirmed too late."""
        if record.operation != Operation.PAUSE or record.is_overdue or not record.is_done:
            return
        guards = self._call.guards_of(recording)
        due_at = silence.due_at(recording, record.requested_at, guards.pause_confirm_within)
        silent_since = silence.silent_since(recording)
        if silent_since is None or silent_since <= due_at:
            return
        record.is_overdue = True
        what = (
            f"the pause asked by {record.requested_by} came at {record.requested_at:%H:%M:%S} UTC,"
            f" and was confirmed at {silent_since:%H:%M:%S}, later than it may: what was recorded"
            " meanwhile may be what was not to be recorded"
        )
        self._alarms.add(AlarmKind.PAUSE_UNCONFIRMED, Severity.CRITICAL, what, recording, now)
        if guards.on_pause_failure is OnPauseFailure.STOP and recording is self._call.current:
            self._ask(Operation.STOP, "a pause was confirmed too late", now)

    def _pause_failed(
        self,
        recording: RecordingStatus,
        record: ControlRecord,
        why: str,
        cause: Cause | None,
        now: datetime,
    ) -> None:
        """Fail closed: ACS may be recording what it must not."""
        reaction = self._call.guards_of(recording).on_pause_failure
        record.is_overdue = True
        record.problem = record.problem or shorten(f"{why}: {_REACTIONS[reaction]}")
        what = f"the pause asked by {record.requested_by} failed ({why}): {_REACTIONS[reaction]}"
        kind, severity = AlarmKind.PAUSE_UNCONFIRMED, Severity.CRITICAL
        self._alarms.add(kind, severity, what, recording, now, cause=cause)
        # A later recording of the call is not stopped for an earlier one's pause.
        if reaction is OnPauseFailure.STOP and recording is self._call.current:
            self._ask(Operation.STOP, "a pause could not be confirmed", now)
            record.is_to_be_stopped = True

    def _stop_is_late(
        self, recording: RecordingStatus, record: ControlRecord, now: datetime
    ) -> None:
        """Say that a stop is not confirmed, unless it was said that it may be recording."""
        of_all = self._call.status.requests.values()
        late = [each for each in of_all if each.is_overdue and each.recording == recording.number]
        is_told = any(
            each.state is RequestState.PENDING or pauses.is_held(recording, each) for each in late
        )
        record.is_overdue = True
        if is_told:
            return
        why, cause = unconfirmed.why(recording, record, now)
        what = (
            f"the stop asked by {record.requested_by}: {why}; it may be recording, and ACS is asked"
            " until it stops"
        )
        kind, severity = AlarmKind.STATE_UNEXPECTED, Severity.CRITICAL
        self._alarms.add(kind, severity, what, recording, now, cause=cause)

    def _has_stopped(self, record: ControlRecord, now: datetime) -> None:
        """Say that what was asked to stop has stopped: only now it is so."""
        record.is_to_be_stopped = False
        recording = self._call.recording(record.recording)
        since = f"{record.requested_at:%H:%M:%S}"
        until = f"{recording.stopped_at or now:%H:%M:%S}"
        what = (
            f"it is stopped, after the pause asked by {record.requested_by} had failed: what it"
            f" recorded from {since} to {until} UTC may be what was not to be recorded"
        )
        self._alarms.add(AlarmKind.PAUSE_UNCONFIRMED, Severity.WARNING, what, recording, now)

    def _end_pause(self, recording: RecordingStatus, pause: PauseRecord, now: datetime) -> None:
        pause.is_too_long = True
        what = f"paused by {pause.requested_by} since {pause.requested_at:%H:%M:%S} UTC"
        if self._call.guards_of(recording).on_max_pause is OnMaxPause.RESUME:
            what = f"{what}, longer than it may: {self._release(recording, pause, now)}"
        self._alarms.add(AlarmKind.PAUSE_TOO_LONG, Severity.WARNING, what, recording, now)

    def _release(self, recording: RecordingStatus, pause: PauseRecord, now: datetime) -> str:
        """Release the pauses of one holder; return in a few words what follows."""
        holder = pauses.Holder(pause.requested_by, pause.authenticated_as)
        pauses.release(recording, holder, GUARD, now)
        held = ", ".join(each.caller for each in pauses.holders(recording))
        if recording.wanted is not Wanted.ACTIVE:
            what = f"this pause is released, and it stays paused by {held}"
            self._call.note(now, f"recording {recording.number}: {what}")
            return what
        self._ask(Operation.RESUME, f"{pause.requested_by} paused longer than it may", now)
        return "it is released, and ACS is asked to resume"

    def _take_back(self, recording: RecordingStatus, record: ControlRecord, now: datetime) -> None:
        """Take a resume back that could not be carried out in time: what it released is paused."""
        fail(record, "it expired before ACS had confirmed it: ask again if it is still meant", now)
        self._call.note(now, f"recording {recording.number}: {record.operation} expired")
        pending = self._call.requests.pending(recording)
        is_asked_again = any(other.operation == Operation.RESUME for other in pending)
        if pauses.ended_by(recording, record) and not is_asked_again:
            why = f"the resume of {record.requested_by} expired before ACS had confirmed it"
            self._ask(Operation.PAUSE, why, now)

    def _ask(self, operation: Operation, reason: str, now: datetime) -> None:
        self._call.request(operation, ControlRequest(requested_by=GUARD, reason=reason), now)

    def _live(self) -> Iterator[RecordingStatus]:
        for recording in self._call.status.recordings:
            if recording.origin == "requested" and recording.actual is not Actual.STOPPED:
                yield recording

    def _unconfirmed(self) -> Iterator[tuple[datetime, RecordingStatus, ControlRecord]]:
        for recording in self._live():
            is_ending = recording.wanted is Wanted.STOPPED and silence.is_silent(recording)
            if recording.sound.begun_at is None or is_ending:
                # Before a recording begins there is nothing to fear, and while it is silent.
                continue
            asked = (
                *self._call.requests.pending(recording),
                *self._to_begin_paused(recording),
                *self._overtaken_by_stop(recording),
            )
            for record in asked:
                if record.operation == Operation.PAUSE and not record.is_overdue:
                    timeout = self._call.guards_of(recording).pause_confirm_within
                    yield silence.due_at(recording, record.requested_at, timeout), recording, record

    def _late_stops(self) -> Iterator[tuple[datetime, RecordingStatus, ControlRecord]]:
        for recording in self._live():
            if silence.is_silent(recording):
                continue
            for record in self._call.requests.pending(recording):
                if record.operation == Operation.STOP and not record.is_overdue:
                    yield record.received_at + STOP_CONFIRM_WITHIN, recording, record

    def _to_begin_paused(self, recording: RecordingStatus) -> Iterator[ControlRecord]:
        """Yield pauses that were confirmed as it waited for consent: ACS may not heed them."""
        begun_at = recording.sound.begun_at
        if begun_at is None or silence.is_silent(recording):
            return
        for record in self._call.status.requests.values():
            is_before = record.settled_at is not None and record.settled_at <= begun_at
            # Few are from before, and all are looked through at each activation.
            if (
                is_before
                and record.state is RequestState.CONFIRMED
                and pauses.is_held(recording, record)
            ):
                yield record

    def _overtaken_by_stop(self, recording: RecordingStatus) -> Iterator[ControlRecord]:
        """Yield pauses that a stop has overtaken, which is not done either."""
        if recording.wanted is not Wanted.STOPPED:
            return
        for record in self._call.status.requests.values():
            is_overtaken = record.state is RequestState.SUPERSEDED
            if is_overtaken and pauses.is_held(recording, record):
                yield record

    def _refused(self) -> Iterator[tuple[datetime, RecordingStatus]]:
        for recording in self._live():
            if recording.ask_again_at is not None:
                yield recording.ask_again_at, recording

    def _looked_for(self) -> Iterator[tuple[datetime, RecordingStatus]]:
        for recording in self._call.status.recordings:
            if recording.looked_for_until is not None:
                yield recording.looked_for_until, recording

    def _callbacks(self) -> Iterator[tuple[datetime, RecordingStatus]]:
        for recording in self._live():
            until = recording.callback_awaited_until
            if until is not None and recording.actual is Actual.STARTING:
                yield until, recording

    def _stopped(self) -> Iterator[tuple[datetime, ControlRecord]]:
        """Yield the pauses that failed, and whose recordings have stopped since."""
        for record in self._call.status.requests.values():
            if not record.is_to_be_stopped:
                continue
            recording = self._call.recording(record.recording)
            if recording.actual is Actual.STOPPED:
                yield recording.stopped_at or record.requested_at, record

    def _long_pauses(self) -> Iterator[tuple[datetime, RecordingStatus, PauseRecord]]:
        for recording in self._live():
            if recording.wanted is not Wanted.PAUSED or recording.is_held:
                continue
            longest = self._call.guards_of(recording).max_pause
            if longest is None:
                continue
            for pause in pauses.newest(recording):
                if not pause.is_too_long:
                    yield _since(recording, pause) + longest, recording, pause

    def _late_resumes(self) -> Iterator[tuple[datetime, RecordingStatus, ControlRecord]]:
        for recording in self._live():
            for record in self._call.requests.pending(recording):
                if record.operation == Operation.RESUME and record.expires_at is not None:
                    yield record.expires_at, recording, record

    def _long_recordings(self) -> Iterator[tuple[datetime, RecordingStatus]]:
        for recording in self._live():
            if recording.started_at is None or recording.wanted is Wanted.STOPPED:
                continue
            longest = self._call.guards_of(recording).max_duration
            if longest is not None and recording is self._call.current:
                yield recording.started_at + longest, recording


def _due(
    moments: Iterator[tuple[datetime, RecordingStatus, Watched]], now: datetime
) -> list[tuple[RecordingStatus, Watched]]:
    """Return what has fallen due; as a list, because acting on it changes what is watched."""
    return [(recording, watched) for moment, recording, watched in moments if moment <= now]


def _since(recording: RecordingStatus, pause: PauseRecord) -> datetime:
    """Return when a pause began to count."""
    # The time for which consent held the recording back is no pause of a backend's to limit.
    held_until = recording.holds[-1].until if recording.holds else None
    # From when word of it came: by a clock that is slow it would be over at once.
    return max(pause.received_at, held_until or pause.received_at)


def _failed_pauses(
    recording: RecordingStatus, records: dict[str, ControlRecord], now: datetime
) -> list[ControlRecord]:
    """Return the requests to pause a recording that have failed at this moment, oldest first."""
    return [
        record
        for record in records.values()
        if record.recording == recording.number
        and record.operation == Operation.PAUSE
        and record.state is RequestState.FAILED
        and record.settled_at == now
    ]


_REACTIONS = {
    OnPauseFailure.STOP: "it is asked to stop, and may be recording until that is confirmed",
    OnPauseFailure.ALARM: "it may be recording, and ACS is asked again until it is proven to pause",
    OnPauseFailure.MARK: (
        "it may be recording, ACS is asked again until it is proven to pause, and what it records"
        " meanwhile is listed as unconfirmed"
    ),
}
