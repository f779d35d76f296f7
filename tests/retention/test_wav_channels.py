"""Is exactly one channel silent, however the file comes in pieces?"""

import io
import struct
import wave

import pytest

from callvault.errors import InvalidRequest
from callvault.retention.wav_channels import Samples, silenced
from callvault.retention.wav_channels import samples_of as samples_in


def unmixed(channels: int, width: int = 2, frames: int = 50) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(16_000)
        writer.writeframes(bytes(1 + n % 250 for n in range(frames * channels * width)))
    return file.getvalue()


def samples_of(content: bytes) -> Samples:
    return samples_in(io.BytesIO(content), len(content))


def as_rf64(content: bytes, size: int | None = None) -> bytes:
    """Write a wav of 44 bytes of header with sizes of 64 bits (EBU Tech 3306)."""
    there = len(content) - 44 if size is None else size
    sizes = b"ds64" + struct.pack("<IQQQI", 28, 36 + 36 + there, there, 0, 0)
    whole = struct.pack("<4sI4s", b"RF64", 0xFFFFFFFF, b"WAVE")
    samples = b"data" + struct.pack("<I", 0xFFFFFFFF) + content[44:]
    return whole + sizes + content[12:36] + samples


def by_channel(content: bytes) -> list[bytes]:
    with wave.open(io.BytesIO(content)) as reader:
        channels, width = reader.getnchannels(), reader.getsampwidth()
        samples = reader.readframes(reader.getnframes())
    frames = [samples[n : n + channels * width] for n in range(0, len(samples), channels * width)]
    return [
        b"".join(frame[n * width : (n + 1) * width] for frame in frames) for n in range(channels)
    ]


@pytest.mark.parametrize("size", [1, 7, 44, 45, 64, 100_000])
@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize(("channels", "channel"), [(1, 0), (2, 0), (2, 1), (5, 3)])
def test_one_channel_is_silent_and_the_others_are_as_they_were(
    channels: int, channel: int, width: int, size: int
) -> None:
    before = unmixed(channels, width)
    pieces = [before[n : n + size] for n in range(0, len(before), size)]
    after = b"".join(silenced(pieces, samples_of(before), channel))
    assert len(after) == len(before)
    assert after[:44] == before[:44]
    silence = b"\x80" if width == 1 else b"\0"
    for number, (was, is_now) in enumerate(zip(by_channel(before), by_channel(after), strict=True)):
        assert is_now == (silence * len(was) if number == channel else was)


def test_samples_behind_other_chunks_are_found() -> None:
    plain = unmixed(2)
    with_more = plain[:36] + b"LIST" + struct.pack("<I", 3) + b"abc\0" + plain[36:]
    assert samples_of(with_more) == Samples(56, 2, 2, 200)


@pytest.mark.parametrize("size", [1, 50, 10_000])
def test_what_follows_the_samples_is_as_it_was(size: int) -> None:
    content = unmixed(2) + b"LIST" + struct.pack("<I", 4) + b"\1\2\3\4"
    pieces = [content[n : n + size] for n in range(0, len(content), size)]
    assert b"".join(silenced(pieces, samples_of(content), 1)).endswith(content[-12:])


@pytest.mark.parametrize("stated", [0, 0xFFFFFFFF])
def test_samples_of_open_size_end_with_the_file(stated: int) -> None:
    content = unmixed(2)
    content = content[:40] + struct.pack("<I", stated) + content[44:]
    after = b"".join(silenced([content], samples_of(content), 0))
    assert set(after[44::4]) | set(after[45::4]) == {0}


@pytest.mark.parametrize("stated", [None, 0], ids=["stated", "open"])
@pytest.mark.parametrize("size", [1, 50, 10_000])
def test_a_channel_of_an_rf64_is_silent(size: int, stated: int | None) -> None:
    content = as_rf64(unmixed(2), stated)
    pieces = [content[n : n + size] for n in range(0, len(content), size)]
    after = b"".join(silenced(pieces, samples_of(content), 1))
    assert after[:80] == content[:80]
    assert after[80::4] + after[81::4] == content[80::4] + content[81::4]
    assert set(after[82::4]) | set(after[83::4]) == {0}


def test_a_header_that_states_more_than_there_is_ends_with_the_file() -> None:
    content = unmixed(2)
    assert samples_of(content[:-8]).size == len(content) - 44 - 8


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF", b"ID3", unmixed(2)[:30], unmixed(2)[:20] + b"\x55\0" + unmixed(2)[22:]],
)
def test_what_is_no_wav_of_plain_samples_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequest):
        samples_of(content)


def test_a_channel_that_is_not_there_is_refused() -> None:
    content = unmixed(2)
    with pytest.raises(InvalidRequest, match="none of number 2"):
        list(silenced([content], samples_of(content), 2))
