"""The invariants of every simulation, at every moment and at its end.

- While a pause is wanted, or consent is missing, ACS never records for longer than a pause may take
  to be confirmed without an alarm, unless the recording is being stopped.
- With `mark`, the unconfirmed intervals cover all that ACS recorded after a pause was requested and
  not confirmed in time.
- ACS is never asked to record while consent is missing, or an announcement unanswered.
- A change of consent never ends, and never begins, a pause that a backend requested.
- A declined recording has no sound; a recording that has waited for consent too long is declined.
- The time recorded after a withdrawal is marked, where the request says so, until ACS is silent.
- A stop is final: after it ACS is asked for nothing but the stop itself.
- At ACS at most one recording of the call is on.
- A confirmed change is not sent to ACS again, unless ACS contradicted it.
- No request waits while no command is in flight.
- In the end every request is confirmed, superseded, or failed; a failed pause raised an alarm.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from bench.interleavings.model import POLICY, Model
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.consent import OnWithdrawal
from callvault.contracts.requests import OnPauseFailure
from callvault.contracts.states import Actual, RequestState, Wanted
from callvault.contracts.status import ControlRecord, RecordingStatus
from workflows.call.commands import REACHED, TARGET_OF, Command, Operation

PAUSE_CONFIRM_TIMEOUT = POLICY.guards.pause_confirm_within


class InvariantViolation(Exception):
    """An invariant does not hold."""


class Invariants:
    """The invariants of one simulation."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._exposed_since: dict[int, datetime] = {}
        self._last_exposed: dict[int, datetime] = {}
        self._withdrawn: set[int] = set()
        """Numbers of recordings with sound whose consent was withdrawn and is missing since."""

    @property
    def is_call_over(self) -> bool:
        return self._model.call.status.ended_at is not None

    # Commands that may be sent to ACS.

    def may_ask(self, command: Command) -> None:
        recording = self._model.call.recording(command.recording)
        if recording.actual is Actual.STOPPED:
            raise InvariantViolation(f"ACS is asked to {command.operation} what is stopped")
        if recording.wanted is Wanted.STOPPED and command.operation is not Operation.STOP:
            raise InvariantViolation(f"ACS is asked to {command.operation} what is to be stopped")
        target = TARGET_OF.get(command.operation)
        if target is not None and recording.actual is REACHED[target]:
            raise InvariantViolation(f"ACS is asked again to {command.operation}")
        is_start = command.operation is Operation.START
        if command.operation is Operation.RESUME or (is_start and not command.pause_on_start):
            self._may_sound(command, recording)
        said = recording.announcement
        if is_start and said is not None and said.answered_at is None:
            raise InvariantViolation("what is not announced is started")

    def _may_sound(self, command: Command, recording: RecordingStatus) -> None:
        if not self._model.has_consent(recording):
            raise InvariantViolation(f"ACS is asked to {command.operation} without consent")
        if recording.wanted is not Wanted.ACTIVE:
            raise InvariantViolation(f"ACS is asked to {command.operation} what is to be paused")

    # Changes that consent may cause.

    @contextmanager
    def consent_changes(self) -> Iterator[None]:
        """Check that decisions and participants who join or leave at most stop a recording."""
        before = {r.number: r.wanted for r in self._model.call.status.recordings}
        yield
        for recording in self._model.call.status.recordings:
            if recording.wanted not in (before[recording.number], Wanted.STOPPED):
                raise InvariantViolation("consent has changed what a backend wants")

    @contextmanager
    def consent_wants_nothing(self, recording: RecordingStatus) -> Iterator[None]:
        """Check that an answer during a hold leaves the recording wanted active."""
        before = recording.wanted
        yield
        is_new = before is Wanted.ACTIVE and recording.wanted is Wanted.PAUSED
        is_meddled = recording.number in self._model.acs.meddled
        if is_new and not is_meddled and not self._model.has_consent(recording):
            raise InvariantViolation("with consent it would stay paused, and nobody asked for that")

    def taken(self, record: ControlRecord) -> None:
        """Check a request that was folded: a resume without consent must have been refused."""
        is_settled = self._model.call.status.policy is not None
        if (
            record.operation != Operation.RESUME
            or record.state is RequestState.FAILED
            or not is_settled
        ):
            return
        if not self._model.has_consent(self._model.call.recording(record.recording)):
            raise InvariantViolation("a resume without consent is not refused")

    def withdrawn(self) -> None:
        """Note that a participant has withdrawn consent."""
        acs = self._model.acs
        for recording in self._model.call.status.recordings:
            is_to_be = recording.consent.on_withdrawal is OnWithdrawal.PAUSE_AND_MARK
            is_heard = recording.number in acs.sounded - acs.meddled
            if is_to_be and is_heard and not self._model.has_consent(recording):
                self._withdrawn.add(recording.number)
                if not recording.marked:
                    raise InvariantViolation("what was recorded before a withdrawal is not marked")

    # Invariants at every moment.

    def check(self, is_idle: bool) -> None:
        """Check everything; ``is_idle``: no command is in flight, and none is to be sent."""
        if len(self._model.acs.active) > 1:
            raise InvariantViolation("two recordings of the call are on at ACS")
        for recording in self._model.call.status.recordings:
            self._check_exposure(recording)
            self._check_hold(recording)
            self._check_mark(recording)
            if is_idle:
                self._check_waiting(recording)

    def _check_exposure(self, recording: RecordingStatus) -> None:
        number, now = recording.number, self._model.now
        is_silence_wanted = recording.wanted is Wanted.PAUSED or (
            recording.wanted is Wanted.ACTIVE and not self._model.has_consent(recording)
        )
        if not (is_silence_wanted and self._model.acs.sounds(number)):
            self._check_unconfirmed(recording, self._exposed_since.pop(number, None))
            return
        since = self._exposed_since.setdefault(number, now)
        self._last_exposed[number] = now
        if now - since > PAUSE_CONFIRM_TIMEOUT and not self._is_alarmed(recording, since):
            raise InvariantViolation("ACS records what it must not, and nobody is told")

    def _check_unconfirmed(self, recording: RecordingStatus, since: datetime | None) -> None:
        """Check that an exposure that has ended is listed, if it was longer than allowed."""
        if since is None or recording.guards.on_pause_failure is not OnPauseFailure.MARK:
            return
        last = self._last_exposed[recording.number]
        if last - since > PAUSE_CONFIRM_TIMEOUT and not any(
            interval.since <= since and (interval.until or last) >= last
            for interval in recording.unconfirmed_intervals
        ):
            raise InvariantViolation("ACS recorded what is not marked as doubtful")

    def _is_alarmed(self, recording: RecordingStatus, since: datetime) -> bool:
        """Tell if an alarm was raised at that time, or before for the same pause."""
        pauses = (
            record for record in self._pending(recording) if record.operation == Operation.PAUSE
        )
        return any(record.is_overdue for record in pauses) or any(
            record.alarm.kind is AlarmKind.PAUSE_UNCONFIRMED
            and record.alarm.at >= since - PAUSE_CONFIRM_TIMEOUT
            for record in self._model.call.status.alarms
        )

    def _check_hold(self, recording: RecordingStatus) -> None:
        if recording.wanted is Wanted.STOPPED:
            self._check_declined(recording)
            return
        is_missing = not self._model.has_consent(recording)
        if recording.is_held is not is_missing:
            raise InvariantViolation(
                "it is held with consent" if recording.is_held else "it is not held"
            )
        if is_missing and recording.consented_at is None:
            self._check_consent_timeout(recording)

    def _check_consent_timeout(self, recording: RecordingStatus) -> None:
        timeout = recording.consent.consent_within
        if timeout is not None and self._model.now >= recording.requested_at + timeout:
            raise InvariantViolation("consent is awaited for too long")

    def _check_declined(self, recording: RecordingStatus) -> None:
        acs = self._model.acs
        is_heard = recording.number in acs.sounded - acs.meddled
        if recording.declined and is_heard:
            raise InvariantViolation("what is declined was recorded")

    def _check_mark(self, recording: RecordingStatus) -> None:
        if self._model.has_consent(recording):
            self._withdrawn.discard(recording.number)
        is_heard = self._model.acs.sounds(recording.number)
        is_marked = any(mark.until is None for mark in recording.marked)
        if is_heard and recording.number in self._withdrawn and not is_marked:
            raise InvariantViolation("what is recorded after a withdrawal is not marked")

    def _check_waiting(self, recording: RecordingStatus) -> None:
        # Before the start a request may wait: for consent, or for the announcement.
        if recording.actual is not Actual.NONE and self._pending(recording):
            raise InvariantViolation("a request waits, and nothing is asked of ACS")

    def _pending(self, recording: RecordingStatus) -> list[ControlRecord]:
        return self._model.call.requests.pending(recording)

    # Invariants at the end.

    def check_end(self) -> None:
        self._model.act()
        for record in self._model.call.status.requests.values():
            if record.state is RequestState.PENDING:
                raise InvariantViolation(f"what became of a {record.operation} is never known")
            self._check_failed_pause(record)
        for recording in self._model.call.status.recordings:
            if recording.actual is not Actual.STOPPED:
                raise InvariantViolation(f"recording {recording.number} is never stopped")
            if any(interval.until is None for interval in recording.unconfirmed_intervals):
                raise InvariantViolation("a doubtful interval never ends")
            if recording.is_held or any(mark.until is None for mark in recording.marked):
                raise InvariantViolation("a hold or a mark for deletion never ends")

    def _check_failed_pause(self, record: ControlRecord) -> None:
        is_refused = record.operation == Operation.PAUSE and record.problem.startswith(
            "pause failed"
        )
        if is_refused and record.state is RequestState.FAILED and not record.is_overdue:
            raise InvariantViolation("a pause failed, and nobody is told")
