"""Check that an archived file is the media that was asked for, whole and of the right length.

The container is read by libmediainfo, in ranges; nothing is decoded, and nothing is loaded whole.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from callvault.archive.media.kind import container_of
from callvault.archive.media.length import Lengths, lengths_of
from callvault.archive.media.padding import padding_of
from callvault.archive.media.riff import with_sizes
from callvault.archive.media.seekable import SPOT, open_object, spots
from callvault.archive.media.streams import MAX_RATE, Streams, number, text, whole
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
    container = container_of(file.read(16))
    # nothing else is shown to the parser: playlists would make it look for more files
    streams = Streams.parsed(with_sizes(file, size), size) if container else Streams([], "")
    lengths = lengths_of(file, size, container, streams)
    facts = _facts(container, streams, lengths, expected)
    problems = list(_problems(facts, streams, lengths, size, expected))
    # Only there: uncompressed silence is zeros as well.
    if expected.format in _COMPRESSED and not _is_damaged(problems):
        problems = [*_blank(file, size, container), *problems]
    verdicts = {problem.verdict for problem in problems} or {MediaVerdict.COMPLETE}
    return MediaCheck(
        verdict=min(verdicts, key=_WORST_FIRST.index), problems=tuple(problems), facts=facts
    )


def _facts(
    container: FormatType | None, streams: Streams, lengths: Lengths, expected: Expected
) -> MediaFacts:
    audio, video = streams.audio, streams.video
    durations = lengths.known_ms
    return MediaFacts(
        container=container,
        duration_ms=round(durations[0]) if durations else None,
        expected_duration_ms=expected.duration_ms,
        tolerance_ms=tolerance(expected.duration_ms) if expected.duration_ms else None,
        audio_format=text(audio, "Format"),
        sample_rate=whole(audio, "SamplingRate"),
        channels=whole(audio, "Channels"),
        video_format=text(video, "Format"),
        width=whole(video, "Width"),
        height=whole(video, "Height"),
        frame_rate=number(video, "FrameRate", MAX_RATE),
        parser=streams.parser,
    )


def tolerance(duration_ms: float) -> float:
    """Return the difference allowed to ``duration_ms``, in milliseconds."""
    return max(TOLERANCE_MS, TOLERANCE_SHARE * duration_ms)


def _problems(
    facts: MediaFacts, streams: Streams, lengths: Lengths, size: int, expected: Expected
) -> Iterator[MediaProblem]:
    if not facts.container or not streams.found:
        yield _problem(MediaVerdict.UNREADABLE, "no sound and no pictures are found in it")
        return
    yield from _format_problems(facts, expected)
    if not lengths.is_whole:
        yield _problem(
            MediaVerdict.TRUNCATED,
            f"its own account of sizes does not agree with the {size} bytes that there are",
        )
    yield from _duration_problems(facts, lengths, expected)
    yield from _parameter_problems(facts, expected)


def _format_problems(facts: MediaFacts, expected: Expected) -> Iterator[MediaProblem]:
    if facts.container != expected.format:
        yield _problem(MediaVerdict.WRONG_FORMAT, f"it is {facts.container}, not {expected.format}")
    if not facts.audio_format:
        yield _problem(MediaVerdict.WRONG_FORMAT, "it has no sound")
    if expected.content is ContentType.AUDIO_VIDEO and not facts.video_format:
        yield _problem(MediaVerdict.WRONG_FORMAT, "it has no pictures")


def _duration_problems(
    facts: MediaFacts, lengths: Lengths, expected: Expected
) -> Iterator[MediaProblem]:
    duration = facts.duration_ms
    if not lengths.is_declared:
        yield _problem(MediaVerdict.LENGTH_NOT_DECLARED, "its length is not told")
    if duration is None:
        return
    if duration <= 0:
        yield _problem(MediaVerdict.DURATION_MISMATCH, "its length is nothing")
        return
    if max(lengths.known_ms) - min(lengths.known_ms) > tolerance(duration):
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


def _is_damaged(problems: Iterable[MediaProblem]) -> bool:
    return any(problem.verdict is not MediaVerdict.LENGTH_NOT_DECLARED for problem in problems)


def _blank(file: BinaryIO, size: int, container: FormatType | None) -> Iterator[MediaProblem]:
    blank = [at for at, spot in spots(file, size) if len(spot) == SPOT and not any(spot)]
    padding = padding_of(file, size, container) if blank else []
    lost = [at for at in blank if not any(_is_in(each, at) for each in padding)]
    if lost:
        yield _problem(MediaVerdict.BLANK, f"from byte {lost[0]} on there are {SPOT} zeros or more")


def _is_in(padding: range, offset: int) -> bool:
    """Tell if a spot lies there to its end."""
    return padding.start <= offset and offset + SPOT <= padding.stop


def _problem(verdict: MediaVerdict, detail: str) -> MediaProblem:
    return MediaProblem(verdict=verdict, detail=detail)
