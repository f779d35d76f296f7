"""A request that is not confirmed: when the caller of a pause is told, and in which words anyone.

It goes on being asked for. The caller learns at once what is known: why it is not confirmed, and
whether ACS may be recording where silence was asked for.
"""

from datetime import datetime, timedelta

from callvault.causes import Cause
from callvault.contracts.base import shorten
from callvault.contracts.states import Actual, RequestState
from callvault.contracts.status import ControlRecord, RecordingStatus
from workflows.call import silence
from workflows.call.commands import Operation
from workflows.call.pauses import GATE

MIN_ANSWER_TIMEOUT = timedelta(seconds=1)
"""Time that ACS has to confirm a pause which was seen late, before its caller is answered."""

WITHDRAWAL = (
    "the withdrawal counts, and ACS has not confirmed yet that it records no more: it may be"
    " recording, and ACS is asked again until it is proven to pause"
)
"""The answer to a withdrawal whose pause is not confirmed in time."""

WITHDRAWAL_BEFORE_START = (
    "the withdrawal counts, and a recording that ACS has not been asked for yet is to begin paused:"
    " that it does is proven only once it has begun"
)
"""The answer to one while nothing is recorded, and a start is to follow."""

WITHDRAWAL_OF_ORPHAN = (
    "the withdrawal counts, and a recording of the call goes on that nobody asked for here, as an"
    " event tells: it may be recording, and cannot be paused before it is adopted"
)
"""The answer to one while another program's recording goes on."""


def answer_due(record: ControlRecord, confirm_within: timedelta) -> datetime:
    """Return by when the caller of a pause is answered with what is known."""
    return max(record.requested_at + confirm_within, record.received_at + MIN_ANSWER_TIMEOUT)


def answer(recording: RecordingStatus, record: ControlRecord, now: datetime) -> ControlRecord:
    """Return a pending request as its caller is told of it: not done, and why."""
    is_silent = not _asks_for_silence(record) or silence.is_silent(recording)
    told = {
        "may_be_recording": not is_silent,
        "problem": record.problem
        or shorten(f"{why(recording, record, now)[0]}: {_what_goes_on(record)}"),
    }
    return record.model_copy(update=told)


def answer_while_recalling(recording: RecordingStatus, answer: ControlRecord) -> ControlRecord:
    """Return what a caller is told while it is not known what the run before a reset has begun."""
    if answer.state is not RequestState.PENDING or recording.sound.begun_at is not None:
        return answer
    told = {
        "may_be_recording": _asks_for_silence(answer),
        "problem": f"{_RECALLING}: {_what_goes_on(answer)}",
    }
    return answer.model_copy(update=told)


def _asks_for_silence(record: ControlRecord) -> bool:
    return record.operation in (Operation.PAUSE, Operation.STOP)


def _what_goes_on(record: ControlRecord) -> str:
    return _PAUSE_GOES_ON if record.operation == Operation.PAUSE else _GOES_ON


def why(
    recording: RecordingStatus, record: ControlRecord, now: datetime
) -> tuple[str, Cause | None]:
    """Say why a request is not confirmed, as far as anything told, and its cause.

    Without a cause it is nobody's fault.
    """
    unconfirmed = "it is not confirmed yet"
    if recording.trouble is not None and recording.trouble.cause is not None:
        return f"{unconfirmed}: {recording.trouble.what}", recording.trouble.cause
    if recording.sound.begun_at is None:
        return f"{unconfirmed}: ACS has not been asked to record yet", None
    is_pause = record.operation == Operation.PAUSE
    if is_pause and (ambiguous := _ambiguous(recording, now)) is not None:
        return f"{unconfirmed}: {ambiguous}", None
    unseen = record.received_at - record.requested_at
    if unseen > now - record.received_at and record.requested_by == GATE:
        # Whether a sender, an event or a worker was late is not known here.
        return f"{unconfirmed}: word of its reason came {unseen.total_seconds():.0f} s late", None
    if unseen > now - record.received_at:
        return f"{unconfirmed}: no worker took it for {unseen.total_seconds():.0f} s", Cause.WORKER
    waited = (now - record.received_at).total_seconds()
    return f"{unconfirmed}: no answer of ACS for {waited:.0f} s", Cause.NO_ANSWER


def _ambiguous(recording: RecordingStatus, now: datetime) -> str | None:
    """Say until when a reading proves nothing; None if it does, or none says that it is paused."""
    proves_from = silence.proves_from(recording)
    if recording.actual is not Actual.PAUSED or proves_from is None or proves_from <= now:
        return None
    until = f"{proves_from:%H:%M:%S} UTC"
    return f"ACS reports it inactive, which until {until} may also mean that sound is still to come"


_RECALLING = (
    "it is not confirmed yet: it is being found out whether the call's workflow was reset, and what"
    " was being recorded then"
)

_PAUSE_GOES_ON = "ACS is asked again until it is proven to pause"

_GOES_ON = "it may still take effect: repeat it with the same requestId, or ask for the status"
