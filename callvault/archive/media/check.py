"""Check that an archived file is the media that was asked for, whole and of the right length.

The container is read by libmediainfo, in ranges; nothing is decoded, and nothing is loaded whole.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from callvault.archive.media.probe import probe
from callvault.archive.media.seekable import open_object
from callvault.archive.store import Archive
from callvault.contracts.media import (
    ChannelType,
    ContentType,
    FormatType,
    MediaCheck,
    MediaFacts,
    MediaProblem,
    MediaVerdict,
)

TOLERANCE_MS = 1_000.0
TOLERANCE_SHARE = 0.01
"""Difference allowed to the length that the service states: 1 s, or 1 % where that is more.

Encoders pad the sound (0.1 s), pauses take effect at a picture's edge, and the service's own
clock is not the media's.
"""

SAMPLE_RATE = 16_000
RESOLUTION = (1920, 1080)
MAX_CHANNELS = {ChannelType.MIXED: 1, ChannelType.UNMIXED: 5}
"""The service's table of formats. Frame rates have changed over the years and are only noted."""

_MAX_SAMPLES = 64
"""Places of a file that are looked at."""

_SAMPLE_SIZE = 4_096
"""Bytes read at each place: compressed media never hold that many zeros in a row."""

_COMPRESSED = frozenset({FormatType.MP4, FormatType.MP3})
_WORST_FIRST = tuple(MediaVerdict)


@dataclass(frozen=True, slots=True)
class Expected:
    """Properties that a file should have."""

    format: FormatType
    content: ContentType
    channel: ChannelType
    duration_ms: float | None = None
    paused_ms: float = 0
    """It is not documented if the service's duration includes the pauses: both are accepted."""


def check_media(archive: Archive, object_name: str, size: int, expected: Expected) -> MediaCheck:
    """Check an archived object of ``size`` bytes; errors of the archive pass through."""
    with open_object(archive, object_name, size) as file:
        return check_file(file, size, expected)


def check_file(file: BinaryIO, size: int, expected: Expected) -> MediaCheck:
    """Check a file that is open for reading."""
    container = _container(file.read(16))
    # nothing else is shown to the parser: playlists would make it look for more files
    streams = _Streams.parsed(file, size) if container else _Streams([], "")
    facts = _facts(container, streams, expected)
    problems = list(_problems(facts, streams, size, expected))
    if expected.format in _COMPRESSED and not problems:
        problems = list(_blank(file, size))
    verdicts = {problem.verdict for problem in problems} or {MediaVerdict.COMPLETE}
    return MediaCheck(
        verdict=min(verdicts, key=_WORST_FIRST.index), problems=tuple(problems), facts=facts
    )


class _Streams:
    """The parser's findings: the container's own facts, its sounds and its pictures."""

    def __init__(self, tracks: list[dict[str, Any]], parser: str) -> None:
        self.parser = parser
        self._tracks = tracks
        self.general = self._first("General")
        self.audio = self._first("Audio")
        self.video = self._first("Video")

    @classmethod
    def parsed(cls, file: BinaryIO, size: int) -> "_Streams":
        try:
            # not strict: a damaged file's tags may hold control characters
            report = json.loads(probe(file, size) or b"{}", strict=False)
        except ValueError:
            report = {}
        library = report.get("creatingLibrary", {})
        tracks = (report.get("media") or {}).get("track", [])
        return cls(tracks, f"{library.get('name', '')} {library.get('version', '')}".strip())

    def _first(self, kind: str) -> dict[str, Any]:
        return next((track for track in self._tracks if track["@type"] == kind), {})

    @property
    def found(self) -> bool:
        return "Format" in self.audio or "Format" in self.video

    @property
    def is_truncated(self) -> bool:
        extra = self.general.get("extra", {})
        return "IsTruncated" in extra

    @property
    def bytes_needed(self) -> int:
        """Bytes of the tracks alone, by the container's own index."""
        media = (track for track in self._tracks if track["@type"] in {"Audio", "Video"})
        return sum(int(track.get("StreamSize", 0)) for track in media)

    @property
    def durations_ms(self) -> list[float]:
        """Lengths of the container, the sound and the pictures, as far as stated."""
        tracks = (self.general, self.audio, self.video)
        return [float(track["Duration"]) * 1000 for track in tracks if "Duration" in track]


def _container(head: bytes) -> FormatType | None:
    if head[4:8] == b"ftyp":
        return FormatType.MP4
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return FormatType.WAV
    if head[:3] == b"ID3" or (head[:1] == b"\xff" and len(head) > 1 and head[1] >= 0xE0):
        return FormatType.MP3
    return None


def _facts(container: FormatType | None, streams: _Streams, expected: Expected) -> MediaFacts:
    audio, video = streams.audio, streams.video
    durations = streams.durations_ms
    return MediaFacts(
        container=container,
        duration_ms=round(durations[0]) if durations else None,
        expected_duration_ms=expected.duration_ms,
        tolerance_ms=tolerance(expected.duration_ms) if expected.duration_ms else None,
        audio_format=audio.get("Format"),
        sample_rate=audio.get("SamplingRate"),
        channels=audio.get("Channels"),
        video_format=video.get("Format"),
        width=video.get("Width"),
        height=video.get("Height"),
        frame_rate=video.get("FrameRate"),
        parser=streams.parser,
    )


def tolerance(duration_ms: float) -> float:
    """Return the difference allowed to ``duration_ms``, in milliseconds."""
    return max(TOLERANCE_MS, TOLERANCE_SHARE * duration_ms)


def _problems(
    facts: MediaFacts, streams: _Streams, size: int, expected: Expected
) -> Iterator[MediaProblem]:
    if not facts.container or not streams.found:
        yield _problem(MediaVerdict.UNREADABLE, "no sound and no pictures are found in it")
        return
    yield from _format_problems(facts, expected)
    if streams.is_truncated or streams.bytes_needed > size:
        yield _problem(
            MediaVerdict.TRUNCATED,
            f"its own account of sizes does not agree with the {size} bytes that there are",
        )
    yield from _duration_problems(facts, streams, expected)
    yield from _parameter_problems(facts, expected)


def _format_problems(facts: MediaFacts, expected: Expected) -> Iterator[MediaProblem]:
    if facts.container != expected.format:
        yield _problem(MediaVerdict.WRONG_FORMAT, f"it is {facts.container}, not {expected.format}")
    if not facts.audio_format:
        yield _problem(MediaVerdict.WRONG_FORMAT, "it has no sound")
    if expected.content is ContentType.AUDIO_VIDEO and not facts.video_format:
        yield _problem(MediaVerdict.WRONG_FORMAT, "it has no pictures")


def _duration_problems(
    facts: MediaFacts, streams: _Streams, expected: Expected
) -> Iterator[MediaProblem]:
    duration = facts.duration_ms
    if duration is None or duration <= 0:
        yield _problem(MediaVerdict.DURATION_MISMATCH, "its length is nothing, or not told")
        return
    if max(streams.durations_ms) - min(streams.durations_ms) > tolerance(duration):
        yield _problem(MediaVerdict.DURATION_MISMATCH, "its tracks differ in length")
    if expected.duration_ms is None or facts.tolerance_ms is None:
        return
    either = (expected.duration_ms, expected.duration_ms - expected.paused_ms)
    if min(abs(duration - each) for each in either) > facts.tolerance_ms:
        yield _problem(
            MediaVerdict.DURATION_MISMATCH,
            f"it plays {duration / 1000:.1f} s; the service says {either[0] / 1000:.1f} s",
        )


def _parameter_problems(facts: MediaFacts, expected: Expected) -> Iterator[MediaProblem]:
    if facts.audio_format and facts.sample_rate != SAMPLE_RATE:
        yield _problem(
            MediaVerdict.UNEXPECTED, f"its sound has {facts.sample_rate} Hz, not {SAMPLE_RATE}"
        )
    most = MAX_CHANNELS[expected.channel]
    if facts.channels is not None and facts.channels > most:
        yield _problem(
            MediaVerdict.UNEXPECTED, f"it has {facts.channels} channels, more than {most}"
        )
    found = (facts.width, facts.height)
    if facts.video_format and found != RESOLUTION:
        yield _problem(MediaVerdict.UNEXPECTED, f"its pictures are {found[0]}x{found[1]}")


def _blank(file: BinaryIO, size: int) -> Iterator[MediaProblem]:
    """Look at evenly spread places; a small file is seen whole."""
    step = max(_SAMPLE_SIZE, size // _MAX_SAMPLES)
    for offset in range(0, size - _SAMPLE_SIZE + 1, step):
        file.seek(offset)
        if not any(file.read(_SAMPLE_SIZE)):
            yield _problem(
                MediaVerdict.BLANK, f"from byte {offset} on there are {_SAMPLE_SIZE} zeros or more"
            )
            return


def _problem(verdict: MediaVerdict, detail: str) -> MediaProblem:
    return MediaProblem(verdict=verdict, detail=detail)
