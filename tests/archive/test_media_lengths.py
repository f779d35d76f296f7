"""Files that do not tell how long they are, and are whole all the same (faults D7 and D8)."""

import io
import json
import struct
import time

import numpy as np
import pytest

from callvault.archive.media import probe as probe_module
from callvault.archive.media import streams as streams_module
from callvault.archive.media.check import Expected, check_file
from callvault.archive.media.mp3 import bit_rates
from callvault.archive.media.pcm import pcm_layout
from callvault.archive.store import Archive
from callvault.contracts.media import ChannelType, ContentType, FormatType, MediaCheck, MediaVerdict
from tests.archive.sealed import archived, manifest_of, sealed, wav
from tests.archive.sounds import AVERAGE, CONSTANT, RATE, SPOKEN, VARIABLE, encoded

DAMAGED = {MediaVerdict.TRUNCATED, MediaVerdict.DURATION_MISMATCH, MediaVerdict.UNREADABLE}


def expected(container: FormatType, seconds: float | None) -> Expected:
    duration_ms = None if seconds is None else seconds * 1000
    return Expected(container, ContentType.AUDIO, ChannelType.MIXED, duration_ms)


def judged(data: bytes, container: FormatType, seconds: float | None) -> MediaCheck:
    return check_file(io.BytesIO(data), len(data), expected(container, seconds))


@pytest.mark.parametrize("options", [VARIABLE, AVERAGE], ids=["variable", "average"])
@pytest.mark.parametrize(
    "heard", [SPOKEN * 3, "s" * 60 + "n" * 30, "n" * 30 + "s" * 60, "s" * 200 + "n" * 9 + "s" * 200]
)
@pytest.mark.parametrize("tagged", [True, False])
def test_d7_an_mp3_of_varying_rate_without_a_header_is_no_damage(
    options: dict[str, str], heard: str, tagged: bool
) -> None:
    data = encoded(options, heard, tagged=tagged)
    found = judged(data, FormatType.MP3, len(heard))
    assert found.verdict is MediaVerdict.LENGTH_NOT_DECLARED
    assert [each.detail for each in found.problems] == ["its length is not told"]
    assert found.facts.duration_ms is None


@pytest.mark.parametrize("options", [VARIABLE, AVERAGE, CONSTANT], ids=["vbr", "abr", "cbr"])
def test_d7_an_mp3_with_a_header_is_compared_as_before(options: dict[str, str]) -> None:
    data = encoded(options, xing=True)
    assert judged(data, FormatType.MP3, 21).verdict is MediaVerdict.COMPLETE
    assert judged(data, FormatType.MP3, 30).verdict is MediaVerdict.DURATION_MISMATCH
    assert judged(data[: len(data) // 2], FormatType.MP3, 21).verdict in DAMAGED


def test_d7_an_mp3_of_constant_rate_tells_its_length_by_its_size() -> None:
    data = encoded(CONSTANT)
    assert judged(data, FormatType.MP3, 21).verdict is MediaVerdict.COMPLETE
    assert judged(data[: len(data) // 2], FormatType.MP3, 21).verdict in DAMAGED


def test_d7_zeros_in_such_an_mp3_are_still_seen() -> None:
    data = bytearray(encoded(VARIABLE))
    middle = len(data) // 2 // 4_096 * 4_096
    data[middle : middle + 8_192] = bytes(8_192)
    assert judged(bytes(data), FormatType.MP3, 21).verdict is MediaVerdict.BLANK


def test_d7_chance_bytes_are_no_frames() -> None:
    noise = np.random.default_rng(3).bytes(400_000)
    assert not bit_rates(noise[at : at + 4_096] for at in range(0, len(noise), 4_096))
    assert not bit_rates([b"", b"\xff", b"\xff\xfb", b"\xff" * 4_096])


def test_d7_it_is_told_with_the_check_and_is_no_finding(directory_archive: Archive) -> None:
    data = encoded(VARIABLE)
    chunk = archived(
        directory_archive, media=data, duration_ms=21_000, check=judged(data, FormatType.MP3, 21)
    )
    found = sealed(directory_archive, chunk, recording_duration_ms=21_000)
    (sealed_chunk,) = manifest_of(directory_archive, found).chunks
    assert sealed_chunk.check
    assert sealed_chunk.check.verdict is MediaVerdict.LENGTH_NOT_DECLARED
    assert found.findings == ()


SECONDS = 3
OPEN = [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF - 36]


def with_sizes(data: bytes, whole: int, samples: int) -> bytes:
    changed = bytearray(data)
    changed[4:8] = (whole & 0xFFFFFFFF).to_bytes(4, "little")
    changed[40:44] = samples.to_bytes(4, "little")
    return bytes(changed)


@pytest.mark.parametrize("size", OPEN, ids=hex)
@pytest.mark.parametrize("told", [SECONDS, None])
def test_d8_a_wav_that_was_written_as_a_stream_is_no_damage(size: int, told: float | None) -> None:
    found = judged(with_sizes(wav(SECONDS), size + 36, size), FormatType.WAV, told)
    assert found.verdict is MediaVerdict.LENGTH_NOT_DECLARED
    assert found.facts.duration_ms == SECONDS * 1000


@pytest.mark.parametrize("size", OPEN, ids=hex)
def test_d8_such_a_wav_that_was_cut_is_found_by_its_length(size: int) -> None:
    data = with_sizes(wav(SECONDS), size + 36, size)
    found = judged(data[: len(data) // 2], FormatType.WAV, SECONDS)
    assert found.verdict is MediaVerdict.DURATION_MISMATCH


@pytest.mark.parametrize("more", [1, 3, 4_096])
@pytest.mark.parametrize("samples", [48_000, 48_001])
def test_d8_bytes_behind_the_samples_are_no_damage(more: int, samples: int) -> None:
    data = with_sizes(wav(samples / RATE), 36 + 2 * samples, 2 * samples) + b"\1" * more
    found = judged(data, FormatType.WAV, samples / RATE)
    assert found.verdict is MediaVerdict.COMPLETE
    assert found.facts.duration_ms == round(samples / 16)


@pytest.mark.parametrize("whole", [0, 8, 0xFFFFFFFF, 0x7FFFF024, 5_000_000])
def test_d8_the_size_of_the_whole_says_nothing_about_the_samples(whole: int) -> None:
    data = with_sizes(wav(SECONDS), whole, 2 * RATE * SECONDS)
    assert judged(data, FormatType.WAV, SECONDS).verdict is MediaVerdict.COMPLETE


@pytest.mark.parametrize("samples", [97_000, 1_000_000, 0x7FFFEFFF, 0x90000000])
def test_d8_a_wav_that_misses_what_it_states_is_truncated(samples: int) -> None:
    data = with_sizes(wav(SECONDS), 36 + samples, samples)
    assert judged(data, FormatType.WAV, SECONDS).verdict is MediaVerdict.TRUNCATED


def test_d8_chunks_before_the_samples_are_skipped() -> None:
    data = wav(SECONDS)
    listed = b"LIST" + (27).to_bytes(4, "little") + b"INFOISFT\x0e\0\0\0Lavf60.16.100\0x" + b"\0"
    changed = data[:36] + listed + b"data" + b"\xff" * 4 + data[44:]
    found = judged(changed, FormatType.WAV, SECONDS)
    assert found.verdict is MediaVerdict.LENGTH_NOT_DECLARED
    assert found.facts.duration_ms == SECONDS * 1000


def test_d8_an_empty_wav_is_nothing() -> None:
    assert judged(wav(0), FormatType.WAV, None).verdict in DAMAGED


MU_LAW, IMA_ADPCM = 0x0007, 0x0011


def compressed(code: int, size: int) -> bytes:
    """Make a wav of a byte for each sample, or of half of one, with sizes left open."""
    width, block = (8, 1) if code == MU_LAW else (4, 256)
    rate = RATE * width // 8
    shape = struct.pack("<HHIIHHH", code, 1, RATE, rate, block, width, 0)
    samples = np.random.default_rng(5).bytes(rate * SECONDS)
    sizes = [each.to_bytes(4, "little") for each in (size, len(shape), size)]
    return b"RIFF" + sizes[0] + b"WAVEfmt " + sizes[1] + shape + b"data" + sizes[2] + samples


@pytest.mark.parametrize("size", OPEN, ids=hex)
@pytest.mark.parametrize("told", [SECONDS, 100 * SECONDS, None])
def test_a_compressed_wav_that_was_written_as_a_stream_is_no_damage(
    size: int, told: float | None
) -> None:
    found = judged(compressed(IMA_ADPCM, size), FormatType.WAV, told)
    assert [each.detail for each in found.problems] == ["its length is not told"]
    assert found.facts.duration_ms is None


@pytest.mark.parametrize("size", OPEN, ids=hex)
def test_a_compressed_wav_without_samples_is_nothing(size: int) -> None:
    data = compressed(IMA_ADPCM, size)
    data = data[: data.index(b"data") + 8]
    assert judged(data, FormatType.WAV, SECONDS).verdict in DAMAGED


@pytest.mark.parametrize("size", OPEN, ids=hex)
def test_a_byte_for_each_sample_tells_the_length(size: int) -> None:
    data = compressed(MU_LAW, size)
    found = judged(data, FormatType.WAV, SECONDS)
    assert found.verdict is MediaVerdict.LENGTH_NOT_DECLARED
    assert found.facts.duration_ms == SECONDS * 1000
    cut = judged(data[: len(data) // 2], FormatType.WAV, SECONDS)
    assert cut.verdict is MediaVerdict.DURATION_MISMATCH


def rf64(samples: int, *, field: int = 0xFFFFFFFF, chunk: bytes = b"") -> bytes:
    """Make an RF64 whose header states these bytes of samples; ``field`` is what RIFF has there."""
    plain = wav(SECONDS)
    sizes = struct.pack("<QQQI", samples and samples + 72, samples, samples // 2, 0)
    # where each size is left open, that of the whole is as well
    head = b"RF64" + field.to_bytes(4, "little") + b"WAVEds64" + (28).to_bytes(4, "little") + sizes
    return head + plain[12:36] + chunk + b"data" + field.to_bytes(4, "little") + plain[44:]


@pytest.mark.parametrize("field", [0xFFFFFFFF, 0])
@pytest.mark.parametrize("chunk", [b"", b"LIST" + (300_000).to_bytes(4, "little") + bytes(300_000)])
@pytest.mark.parametrize("told", [SECONDS, None])
def test_an_rf64_that_was_written_as_a_stream_is_no_damage(
    field: int, chunk: bytes, told: float | None
) -> None:
    data = rf64(0, field=field, chunk=chunk)
    found = judged(data, FormatType.WAV, told)
    assert [each.detail for each in found.problems] == ["its length is not told"]
    assert (found.facts.duration_ms, found.facts.sample_rate) == (SECONDS * 1000, RATE)
    cut = judged(data[:-40_000], FormatType.WAV, SECONDS)
    assert cut.verdict is MediaVerdict.DURATION_MISMATCH


def test_an_rf64_that_states_its_size_is_held_to_it() -> None:
    data = rf64(2 * RATE * SECONDS)
    assert judged(data, FormatType.WAV, SECONDS).problems == ()
    assert judged(data[: len(data) // 2], FormatType.WAV, SECONDS).verdict is MediaVerdict.TRUNCATED
    open_in_a_riff = rf64(0x7FFFFFFE)
    assert judged(open_in_a_riff, FormatType.WAV, SECONDS).verdict is MediaVerdict.TRUNCATED
    assert pcm_layout(io.BytesIO(data), len(data)) is None


@pytest.mark.parametrize("told", ["1.15e15", "9.2e15", "-5", "1e25"])
def test_a_length_that_cannot_be_meant_is_not_told(
    told: str, monkeypatch: pytest.MonkeyPatch, directory_archive: Archive
) -> None:
    absurd = {"Duration": told, "FrameRate": told, "SamplingRate": told, "Channels": told}
    tracks = [
        {"@type": "General", "Duration": told},
        {"@type": "Audio", "Format": "AAC", **absurd},
        {"@type": "Video", "Format": "AVC", "Width": told, "Height": told, **absurd},
    ]
    report = json.dumps({"media": {"track": tracks}}).encode()
    monkeypatch.setattr(streams_module, "probe", lambda *_: report)
    data = encoded(VARIABLE)
    facts = judged(b"\0\0\0\x18ftypmp42" + data, FormatType.MP4, 21).facts
    assert facts.container == FormatType.MP4
    assert (facts.duration_ms, facts.frame_rate) == (None, None)
    assert (facts.sample_rate, facts.channels, facts.width, facts.height) == (None,) * 4


def test_a_file_that_was_cut_meanwhile_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "SILENCE_TIMEOUT", 20.0)
    data = encoded(CONSTANT)
    began = time.monotonic()
    found = check_file(io.BytesIO(data[:5_000]), len(data), expected(FormatType.MP3, 21))
    assert found.verdict is MediaVerdict.UNREADABLE
    assert time.monotonic() - began < 15
