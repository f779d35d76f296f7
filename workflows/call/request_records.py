"""The records of a call's requests: asker, reason, times, and what became of each."""

import hashlib
import itertools
from datetime import datetime

from callvault.contracts.requests import RESUME_EXPIRY, ControlRequest, StartRequest
from callvault.contracts.states import Actual, RequestState, Wanted
from callvault.contracts.status import CallStatus, ControlRecord, RecordingStatus
from workflows.call import pauses, silence
from workflows.call.commands import REACHED, TARGET_OF, Operation

_NOT_FOUND = (
    "its start got no answer, and may have begun it: without its recordingId it cannot be stopped."
    " It is stopped once ACS tells of it"
)
"""The end of a stop of what may be on, and cannot be asked to stop."""

OWN_KEY = "#"
"""Begins the key of a request that came without an id of its own; a number follows."""

_NO_CONTENT = {"request_id", "requested_at", "expires_at"}


class Requests:
    """The records of a call's requests; each ends confirmed, superseded or failed.

    Once anybody else has added some, another one is to be made.
    """

    def __init__(self, status: CallStatus) -> None:
        self._records = status.requests
        self._recordings = status.recordings
        self._open = list(self._records.values())
        """All that are pending, and some that were: what is settled stays so."""

    def known(self, operation: Operation, request: ControlRequest) -> ControlRecord | None:
        """Return the record of the same request, sent before."""
        record = self._of_id(request)
        is_same = record is not None and record.content == content_of(operation, request)
        return record if is_same else None

    def clashing(self, operation: Operation, request: ControlRequest) -> ControlRecord | None:
        """Return the record of another request that came with the same id."""
        return None if self.known(operation, request) else self._of_id(request)

    def add(
        self,
        operation: Operation,
        request: ControlRequest,
        recording: int,
        now: datetime,
        refused: str | None,
    ) -> ControlRecord:
        """Record a request; one that was refused has failed at once."""
        requested_at = asked_at(request, now)
        record = ControlRecord(
            operation=operation,
            requested_by=request.requested_by,
            authenticated_as=request.authenticated_as,
            reason=request.reason,
            requested_at=requested_at,
            received_at=now,
            expires_at=expiry_of(operation, request, now),
            force=request.force and operation is Operation.RESUME,
            content=content_of(operation, request),
            recording=recording,
            state=RequestState.FAILED if refused else RequestState.PENDING,
            problem=refused or "",
            settled_at=now if refused else None,
        )
        is_taken = request.request_id in self._records
        key = None if is_taken else request.request_id
        self._records[key or self._unused_id()] = record
        self._open.append(record)
        return record

    def pending(self, recording: RecordingStatus) -> list[ControlRecord]:
        """Return the requests about a recording that are not settled yet, oldest first."""
        # Of hundreds of people who come at once each has a pause and a resume, and this is asked
        # several times for each of them.
        self._open = [each for each in self._open if each.state is RequestState.PENDING]
        return [each for each in self._open if each.recording == recording.number]

    def is_time_awaited(self, recording: RecordingStatus) -> bool:
        """Tell if a resume is pending of which it is not known when it came: it may be too old."""
        return any(
            record.is_time_awaited and record.operation == Operation.RESUME
            for record in self.pending(recording)
        )

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
                self._reached(record, recording, now)
            elif record.operation == Operation.STOP and recording.actual is Actual.STOPPED:
                fail(record, _NOT_FOUND, now)
                _tell_sound(record, recording)
            elif _is_overtaken(record, recording):
                self._supersede(record, recording, now)
                _tell_sound(record, recording)

    def fail(
        self, recording: RecordingStatus, operations: set[Operation], problem: str, now: datetime
    ) -> None:
        """End the pending requests of these kinds with the reason."""
        for record in self.pending(recording):
            if record.operation in operations:
                fail(record, problem, now)
                _tell_sound(record, recording)

    def _of_id(self, request: ControlRequest) -> ControlRecord | None:
        return self._records.get(request.request_id or "")

    def _supersede(self, record: ControlRecord, recording: RecordingStatus, now: datetime) -> None:
        _end(record, RequestState.SUPERSEDED, now)
        if record.operation == Operation.RESUME and recording.wanted is not Wanted.STOPPED:
            record.held_by = pauses.holders(recording)
        is_own = pauses.holds(recording, record)
        is_held = bool(record.held_by) and not is_own
        why = _held(record) if is_held else self._overtaker(record, recording)
        record.problem = record.problem or why

    def _reached(self, record: ControlRecord, recording: RecordingStatus, now: datetime) -> None:
        """End a request that has come about, unless that is not enough for who asked."""
        going_on = self._going_on() if record.operation == Operation.PAUSE else None
        if going_on is None:
            _end(record, RequestState.CONFIRMED, now)
            self._keep_from_starting(record, recording)
            return
        # Whoever asks for a pause wants the call to be silent. The pause is held all the same.
        what = (
            f"recording {recording.number} is not recording, but recording {going_on.number} of"
            " this call may be: ACS refused to stop it, and is asked again"
        )
        fail(record, what, now)
        record.may_be_recording = True

    def _going_on(self) -> RecordingStatus | None:
        """Return the recording that may be on, since ACS refused to stop it; None if none is."""
        refused = (r for r in self._recordings if r.refused_operation == Operation.STOP)
        return next((r for r in refused if not silence.is_silent(r)), None)

    def _keep_from_starting(self, record: ControlRecord, recording: RecordingStatus) -> None:
        """See to it that what was confirmed to be silent does not begin before it is released."""
        if record.operation != Operation.PAUSE or recording.actual is not Actual.NONE:
            return
        same = (each for each in self._records.values() if each.received_at == record.received_at)
        own = (each for each in same if each.requested_by == record.requested_by)
        # What is to begin paused does begin: nobody was told that its pause is confirmed.
        if not any(each.operation == Operation.START for each in own):
            for pause in pauses.of(recording, record):
                pause.is_before_start = True

    def _overtaker(self, record: ControlRecord, recording: RecordingStatus) -> str:
        """Say in a few words what has taken the place of a request."""
        later = (
            other
            for other in reversed(self._records.values())
            if other.recording == recording.number
            and other.received_at >= record.received_at
            and other.operation != record.operation
            and other.state is not RequestState.FAILED
        )
        if recording.wanted is Wanted.STOPPED:
            stops = [other for other in later if other.operation == Operation.STOP]
            by = f"by the stop of {stops[-1].requested_by}" if stops else "by the recording's end"
            return f"superseded {by}"
        last = next(later, None)
        by = f" by the {last.operation} of {last.requested_by}" if last else ""
        return f"superseded{by}"

    def _unused_id(self) -> str:
        """Return a key for a request that came without an id of its own."""
        numbers = itertools.count(len(self._records) + 1)
        return next(key for n in numbers if (key := f"{OWN_KEY}{n}") not in self._records)


def asked_at(request: ControlRequest, now: datetime) -> datetime:
    """Return when something was asked, as far as that is known: never later than now."""
    return min(request.requested_at or now, now)


def expiry_of(operation: Operation, request: ControlRequest, now: datetime) -> datetime | None:
    """Return when a resume expires; None for all else, and for what nobody outside asked for."""
    if operation is not Operation.RESUME or request.requested_by in pauses.RESERVED:
        return None
    return request.expires_at or asked_at(request, now) + RESUME_EXPIRY


def content_of(operation: Operation, request: ControlRequest) -> str:
    """Return a digest of what is asked; the times of a request are not part of it."""
    # As an input of the workflow and as an update, a start is the same request.
    model = StartRequest if isinstance(request, StartRequest) else ControlRequest
    fields = set(model.model_fields) - _NO_CONTENT
    # Without defaults, so that a field of a later version makes no other request of it.
    told = request.model_dump_json(include=fields, exclude_defaults=True)
    return hashlib.sha256(f"{operation} {told}".encode()).hexdigest()[:16]


def fail(record: ControlRecord, problem: str, now: datetime) -> None:
    """End a request that came to nothing."""
    record.problem = problem
    _end(record, RequestState.FAILED, now)


def _held(record: ControlRecord) -> str:
    names = ", ".join(holder.caller for holder in record.held_by)
    return (
        f"released yours; it stays paused by {names}. Everybody resumes for themselves: only force"
        " releases all, but for what consent demands"
    )


def _is_reached(record: ControlRecord, recording: RecordingStatus) -> bool:
    if record.operation == Operation.START:
        return recording.recording_id is not None
    if record.operation == Operation.PAUSE and recording.actual is Actual.NONE:
        # Nothing is recorded, and nothing will be before consent is there.
        return recording.waits_for_consent and recording.sound.begun_at is None
    if record.operation == Operation.RESUME and recording.target is not Wanted.ACTIVE:
        # It still records, and not for long: somebody else's pause is about to be carried out.
        return False
    if record.operation == Operation.PAUSE:
        # Never from memory: by a reading that was made for it, or for a later one.
        return silence.is_read_since(recording, record.received_at)
    if record.operation == Operation.STOP and not silence.is_silent(recording):
        # Nothing more is asked of it, and it may be on: its start was never answered.
        return False
    return recording.actual is REACHED[TARGET_OF[Operation(record.operation)]]


def _tell_sound(record: ControlRecord, recording: RecordingStatus) -> None:
    """Say of a request for silence that came to nothing whether ACS may be recording."""
    asks_for_silence = record.operation in (Operation.PAUSE, Operation.STOP)
    record.may_be_recording = asks_for_silence and not silence.is_silent(recording)
    for unproven in (p for p in pauses.of(recording, record) if p.confirmed_at is None):
        # What ACS told was then of something else: of the recording's end, say.
        unproven.notified_at = record.notified_at = None


def _is_overtaken(record: ControlRecord, recording: RecordingStatus) -> bool:
    """Tell if something else is wanted now; a start serves every wish but a stop."""
    if record.operation == Operation.START:
        return recording.wanted is Wanted.STOPPED
    return recording.target is not TARGET_OF[Operation(record.operation)]


def _end(record: ControlRecord, state: RequestState, now: datetime) -> None:
    record.state = state
    record.settled_at = now
