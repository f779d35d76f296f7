"""The waveform of real files, in bounded time and memory, and one channel taken out of several."""

import io
import resource
import struct
import time
import wave
from pathlib import Path

import pytest

from callvault.archive.media import waveform as drawing
from callvault.archive.media.pcm import (
    PcmLayout,
    channel_size,
    one_channel,
    pcm_layout,
    wav_header,
)
from callvault.archive.media.seekable import open_ranges
from callvault.archive.media.waveform import COLUMNS, NoWaveform, Waveform, waveform
from callvault.emulator.media.render import Renderer
from tests.archive.sealed import wav
from tests.emulator.timelines import person, recorded

SECONDS = 6


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The same recording in each format: one speaks in the first two seconds, one in the fifth."""
    folder = tmp_path_factory.mktemp("media")
    told = recorded(SECONDS, person(0, (0, 2)), person(1, (4, 5)))
    for container in ("mp4", "mp3", "wav"):
        Renderer(container).render(told, folder / container)
    Renderer("wav", ("8:acs:0", "8:acs:1", None)).render(told, folder / "unmixed")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def drawn(data: bytes) -> Waveform:
    found = waveform(io.BytesIO(data), len(data))
    assert isinstance(found, Waveform), found
    return found


def heard(peaks: tuple[float, ...]) -> list[bool]:
    """Tell for each second, but for its edges, if there is sound."""
    step = len(peaks) / SECONDS
    return [
        max(peaks[int(n * step + step / 4) : int(n * step + step * 3 / 4)]) > 0.02
        for n in range(SECONDS)
    ]


@pytest.mark.parametrize("container", ["mp4", "mp3", "wav"])
def test_a_waveform_shows_who_speaks_when(files: dict[str, bytes], container: str) -> None:
    found = drawn(files[container])
    assert found.seconds == pytest.approx(SECONDS, abs=0.3)
    assert not found.is_sampled
    (peaks,) = found.channels
    assert len(peaks) == pytest.approx(COLUMNS, abs=20)
    assert heard(peaks) == [True, True, False, False, True, False]


def test_each_channel_has_its_own(files: dict[str, bytes]) -> None:
    first, second, third = drawn(files["unmixed"]).channels
    assert heard(first) == [True, True, False, False, False, False]
    assert heard(second) == [False, False, False, False, True, False]
    assert heard(third) == [False] * SECONDS


@pytest.mark.parametrize("container", ["mp4", "mp3"])
def test_a_long_file_is_heard_in_samples(
    files: dict[str, bytes], container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import av

    monkeypatch.setattr(drawing, "COLUMNS", 2 * SECONDS)
    monkeypatch.setattr(drawing, "SPOT_SECONDS", 0.3)
    found = drawing._decoded(av, io.BytesIO(files[container]))
    assert found["isSampled"]
    assert len(found["channels"][0]) == 2 * SECONDS
    assert heard(tuple(found["channels"][0])) == [True, True, False, False, True, False]


def test_hours_take_no_longer_than_minutes_nor_more_memory(tmp_path: Path) -> None:
    """Four hours of five channels, 2.3 GB, in a file without those bytes on the disk."""
    file = tmp_path / "long.wav"
    frames = 4 * 3_600 * 16_000
    with file.open("wb") as target:
        target.write(struct.pack("<4sI4s4sI", b"RIFF", 36 + frames * 10, b"WAVE", b"fmt ", 16))
        target.write(struct.pack("<HHIIHH", 1, 5, 16_000, 160_000, 10, 16))
        target.write(struct.pack("<4sI", b"data", frames * 10))
        target.truncate(44 + frames * 10)
        target.seek(44 + frames * 5)
        target.write(struct.pack("<5h", 0, 0, 0, 30_000, 0) * 16_000 * 60)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with file.open("rb") as source:
        found = waveform(source, file.stat().st_size)
    assert isinstance(found, Waveform)
    assert found.is_sampled
    assert found.seconds == 4 * 3_600
    assert [max(peaks) > 0.9 for peaks in found.channels] == [n == 3 for n in range(5)]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024
    assert time.process_time() - begun < 20


def test_what_cannot_be_decoded_has_a_reason(files: dict[str, bytes]) -> None:
    for data, reason in (
        (b"<html>", "it is no mp4, mp3 or wav"),
        (b"", "it is no mp4, mp3 or wav"),
        (files["mp4"][:2_000], "no sound could be decoded"),
        (b"ID3" + bytes(4_000), "no sound could be decoded"),
        (b"RIFF\0\0\0\0WAVEfmt ", "no sound could be decoded"),
    ):
        assert waveform(io.BytesIO(data), len(data)) == NoWaveform(reason)


def test_without_a_decoder_it_says_what_to_install(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "find_spec", lambda name: None)
    data = files["mp3"]
    found = waveform(io.BytesIO(data), len(data))
    assert isinstance(found, NoWaveform)
    assert "install callvault with the extra media" in found.reason
    assert drawn(files["wav"]).channels


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"[]",
        b'{"seconds": 1}',
        b'{"seconds": "x", "channels": [[0.1]]}',
        b'{"seconds": 1e999, "channels": [[0.1]]}',
        b'{"seconds": 3, "channels": [["<script>"]]}',
        b'{"seconds": 3, "channels": []}',
        b"[" * 100_000,
    ],
)
def test_a_decoder_that_was_taken_over_says_nothing_but_numbers(report: bytes) -> None:
    assert isinstance(drawing._read(report), NoWaveform)


def test_one_channel_is_taken_out_bit_for_bit(files: dict[str, bytes]) -> None:
    data = files["unmixed"]
    layout = pcm_layout(io.BytesIO(data), len(data))
    assert layout
    with wave.open(io.BytesIO(data)) as source:
        frames = source.readframes(source.getnframes())
    for channel in range(3):
        for step in (7, 4_096, len(data)):
            rest = data[layout.offset :]
            parts = [rest[start : start + step] for start in range(0, len(rest), step)]
            taken = b"".join(one_channel(parts, layout, channel))
            assert len(taken) == channel_size(layout)
            with wave.open(io.BytesIO(taken)) as alone:
                assert (alone.getnchannels(), alone.getframerate()) == (1, 16_000)
                samples = alone.readframes(alone.getnframes())
            assert samples[0::2] == frames[2 * channel :: 6]
            assert samples[1::2] == frames[2 * channel + 1 :: 6]


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_samples_of_any_width_are_taken_out(width: int) -> None:
    layout = PcmLayout(0, 4 * 2 * width, 8_000, 2, width)
    data = bytes(range(8 * width))
    taken = b"".join(one_channel([data[:5], data[5:]], layout, 1))
    expected = b"".join(data[width * n : width * (n + 1)] for n in (1, 3, 5, 7))
    assert taken[44:] == expected


def test_a_wav_that_breaks_off_has_the_frames_that_are_there() -> None:
    data = wav(0.5, channels=2)
    cut = data[: 44 + 4 * 100 + 3]
    layout = pcm_layout(io.BytesIO(cut), len(cut))
    assert layout
    assert layout.frames == 100
    assert len(b"".join(one_channel([cut[layout.offset :]], layout, 0))) == 44 + 200


@pytest.mark.parametrize("stated", [0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_size_that_was_left_open_is_as_much_as_there_is(stated: int) -> None:
    """Beyond 2 GiB the samples ended where a program had written "as much as comes"."""
    head = wav_header(16_000, 2, 0)[:-4] + stated.to_bytes(4, "little")
    layout = pcm_layout(io.BytesIO(head), len(head) + 3 * 1024**3)
    assert layout is not None
    assert layout.size == 3 * 1024**3


@pytest.mark.parametrize(
    "header",
    [
        struct.pack("<HHIIHH", 1, 0, 16_000, 32_000, 2, 16),
        struct.pack("<HHIIHH", 1, 3, 16_000, 32_000, 4, 16),
        struct.pack("<HHIIHH", 1, 1, 0, 0, 2, 16),
        struct.pack("<HHIIHH", 1, 65_535, 16_000, 0, 65_535, 8),
        struct.pack("<HHIIHH", 7, 1, 8_000, 8_000, 1, 8),
        struct.pack("<HHIIHH", 1, 1, 8_000, 0, 0, 8),
        b"short",
    ],
)
def test_what_is_no_plain_wav_has_no_layout(header: bytes) -> None:
    data = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", len(header)) + header
    data += b"data" + struct.pack("<I", 64) + bytes(64)
    assert pcm_layout(open_ranges(lambda o, n: data[o : o + n], len(data)), len(data)) is None
