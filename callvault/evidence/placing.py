"""The place of a file's sound on the clock: which part of it was recorded when."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from callvault.archive.media.check import tolerance
from callvault.contracts.activity_io import RecordedPause
from callvault.contracts.events import known_time
from callvault.contracts.manifest import ManifestChunk, ManifestRecording


class Piece(NamedTuple):
    """A part of a file without a pause in it."""

    since: datetime
    until: datetime
    first: float
    end: float
    """Seconds within the file."""


def pieces(
    recording: ManifestRecording, chunk: ManifestChunk, seconds: float, before: float
) -> list[Piece]:
    """Place a file that plays for ``seconds`` on the service's clock.

    ``before`` are the seconds that the earlier files play, for a file that tells no time of its
    own. It is not documented if a file has the time of its pauses in it: its length decides.
    """
    begun = known_time(recording.recording_start_time) or recording.started_at
    start = known_time(chunk.service_start_time) or (begun or recording.requested_at) + timedelta(
        seconds=before
    )
    if not _leaves_pauses_out(chunk, seconds):
        return [Piece(start, start + timedelta(seconds=seconds), 0, seconds)]
    return list(_around_pauses(chunk, start, seconds))


def known_pauses(chunk: ManifestChunk) -> list[RecordedPause]:
    """Return the service's pauses whose times can be right: no other has a place on the clock."""
    return [pause for pause in chunk.service_pauses if known_time(pause.start_time)]


def _leaves_pauses_out(chunk: ManifestChunk, seconds: float) -> bool:
    paused = sum(pause.duration_ms for pause in known_pauses(chunk))
    if not paused or chunk.duration_ms is None:
        return bool(paused)
    plays, told = seconds * 1000, chunk.duration_ms
    return abs(plays - told) > tolerance(told) or abs(plays - (told - paused)) < abs(plays - told)


def _around_pauses(chunk: ManifestChunk, start: datetime, seconds: float) -> Iterator[Piece]:
    at, played = start, 0.0
    for pause in sorted(known_pauses(chunk), key=lambda pause: pause.start_time):
        length = min(max((pause.start_time - at).total_seconds(), 0.0), seconds - played)
        if length > 0:
            yield Piece(at, at + timedelta(seconds=length), played, played + length)
        played += length
        at = max(at, pause.start_time + timedelta(milliseconds=pause.duration_ms))
    if played < seconds:
        yield Piece(at, at + timedelta(seconds=seconds - played), played, seconds)
