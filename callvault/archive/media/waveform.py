"""The waveform of a file: how loud it is, moment by moment, for a picture of it.

Plain samples are read as they are. Everything else is decoded by PyAV (the extra ``media``), in
the confined process of the media parser, or not at all. A long file is heard in samples: neither
time nor memory grows with its length.
"""

import json
import math
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import dropwhile, islice, pairwise, takewhile
from typing import Any, BinaryIO

from callvault.archive.media.kind import HEAD, container_of
from callvault.archive.media.pcm import PcmLayout, pcm_layout, wav_header
from callvault.archive.media.probe import ask, confined_report, tell
from callvault.archive.media.sandbox import confine, limit
from callvault.archive.media.seekable import open_object, open_ranges
from callvault.archive.store import Archive

COLUMNS = 600
"""Columns of a picture."""

SPOT_SECONDS = 1.0
"""Seconds that are heard of each column; of a shorter one all is heard."""

CPU_SECONDS = 120
MEMORY = 2 * 1024**3
"""Limits of the decoder's process: seconds, and bytes of address space."""

MAX_DRAWN_CHANNELS = 8

_MODULE = "callvault.archive.media.waveform"
_WINDOW = 64 * 1024
_LOUDEST = 32_768
_TIME_BASE = 1_000_000
"""FFmpeg's unit of time, in parts of a second."""


@dataclass(frozen=True, slots=True)
class Waveform:
    """Peaks of each channel, from 0 to 1, for columns of equal length."""

    seconds: float
    """The time that the file plays."""
    channels: tuple[tuple[float, ...], ...]
    is_sampled: bool
    """True if only a part of each column was heard."""


@dataclass(frozen=True, slots=True)
class NoWaveform:
    """A file of which there is no picture, and the reason."""

    reason: str


def object_waveform(archive: Archive, object_name: str, size: int) -> Waveform | NoWaveform:
    """Draw an archived object of ``size`` bytes; errors of the archive pass through."""
    with open_object(archive, object_name, size) as file:
        return waveform(file, size)


def waveform(file: BinaryIO, size: int) -> Waveform | NoWaveform:
    """Draw a file that is open for reading."""
    if container_of(file.read(HEAD)) is None:
        return NoWaveform("it is no mp4, mp3 or wav")
    layout = pcm_layout(file, size)
    if layout is not None and layout.sample_bytes == 2:
        return _of_samples(file, layout)
    if find_spec("av") is None:
        return NoWaveform("to decode it, PyAV is needed: install callvault with the extra media")
    file.seek(0)
    report = confined_report(_MODULE, (size, CPU_SECONDS, MEMORY), file, size)
    return _read(report) if report else NoWaveform("no sound could be decoded")


def _of_samples(file: BinaryIO, layout: PcmLayout) -> Waveform:
    spot = round(SPOT_SECONDS * layout.rate)
    edges = _edges(layout.frames)
    peaks: list[list[float]] = []
    for first, end in edges:
        file.seek(layout.offset + first * layout.frame_bytes)
        peaks.append(
            _peaks(file.read(min(end - first, spot) * layout.frame_bytes), layout.channels)
        )
    drawn = tuple(zip(*peaks, strict=True))[:MAX_DRAWN_CHANNELS]
    return Waveform(layout.seconds, drawn, any(end - first > spot for first, end in edges))


def _edges(frames: int) -> list[tuple[int, int]]:
    count = min(COLUMNS, frames)
    marks = [frames * number // count for number in range(count + 1)]
    return list(pairwise(marks))


def _peaks(frames: bytes, channels: int) -> list[float]:
    samples = array("h", frames[: len(frames) - len(frames) % (2 * channels)])
    if sys.byteorder == "big":
        samples.byteswap()
    return [_peak(samples[channel::channels]) for channel in range(channels)]


def _peak(samples: "array[int]") -> float:
    return round(max(max(samples), -min(samples)) / _LOUDEST, 3) if samples else 0.0


def _read(report: bytes) -> Waveform | NoWaveform:
    # the process may have been taken over by the file: nothing it says is more than numbers
    try:
        told = json.loads(report)
        peaks = [[_share(float(peak)) for peak in each] for each in told["channels"]]
        seconds = float(told["seconds"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return NoWaveform("what the decoder reports cannot be read")
    drawn = tuple(tuple(each[:COLUMNS]) for each in peaks[:MAX_DRAWN_CHANNELS])
    if not 0 < seconds < 10**7 or not any(drawn):
        return NoWaveform("no sound is found in it")
    return Waveform(seconds, drawn, bool(told.get("isSampled")))


def _share(peak: float) -> float:
    return min(abs(peak), 1.0) if math.isfinite(peak) else 0.0


def main() -> None:
    """Decode a file; the command line has its size and the limits."""
    import av

    size, cpu_seconds, memory = map(int, sys.argv[1:])
    limit(cpu_seconds, memory)
    # a first file loads the libraries and all that they need
    silence = wav_header(8_000, 2, 800) + bytes(1_600)
    _decoded(av, open_ranges(lambda offset, length: silence[offset : offset + length], 1_644))
    confine()
    found = _decoded(av, open_ranges(ask, size, _WINDOW))
    tell(json.dumps(found).encode())


def _decoded(av: Any, file: BinaryIO) -> dict[str, Any]:
    with av.open(file, "r") as container:
        stream = container.streams.audio[0]
        # no threads: the process may start none
        stream.thread_type = "NONE"
        seconds = _seconds(container, stream)
        columns = _hear_all(av, container, stream, seconds)
        if seconds > COLUMNS * SPOT_SECONDS:
            columns = _hear_spots(av, container, stream, seconds)
        return {
            "seconds": seconds,
            "channels": list(zip(*columns, strict=False)),
            "isSampled": seconds > COLUMNS * SPOT_SECONDS,
        }


def _seconds(container: Any, stream: Any) -> float:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / _TIME_BASE if container.duration else 0.0


def _hear_all(av: Any, container: Any, stream: Any, seconds: float) -> Iterator[list[float]]:
    """Yield the peaks of each column of a file that is heard from its beginning to its end."""
    frames = max(1, round(seconds * stream.rate / COLUMNS))
    channels, held = stream.channels, bytearray()
    for data in _samples(av, container.decode(stream)):
        held += data
        while len(held) >= (step := 2 * channels * frames):
            yield _peaks(bytes(held[:step]), channels)
            del held[:step]
    if held:
        yield _peaks(bytes(held), channels)


def _hear_spots(av: Any, container: Any, stream: Any, seconds: float) -> Iterator[list[float]]:
    """Yield the peaks of the beginning of each column."""
    # no more, if the frames tell no times; the smallest frames have 512 samples
    most = int(2 * SPOT_SECONDS * stream.rate / 512)
    for number in range(COLUMNS):
        begin = seconds * number / COLUMNS
        # by the sound's own index: pictures can be entered at few places only
        container.seek(int(begin / stream.time_base), stream=stream)
        frames = _between(container.decode(stream), begin, begin + SPOT_SECONDS)
        yield _peaks(b"".join(_samples(av, islice(frames, most))), stream.channels)


def _between(frames: Iterator[Any], begin: float, end: float) -> Iterator[Any]:
    begun = dropwhile(lambda frame: frame.time is not None and frame.time < begin, frames)
    return takewhile(lambda frame: frame.time is None or frame.time < end, begun)


def _samples(av: Any, frames: Iterator[Any]) -> Iterator[bytes]:
    """Yield samples of 16 bits, those of all channels at one moment beside each other."""
    resampler = av.AudioResampler(format="s16")
    for frame in frames:
        for each in resampler.resample(frame):
            size = each.samples * 2 * len(each.layout.channels)
            yield bytes(each.planes[0])[:size]


if __name__ == "__main__":
    main()
