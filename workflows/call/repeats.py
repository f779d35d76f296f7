"""The same request again: which record answers it, and what may still be said of it.

A start, a resume and a stop are known by their ``requestId``. A pause that was answered, or
released, is asked for anew, which changes nothing while it is held: no answer from memory says that
ACS is silent.
"""

from datetime import datetime

from callvault.contracts.requests import ControlRequest
from callvault.contracts.states import RequestState
from callvault.contracts.status import CallStatus, ControlRecord, RecordingStatus
from workflows.call import pauses, unconfirmed
from workflows.call.commands import Operation
from workflows.call.refusals import refuse_control
from workflows.call.request_records import asked_at


def first(
    status: CallStatus,
    known: ControlRecord | None,
    current: RecordingStatus | None,
    request: ControlRequest,
    now: datetime,
) -> ControlRecord | None:
    """Return the record of the same request that answers this one, too; None to fold it anew.

    ``known`` is the record of the same request, if it came before.
    """
    if known is None or known.operation != Operation.PAUSE:
        return known
    if known.state is RequestState.PENDING and not _is_released(status, known):
        return known
    if refuse_control(Operation.PAUSE, current) is not None:
        return known
    # One that is no younger than the first is a repetition from before the resume.
    is_older = asked_at(request, now) <= known.requested_at
    return known if is_older and _is_released(status, known) else None


def answer_of(status: CallStatus, record: ControlRecord, now: datetime) -> ControlRecord:
    """Return what to answer: a pause that is held no more is never said to be confirmed."""
    if record.state is RequestState.PENDING:
        return unconfirmed.answer(_recording_of(status, record), record, now)
    if record.state is not RequestState.CONFIRMED or not _is_released(status, record):
        return record
    ended = {"state": RequestState.SUPERSEDED, "problem": "it was released since: ask again"}
    return record.model_copy(update=ended)


def _is_released(status: CallStatus, record: ControlRecord) -> bool:
    if record.operation != Operation.PAUSE or record.state is RequestState.FAILED:
        return False
    return not pauses.is_held(_recording_of(status, record), record)


def _recording_of(status: CallStatus, record: ControlRecord) -> RecordingStatus:
    return next(each for each in status.recordings if each.number == record.recording)
