"""Pauses and their holders: a recording stays paused until each of them has released its own.

A resume releases the pauses of its own requester, so that nobody's end ends another's protection;
by force it releases all but what consent demands. A pause of nobody's own falls to any resume.
"""

import hashlib
from datetime import datetime
from typing import NamedTuple, TypeVar

from callvault.contracts.base import name_of_caller, shorten
from callvault.contracts.requests import ControlRequest
from callvault.contracts.states import Wanted
from callvault.contracts.status import ControlRecord, PauseHolder, PauseRecord, RecordingStatus
from workflows.call import intervals, silence
from workflows.call.commands import Operation
from workflows.call.intervals import FOREVER

GATE = "consent-gate"
"""The asker of what consent demands."""

GUARD = "callvault"
"""The asker of what Callvault asks for by itself."""

THIRD_PARTY = "somebody else"
"""The asker of a pause that nobody asked for here."""

MANY = "others"
"""The holder of the pauses of all those that are too many to be told apart."""

RESERVED = frozenset({GATE, GUARD, THIRD_PARTY, MANY})
"""Names that no request from outside may have: they would hold, or release, what is not theirs."""

_NOBODYS = frozenset({GUARD, THIRD_PARTY})
"""Askers who protect nobody of their own: the guard repeats what others hold, or what failed."""

MAX_HOLDERS = 50
"""Most requesters whose pauses are told apart; further ones hold together, and force releases."""

MAX_OPEN_OF_ONE = 4
"""Most open pauses of one holder that are kept: the first and the newest."""

AnyRequest = TypeVar("AnyRequest", bound=ControlRequest)

MAX_NAMED = 5
MAX_NAME = 100
"""Most holders that a request's record names, and the longest name of one, in characters."""


def of_outside(request: AnyRequest) -> AnyRequest:
    """Return a request that does not pretend to be Callvault's own."""
    if request.requested_by not in RESERVED:
        return request
    return request.model_copy(update={"requested_by": f"caller {request.requested_by}"})


class Holder(NamedTuple):
    """A holder of pauses: who asked, as they said and as their key or token says."""

    name: str
    key: str = ""


def holder_of(record: ControlRecord) -> Holder:
    """Return who holds the pauses of a request, and releases them."""
    return Holder(short_name(record.requested_by), short_name(record.authenticated_as))


def _holder(pause: PauseRecord) -> Holder:
    return Holder(pause.requested_by, pause.authenticated_as)


def _name_of(record: ControlRecord) -> str:
    return name_of_caller(*holder_of(record))


def short_name(name: str) -> str:
    """Return a name that is short, and nobody else's; one that is short already stays as it is."""
    if len(name) <= MAX_NAME:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{shorten(name, MAX_NAME - 17)}#{digest}"


def fold(recording: RecordingStatus, record: ControlRecord) -> None:
    """Draw the consequences of a request that was taken for the pauses of its recording."""
    match record.operation:
        case Operation.PAUSE:
            hold(recording, record)
        case Operation.RESUME:
            others = _release_all(recording, record) if record.force else []
            since, by = record.requested_at, _name_of(record)
            release(recording, holder_of(record), by, record.received_at, asked_at=since)
            record.released = _named(others)
        case Operation.STOP:
            recording.wanted = Wanted.STOPPED


def hold(recording: RecordingStatus, record: ControlRecord) -> None:
    """Add the pause of a request."""
    holder = holder_of(record)
    known = {_holder(pause) for pause in _open(recording) if pause.requested_by not in RESERVED}
    if holder not in known and holder.name not in RESERVED and len(known) >= MAX_HOLDERS:
        holder = Holder(MANY)
    recording.pauses.append(
        PauseRecord(
            requested_by=holder.name,
            authenticated_as=holder.key,
            reason=record.reason,
            requested_at=record.requested_at,
            received_at=record.received_at,
        )
    )
    _bound(recording, holder)
    review(recording)


def release(
    recording: RecordingStatus,
    holder: Holder,
    by: str,
    now: datetime,
    *,
    asked_at: datetime | None = None,
) -> list[PauseRecord]:
    """Release the pauses of a holder, and with them those of nobody's own; return the holder's.

    ``asked_at`` is when a resume was asked for: a pause of the same holder that tells a later time
    has overtaken it on its way, and stays.
    """
    held = _open(recording)
    of_holder = (pause for pause in held if _holder(pause) == holder)
    own = [p for p in of_holder if asked_at is None or not _is_younger(p, asked_at)]
    nobodys = [pause for pause in held if pause.requested_by in _NOBODYS]
    _end(own if holder.name == GATE else [*own, *nobodys], by, now)
    review(recording)
    return own


def _is_younger(pause: PauseRecord, asked_at: datetime) -> bool:
    # One that tells no time counts from when it came, by another clock than its requester's.
    return asked_at < pause.requested_at < pause.received_at


def is_repeated(recording: RecordingStatus, record: ControlRecord) -> bool:
    """Tell if a pause of the same requester, asked for at the same time, was taken before."""
    own = (pause for pause in recording.pauses if _holder(pause) == holder_of(record))
    return any(pause.requested_at == record.requested_at for pause in own)


def confirm(recording: RecordingStatus, pending: list[ControlRecord]) -> None:
    """Note since when ACS is proven to record nothing, as all open and pending pauses asked."""
    asked = _open(recording)
    for record in pending:
        for pause in of(recording, record):
            pause.accepted_at = pause.accepted_at or record.accepted_at
            asked.append(pause)
    since = silence.silent_since(recording)
    for pause in asked:
        if since is not None and silence.is_read_since(recording, pause.received_at):
            pause.confirmed_at = pause.confirmed_at or max(since, pause.requested_at)


def sounds(recording: RecordingStatus, at: datetime) -> None:
    """Note that sound was sent for: what was confirmed to be paused is so no more."""
    for pause in recording.pauses:
        if pause.confirmed_at is not None and pause.resumed_at is None:
            pause.resumed_at = max(at, pause.confirmed_at)


def contradicted(recording: RecordingStatus) -> None:
    """Note that a silence was taken back: a pause lasted as long as silence is still claimed."""
    for pause in recording.pauses:
        at = pause.confirmed_at
        if at is None:
            continue
        spans = (intervals.span_of(each) for each in recording.silence.silent)
        ends = (span.until for span in spans if span.since <= at < span.until)
        until = min(next(ends, at), pause.resumed_at or FOREVER)
        pause.resumed_at = None if until == FOREVER else until


def silence_wanted(recording: RecordingStatus) -> tuple[datetime, str] | None:
    """Return since when silence is wanted, and why in words; None while it is not.

    By the requests' own times: what was asked for is wanted until it is released, also while the
    recording is being stopped.
    """
    wanted = [
        (pause.requested_at, f"{pause.requested_by} asked for a pause")
        for pause in _open(recording)
    ]
    if recording.is_held:
        hold = recording.holds[-1]
        how = "being stopped" if recording.wanted is Wanted.STOPPED else "held back"
        wanted.append((hold.since, f"it was {how}: {hold.reason}"))
    return min(wanted, default=None)


def ended_by(recording: RecordingStatus, record: ControlRecord) -> list[PauseRecord]:
    """Return the pauses that a resume has released, or another one of the same moment."""
    # Not by its name, which may have been cut.
    return [pause for pause in recording.pauses if pause.released_at == record.received_at]


def of(recording: RecordingStatus, record: ControlRecord) -> list[PauseRecord]:
    """Return the pause of a request; empty if it was none, or is not kept."""
    if record.recording != recording.number:
        return []
    at, own = record.received_at, (holder_of(record), Holder(MANY))
    same = [pause for pause in recording.pauses if pause.received_at == at]
    return [pause for pause in same if pause.reason == record.reason and _holder(pause) in own]


def is_held(recording: RecordingStatus, record: ControlRecord) -> bool:
    """Tell if the pause of a request is not released yet; False if it was none, or is not kept."""
    return any(pause.is_open for pause in of(recording, record))


def review(recording: RecordingStatus) -> None:
    """Want a recording paused as long as a pause is held; consent has its own say, see `target`."""
    if recording.wanted is not Wanted.STOPPED:
        is_held = any(pause.requested_by != GATE for pause in _open(recording))
        recording.wanted = Wanted.PAUSED if is_held else Wanted.ACTIVE


def holders(recording: RecordingStatus) -> list[PauseHolder]:
    """Name those who hold a recording paused, each once, with the newest of their pauses."""
    return _named(newest(recording))


def holds(recording: RecordingStatus, record: ControlRecord) -> bool:
    """Tell if the requester of this request holds the recording paused."""
    holder = holder_of(record)
    return any(_holder(pause) == holder for pause in _open(recording))


def newest(recording: RecordingStatus) -> list[PauseRecord]:
    """Return the newest pause of each of its holders."""
    return list({_holder(pause): pause for pause in _open(recording)}.values())


def _open(recording: RecordingStatus) -> list[PauseRecord]:
    """Return the pauses that are not released."""
    # Not by `is_open`: this is asked many times for each of hundreds of people who come at once.
    return [pause for pause in recording.pauses if pause.released_at is None]


def _release_all(recording: RecordingStatus, record: ControlRecord) -> list[PauseRecord]:
    """Release what no consent demands; return the pauses of others that were still held."""
    held = [pause for pause in _open(recording) if pause.requested_by != GATE]
    _end(held, _name_of(record), record.received_at)
    others = [pause for pause in held if _holder(pause) != holder_of(record)]
    return [pause for pause in others if pause.requested_by not in _NOBODYS]


def _end(pauses: list[PauseRecord], by: str, now: datetime) -> None:
    for pause in pauses:
        pause.released_at, pause.released_by = now, by


def _bound(recording: RecordingStatus, holder: Holder) -> None:
    """Keep of a holder's open pauses the first and the newest."""
    own = [pause for pause in _open(recording) if _holder(pause) == holder]
    for pause in own[1 : 1 - MAX_OPEN_OF_ONE]:
        recording.pauses.remove(pause)
        recording.pauses_left_out += 1


def _named(pauses: list[PauseRecord]) -> list[PauseHolder]:
    return [
        PauseHolder(
            requested_by=pause.requested_by,
            authenticated_as=pause.authenticated_as,
            reason=shorten(pause.reason, MAX_NAME),
            since=pause.requested_at,
        )
        for pause in pauses[:MAX_NAMED]
    ]
