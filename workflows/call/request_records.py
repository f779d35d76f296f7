"""The records of a call's requests: asker, reason, times, and what became of each."""

import itertools
from datetime import datetime

from callvault.contracts.requests import ControlRequest
from callvault.contracts.states import Actual, RequestState, Wanted
from callvault.contracts.status import CallStatus, ControlRecord, RecordingStatus
from workflows.call.commands import REACHED, TARGET_OF, Operation
from workflows.call.state_limits import MAX_RECORDINGS


class Requests:
    """The records of a call's requests; each ends confirmed, superseded or failed."""

    def __init__(self, status: CallStatus) -> None:
        self._records = status.requests

    def known(self, request: ControlRequest) -> ControlRecord | None:
        """Return the record of an earlier request with the same id."""
        return self._records.get(request.request_id) if request.request_id else None

    def add(
        self,
        operation: Operation,
        request: ControlRequest,
        recording: int,
        now: datetime,
        refused: str | None,
    ) -> ControlRecord:
        """Record a request; one that was refused has failed at once."""
        record = ControlRecord(
            operation=operation,
            requested_by=request.requested_by,
            authenticated_as=request.authenticated_as,
            reason=request.reason,
            requested_at=now,
            recording=recording,
            state=RequestState.FAILED if refused else RequestState.PENDING,
            problem=refused or "",
            settled_at=now if refused else None,
        )
        self._records[request.request_id or self._unused_id()] = record
        return record

    def pending(self, recording: RecordingStatus) -> list[ControlRecord]:
        """Return the requests about a recording that are not settled yet, oldest first."""
        return [
            record
            for record in self._records.values()
            if record.recording == recording.number and record.state is RequestState.PENDING
        ]

    def accepted(
        self,
        recording: RecordingStatus,
        operation: Operation,
        accepted_at: datetime | None,
        now: datetime,
    ) -> None:
        """Note when ACS accepted what these requests asked for."""
        for record in self.pending(recording):
            if record.operation == operation and accepted_at is not None:
                # An activity's clock and the workflow's differ by milliseconds: no request may seem
                # to be accepted before it was asked for, or after it was done.
                record.accepted_at = min(max(record.requested_at, accepted_at), now)

    def close(self, recording: RecordingStatus, now: datetime) -> None:
        """Say of every pending request what became of it, as far as that is known."""
        for record in self.pending(recording):
            record.recording_id = recording.recording_id
            if _is_reached(record, recording):
                _end(record, RequestState.CONFIRMED, now)
            elif _is_overtaken(record, recording):
                _end(record, RequestState.SUPERSEDED, now)

    def fail(
        self, recording: RecordingStatus, operations: set[Operation], problem: str, now: datetime
    ) -> None:
        """End the pending requests of these kinds with the reason."""
        for record in self.pending(recording):
            if record.operation in operations:
                record.problem = problem
                _end(record, RequestState.FAILED, now)

    def _unused_id(self) -> str:
        """Return a key for a request that came without an id."""
        numbers = itertools.count(len(self._records) + 1)
        return next(key for n in numbers if (key := f"#{n}") not in self._records)


def refuse_start(
    current: RecordingStatus | None, call_ended: datetime | None, started: int = 0
) -> str | None:
    """Say why nothing can be started now; None if it can.

    ``started`` is the number of recordings that were asked for before.
    """
    if call_ended is not None:
        return "The call is over: nothing more can be recorded in it."
    if current is not None and current.wanted is not Wanted.STOPPED:
        return (
            f"Recording {current.number} of this call is still {current.state}: "
            "stop it before starting another."
        )
    if started >= MAX_RECORDINGS:
        return f"{started} recordings were started in this call: it may not have more."
    return None


def refuse_control(operation: Operation, current: RecordingStatus | None) -> str | None:
    """Say why the current recording cannot be controlled so; None if it can."""
    if current is None:
        return "Callvault controls no recording of this call: start one first."
    if operation is not Operation.STOP and current.wanted is Wanted.STOPPED:
        return f"Recording {current.number} is stopped, and a stop is final: start another one."
    if operation is Operation.RESUME and current.is_held:
        return (
            f"Recording {current.number} is held back, because {current.holds[-1].reason}:"
            " it goes on by itself once consent is given."
        )
    return None


def _is_reached(record: ControlRecord, recording: RecordingStatus) -> bool:
    if record.operation == Operation.START:
        return recording.recording_id is not None
    if record.operation == Operation.PAUSE and recording.actual is Actual.NONE:
        # Nothing is recorded, and nothing will be before consent is there.
        return recording.waits_for_consent
    return recording.actual is REACHED[TARGET_OF[Operation(record.operation)]]


def _is_overtaken(record: ControlRecord, recording: RecordingStatus) -> bool:
    """Tell if something else is wanted now; a start serves every wish but a stop."""
    if record.operation == Operation.START:
        return recording.wanted is Wanted.STOPPED
    return recording.target is not TARGET_OF[Operation(record.operation)]


def _end(record: ControlRecord, state: RequestState, now: datetime) -> None:
    record.state = state
    record.settled_at = now
