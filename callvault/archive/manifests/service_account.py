"""The service's own account of a recording's sound, compared with ours of its silence.

The service tells of its pauses in the metadata files, by its own clock; the files themselves tell
how much sound there is. Silence that either contradicts is not claimed any more.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import NamedTuple

from callvault.contracts.events import known_time
from callvault.contracts.manifest import ManifestChunk
from callvault.contracts.silence import SilenceAccount, UnconfirmedInterval
from callvault.contracts.states import ChunkState
from callvault.contracts.status import PauseRecord, RecordingStatus

TOLERANCE = timedelta(milliseconds=250)
"""Difference allowed at either end of a silence: a pause takes effect at a picture's edge."""

LENGTH_TOLERANCE = timedelta(seconds=1)
LENGTH_SHARE = 0.01
"""Difference allowed to a recording's length, as to that of a file: the larger one counts."""

MAX_LATENCY = timedelta(seconds=30)
"""Longest time from the answer to a start until there is sound."""

MAX_EDGES = 64
"""Beginnings and ends of sound, and of silence, by which the clocks are compared."""

_CONTRADICTED = "the service's own account tells of sound in them"
_TOO_LONG = "the files play longer than they can, were all of them true"


class Span(NamedTuple):
    """A time from a moment to another one."""

    since: datetime
    until: datetime


class Comparison(NamedTuple):
    """Our account without what the service contradicts, and the contradictions in sentences."""

    silence: SilenceAccount
    contradictions: tuple[str, ...] = ()


def compare(recording: RecordingStatus, chunks: Sequence[ManifestChunk]) -> Comparison:
    """Compare the accounts, as far as every file of the recording is there to tell."""
    ours = recording.silence
    claims = list(_claims(recording))
    if not claims or not chunks or any(_length(chunk) is None for chunk in chunks):
        return Comparison(ours)
    if recording.adopted_at is not None:
        # Nobody here knows since when its files tell of sound: they are no witness.
        return Comparison(ours)
    if _is_heard(claims, recording, chunks):
        return _without(claims, recording, _CONTRADICTED)
    if _is_too_long(_played(chunks), claims, recording):
        return _without(claims, recording, _TOO_LONG)
    return Comparison(ours)


def _claims(recording: RecordingStatus) -> Iterator[Span]:
    """Return each silence that is long enough to be compared."""
    for silence in recording.silence.silent:
        until = silence.until or recording.stopped_at
        if until is not None and until - silence.since > 2 * TOLERANCE:
            yield Span(silence.since, until)


def _length(chunk: ManifestChunk) -> timedelta | None:
    """Return how long a file plays; None where it is not archived, or does not tell."""
    played = chunk.check.facts.duration_ms if chunk.check else None
    if chunk.state is not ChunkState.ARCHIVED or played is None:
        return None
    return timedelta(milliseconds=played)


def _played(chunks: Sequence[ManifestChunk]) -> timedelta:
    """Return how long all files play, one after the other."""
    # Two documents under one index are one part of the recording, which the service has twice.
    by_index: dict[int, timedelta] = {}
    for chunk in chunks:
        length = _length(chunk) or timedelta()
        by_index[chunk.index] = max(length, by_index.get(chunk.index, length))
    return sum(by_index.values(), timedelta())


def _is_heard(
    claims: Sequence[Span], recording: RecordingStatus, chunks: Sequence[ManifestChunk]
) -> bool:
    """Tell if the service speaks of sound within our silence, by whichever clock.

    Its clock may differ from Temporal's: only what no difference explains is a contradiction.
    """
    # A metadata file that tells less than all is no witness against anything.
    if not all(map(_tells_all, chunks)):
        return False
    sound = sorted(span for chunk in chunks for span in _sound(chunk))
    if not sound:
        return False
    differences = _clock_differences(claims, sound, recording)
    return not any(_agree(claims, sound, ahead) for ahead in differences)


def _tells_all(chunk: ManifestChunk) -> bool:
    # Times that cannot be right, too, which were once taken over: of .NET's last one no length
    # leads anywhere.
    times = [chunk.service_start_time, *(pause.start_time for pause in chunk.service_pauses)]
    return not chunk.metadata_problem and all(map(known_time, times))


def _sound(chunk: ManifestChunk) -> Iterator[Span]:
    """Return the times in which there is sound, by the service's metadata and the file's length.

    Whether the service's duration includes its pauses is not documented: the file's never does.
    """
    length, start = _length(chunk), chunk.service_start_time
    if length is None or start is None:
        return
    pauses = sorted(chunk.service_pauses, key=lambda pause: pause.start_time)
    end = start + length + sum((_duration(p.duration_ms) for p in pauses), timedelta())
    for pause in pauses:
        if pause.start_time > start:
            yield Span(start, pause.start_time)
        start = max(start, pause.start_time + _duration(pause.duration_ms))
    if end > start:
        yield Span(start, end)


def _duration(milliseconds: float) -> timedelta:
    return timedelta(milliseconds=milliseconds)


def _agree(claims: Sequence[Span], sound: Sequence[Span], ahead: timedelta) -> bool:
    """Tell if all silence is free of sound, if the service's clock is ahead by so much."""
    edges = iter(sound)
    heard = next(edges, None)
    for claim in claims:
        # Both are in order: what ended before this silence ended before all that follow.
        while heard is not None and heard.until - ahead <= claim.since + TOLERANCE:
            heard = next(edges, None)
        if heard is not None and heard.since - ahead < claim.until - TOLERANCE:
            return False
    return True


def _clock_differences(
    claims: Sequence[Span], sound: Sequence[Span], recording: RecordingStatus
) -> Iterator[timedelta]:
    """Return the differences of the clocks that are worth trying.

    Sound begins after it was asked for first, and before it was first read. Within that, a
    difference is best where two edges meet.
    """
    began = _beginning(recording)
    earliest = sound[0].since - began.until - TOLERANCE
    latest = sound[0].since - began.since + TOLERANCE
    yield from (earliest, latest)
    ours = [edge for span in claims[: MAX_EDGES // 2] for edge in span]
    theirs = [edge for span in sound[: MAX_EDGES // 2] for edge in span]
    for edge, heard in product(ours, theirs):
        # With the tolerance, silence may also end that much later, or begin that much earlier.
        for ahead in (heard - edge - TOLERANCE, heard - edge + TOLERANCE):
            if earliest <= ahead <= latest:
                yield ahead


def _beginning(recording: RecordingStatus) -> Span:
    """Return the time within which the first sound began, by our account.

    After a request for it was sent first, and before a reading first told of it. When the answer to
    a start was heard of tells only that it began no later than so long after.
    """
    begun_at = _begun_at(recording)
    active_at = recording.sound.active_at
    latest = (recording.started_at or begun_at) + MAX_LATENCY
    held = [pause for pause in recording.pauses if _was_held(pause, begun_at)]
    if not held:
        return Span(begun_at, min(active_at or latest, latest))
    # It began paused: what resumes it may be sent again and again, until it has come through.
    resumed_at = min((pause.resumed_at for pause in held if pause.resumed_at), default=begun_at)
    if active_at is None:
        return Span(resumed_at, max(resumed_at + MAX_LATENCY, latest))
    return Span(resumed_at if resumed_at <= active_at else begun_at, active_at)


def _begun_at(recording: RecordingStatus) -> datetime:
    # Manifests of older software do not tell when the start was sent: the answer to it is nearest.
    return recording.sound.begun_at or recording.started_at or recording.requested_at


def _was_held(pause: PauseRecord, at: datetime) -> bool:
    released_at = pause.released_at
    return pause.received_at <= at and (released_at is None or released_at > at)


def _is_too_long(played: timedelta, claims: Sequence[Span], recording: RecordingStatus) -> bool:
    """Tell if the files hold more sound than the recording's time without its silence."""
    if recording.stopped_at is None:
        return False
    whole = recording.stopped_at - _begun_at(recording)
    silent = sum((span.until - span.since for span in claims), timedelta())
    return played > whole - silent + max(LENGTH_TOLERANCE, LENGTH_SHARE * whole)


def _without(claims: Sequence[Span], recording: RecordingStatus, why: str) -> Comparison:
    """Claim none of these silences any more: which of them holds cannot be told."""
    ours = recording.silence
    beginnings = {claim.since for claim in claims}
    broken = [each for each in ours.silent if each.since in beginnings]
    doubts = [
        UnconfirmedInterval(since=each.since, until=each.until, reason=why, is_finding=True)
        for each in broken
    ]
    silence = SilenceAccount(
        silent=[each for each in ours.silent if each not in broken],
        unconfirmed=sorted([*ours.unconfirmed, *doubts], key=lambda doubt: doubt.since),
    )
    first, last = claims[0].since, claims[-1].until
    when = f"from {first:%Y-%m-%d %H:%M:%S} to {last:%H:%M:%S} UTC"
    return Comparison(silence, (f"{len(claims)} silences {when} are doubtful: {why}",))
