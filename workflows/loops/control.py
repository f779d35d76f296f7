"""The control loop: brings what ACS does in line with what is wanted, as its only caller."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError

from callvault.causes import Cause
from callvault.contracts.activity_io import (
    QUICK_ATTEMPT_TIMEOUT,
    ControlResult,
    RecordingInput,
)
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.base import quoted
from callvault.contracts.states import Actual, RecordingState, Wanted
from callvault.contracts.status import RecordingStatus
from workflows import activity_calls
from workflows.activity_calls import CommandInput
from workflows.activity_errors import is_final, is_occupied, may_have_begun, problem, reason
from workflows.activity_options import ADOPT_TIMEOUT, RELEASE_TIMEOUT
from workflows.call import acs_answers, callbacks, file_events
from workflows.call.alarms import Alarms
from workflows.call.commands import READINGS, Command, Operation
from workflows.call.guards import Watchdog
from workflows.call.lifecycle import Lifecycle
from workflows.loops.clock import Moment
from workflows.loops.loop import Run, one_at_a_time

_QUICK_FIRST = (Operation.PAUSE, Operation.RESUME, Operation.STOP)
"""A start is not hurried: ACS may take its time, and one asked twice may meet itself."""

MAX_TOLD_IDS = 3
"""Most ids that callbacks may tell for one start which found a recording in its way."""

_REFUSED = {
    Operation.STOP: "ACS refused to stop it, and may record on: it is asked again until it stops",
    Operation.RESUME: "ACS refused to resume it, and it stays paused",
    Operation.READ: "ACS told of another state than was asked for, and does not let it be read",
}
"""Alarmed, as a caller may not hear of it: consent and guards ask, too, and await no answer."""


class Adopted(Exception):
    """The start that is asked for has begun already: its id was told, and is adopted."""


class ControlLoop:
    """Asks ACS for one thing after the other."""

    is_interruptible = False

    def __init__(
        self,
        run: Run,
        call: Lifecycle,
        alarms: Alarms,
        watchdog: Watchdog,
        act_on_due: Callable[[datetime], None],
    ) -> None:
        self._run = run
        self._call = call
        self._alarms = alarms
        self._watchdog = watchdog
        self._act_on_due = act_on_due
        self._called_off: list[workflow.ActivityHandle[ControlResult]] = []
        """Starts that are asked for no more, because ACS has told of what they began."""

    @property
    def is_idle(self) -> bool:
        """True if nothing is asked of ACS, and nothing is to be asked by this run."""
        return not self._is_asking and self.next_command() is None

    @property
    def is_done(self) -> bool:
        """True if nothing is asked of ACS, and nothing is to be asked."""
        return not self._is_asking and self._call.next_command() is None

    @property
    def _is_asking(self) -> bool:
        return self._call.in_flight is not None or not all(s.done() for s in self._called_off)

    def next_command(self) -> Command | None:
        """Name the next thing to ask of ACS, or None while this run is to ask nothing."""
        command = self._call.next_command()
        # Pauses of what is paused, one after the other without end, would never let it hand over.
        if command is not None and command.is_urgent and self._run.is_handing_over:
            return None
        return command

    async def run(self) -> None:
        """Ask for all that brings the recordings nearer to what is wanted."""
        await one_at_a_time(self._run, self.next_command, self._execute)

    async def _execute(self, command: Command) -> None:
        self._catch_up()
        if self.next_command() != command:
            return
        recording = self._call.recording(command.recording)
        # Before the first await: from here on the recording counts as what the command makes of it.
        self._call.command_sent(command, workflow.now())
        if command.operation is Operation.ADOPT:
            await self._adopt(recording)
            return
        input = activity_calls.command_input(self._call.status, recording, command)
        try:
            result = await self._execute_until_settled(command, input)
        except Adopted:
            return
        except ActivityError as error:
            await self._failed(command, recording, error)
        else:
            self._answered(command, recording, result)
        # The files of a start that was given up may have come before that.
        file_events.doubt(self._call, self._alarms, workflow.now())

    def _catch_up(self) -> None:
        """Do what is due first: a resume may have expired while no timer could fire."""
        self._act_on_due(workflow.now())

    async def _execute_until_settled(
        self, command: Command, input: CommandInput
    ) -> ControlResult | None:
        """Ask quickly, and if that does not settle it with patience; None if given up."""
        if isinstance(input, RecordingInput) and (
            command.operation in _QUICK_FIRST or command.is_urgent
        ):
            result = await self._execute_quickly(command, input)
            if result is not None and result.is_settled:
                return result
            self._catch_up()
            if self._call.is_superseded(command):
                return None
            accepted_at = result.accepted_at if result is not None else None
            told = {"accepted_at": accepted_at, "is_unanswered": result is None}
            input = input.model_copy(update=told)
        return await self._until_answered(command, activity_calls.control(command, input))

    async def _execute_quickly(
        self, command: Command, input: RecordingInput
    ) -> ControlResult | None:
        """Ask once; None if it is worth another try, or if something else was wanted meanwhile."""
        answer = activity_calls.quick_control(command, input)
        # It wakes the workflow in time for what is due if ACS does not answer.
        self._run.clock.ends_by(answer, workflow.now() + QUICK_ATTEMPT_TIMEOUT)
        try:
            result = await self._until_answered(command, answer)
        except ActivityError as error:
            if is_final(error):
                raise
            acs_answers.not_done(self._call, command, *problem(error), workflow.now())
            self._run.clock.look()
            return None
        if result is not None and not result.is_settled:
            why = f"ACS accepted it {result.accepted_at:%H:%M:%S} UTC, and was not seen to do it"
            acs_answers.not_done(self._call, command, why, Cause.NO_EFFECT, workflow.now())
        return result

    async def _until_answered(
        self, command: Command, answer: workflow.ActivityHandle[ControlResult]
    ) -> ControlResult | None:
        """Wait for ACS's answer; None if something else was wanted before it came."""
        is_outdated = self._call.is_superseded
        # What woke it may be over by its turn: a pause that a callback met has expired since.
        while not answer.done() and not is_outdated(command):
            if self._is_told_meanwhile(command):
                return await self._told_meanwhile(command, answer)
            await self._run.until(
                lambda: answer.done() or is_outdated(command) or self._is_told_meanwhile(command)
            )
        is_given_up = not answer.done()
        answer.cancel()
        if is_given_up and command.operation in READINGS:
            # It may hang, and nothing waits for it.
            answer.add_done_callback(partial(self._read_too_late, command))
            return None
        try:
            # The activity may still answer: what ACS did must be known as well as it can be.
            return await answer
        except ActivityError:
            if is_given_up:
                return None
            raise

    def _is_told_meanwhile(self, command: Command) -> bool:
        """Tell if ACS has told the id of a start that it does not answer, and sound is not wanted.

        Then it is not waited for: what may have begun has begun.
        """
        recording = self._call.recording(command.recording)
        is_told = recording.callback_recording_id is not None
        is_start = command.operation is Operation.START
        return is_start and is_told and recording.target is not Wanted.ACTIVE

    async def _told_meanwhile(
        self, command: Command, answer: workflow.ActivityHandle[ControlResult]
    ) -> ControlResult | None:
        """Adopt the id that ACS has told; if it is not this start's, wait for the answer."""
        recording = self._call.recording(command.recording)
        own = await self._own_id(recording)
        if own is None or answer.done():
            return await answer
        answer.cancel()
        # Nothing waits for it but the end of the run: it may still reach ACS.
        answer.add_done_callback(self._has_ended)
        self._called_off = [start for start in self._called_off if not start.done()] + [answer]
        acs_answers.runs_already(self._call, command, own, workflow.now())
        raise Adopted

    def _has_ended(self, answer: asyncio.Task[ControlResult]) -> None:
        """Take note that what was called off has ended, however it did."""
        if not answer.cancelled():
            answer.exception()
        # The history has grown.
        self._run.clock.look()

    def _read_too_late(self, command: Command, answer: asyncio.Task[ControlResult]) -> None:
        """Draw up in the account what a reading has seen that was called off just before."""
        self._has_ended(answer)
        if answer.cancelled() or answer.exception() is not None:
            return
        recording, now = self._call.recording(command.recording), workflow.now()
        what = callbacks.observed_meanwhile(self._call, recording, answer.result(), now)
        if what is not None:
            self._alarm(what, recording, now)

    async def _adopt(self, recording: RecordingStatus) -> None:
        """Stop a start that was given up and has begun all the same, as ACS told."""
        own = await self._own_id(recording)
        now = workflow.now()
        if own is None:
            self._call.in_flight = None
            # What was asked for meanwhile: a stop, say.
            self._call.settle(recording, now)
            return
        if recording.actual is Actual.NONE:
            acs_answers.has_begun_unheard(self._call, recording, own, now)
            return
        self._alarm(acs_answers.has_begun(self._call, recording, own, now), recording, now)

    def _answered(
        self, command: Command, recording: RecordingStatus, result: ControlResult | None
    ) -> None:
        now = workflow.now()
        if result is None:
            acs_answers.given_up(self._call, command, now)
            return
        acs_answers.answered(self._call, command, result, now)
        if command.operation is Operation.READ:
            unexpected = callbacks.observed(self._call, recording, result, now)
            if unexpected is not None:
                self._alarm(unexpected, recording, now)

    async def _failed(
        self, command: Command, recording: RecordingStatus, error: FailureError
    ) -> None:
        is_start = command.operation is Operation.START
        was_occupied = is_start and is_occupied(error)
        is_told = is_start and recording.callback_recording_id is not None
        if (was_occupied or is_told) and await self._is_resolved(command, recording, error):
            return
        now, (why, cause) = workflow.now(), problem(error)
        # Before the failure is folded: it changes what is wanted.
        is_wanted = not self._call.is_superseded(command)
        is_denied = is_final(error) and not was_occupied and not may_have_begun(error)
        acs_answers.not_done(self._call, command, why, cause, now)
        acs_answers.failed(self._call, command, why, now, is_denied=is_denied)
        if command.operation is Operation.PAUSE:
            self._watchdog.pause_refused(recording, why, cause, now)
        is_new = recording.refusals <= 1
        if is_wanted and is_new and (what := _REFUSED.get(command.operation)) is not None:
            self._alarm(f"{what}: {why}", recording, now, cause)
        self._alarm_if_not_started(recording, now, cause)

    async def _is_resolved(
        self, command: Command, recording: RecordingStatus, error: FailureError
    ) -> bool:
        """Resolve a start that found a recording in its way: its own, or one just stopped here."""
        own = await self._own_id(recording)
        now = workflow.now()
        if own is not None:
            acs_answers.runs_already(self._call, command, own, now)
            return True
        if self._has_just_stopped_another(recording, now):
            # ACS may take a while to forget it: then the start is repeated.
            is_denied = not may_have_begun(error)
            acs_answers.retry_start(self._call, recording, now, is_denied=is_denied)
            self._alarm_if_not_started(recording, now)
            return True
        return False

    async def _own_id(self, recording: RecordingStatus) -> str | None:
        """Return the id that ACS told to this recording's callback address, once it is proven."""
        for _ in range(MAX_TOLD_IDS):
            if (told := await self._told_id(recording)) is None:
                break
            if (doubt := await self._doubt_about(told, recording)) is None:
                return told
            what = f"a callback told that its id is {quoted(told)}, but {doubt}: it is left alone"
            now = workflow.now()
            acs_answers.not_adopted(self._call, recording, what, now)
            self._alarm(f"{what}. Somebody may be forging callbacks", recording, now)
        return None

    async def _told_id(self, recording: RecordingStatus) -> str | None:
        """Return the id that a callback tells, if one comes in time."""
        what = f"until then a callback may tell whose recording {recording.number} is"
        due = Moment(workflow.now() + ADOPT_TIMEOUT, what)
        while recording.callback_recording_id is None and workflow.now() < due.at:
            await self._run.clock.changed(lambda: recording.callback_recording_id, due)
        return recording.callback_recording_id

    async def _doubt_about(self, told: str, recording: RecordingStatus) -> str | None:
        """Say why a told id may not be adopted; None if ACS says that it is of this call."""
        # Before the first await: another callback may come meanwhile.
        is_signed = recording.is_callback_signed
        others = [r for r in self._call.status.recordings if r.recording_id == told]
        if any(other.origin == "requested" for other in others):
            return "it is that of another recording of the call"
        if others and is_signed:
            # An event told of its files: it is of this call, and over, so ACS may not know it.
            return None
        try:
            found = await activity_calls.identify(self._call.status, recording, told)
        except ActivityError as error:
            return f"ACS did not say whose it is ({reason(error)})"
        if not found.is_known:
            return "ACS knows no such recording"
        if found.is_of_call is None and not is_signed:
            return "ACS does not say of which call it is, and did not sign the callback"
        return "it is a recording of another call" if found.is_of_call is False else None

    def _has_just_stopped_another(self, recording: RecordingStatus, now: datetime) -> bool:
        # One that was only announced may be the very one that this start has begun.
        return any(
            other.origin == "requested"
            and other.actual is Actual.STOPPED
            and other.stopped_at is not None
            and now - other.stopped_at < RELEASE_TIMEOUT
            for other in self._call.status.recordings
            if other is not recording
        )

    def _alarm_if_not_started(
        self, recording: RecordingStatus, now: datetime, cause: Cause | None = None
    ) -> None:
        if recording.state is RecordingState.FAILED_TO_START:
            self._alarms.failed_to_start(recording, recording.problem, now, cause)

    def _alarm(
        self, what: str, recording: RecordingStatus, now: datetime, cause: Cause | None = None
    ) -> None:
        kind, severity = AlarmKind.STATE_UNEXPECTED, Severity.CRITICAL
        self._alarms.add(kind, severity, what, recording, now, cause=cause)
