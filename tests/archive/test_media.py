"""The verdict on real media, whole and broken, with PyAV's decoder as the judge of the judge."""

import io
import random
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import pytest

from callvault.archive.media import probe as media_probe
from callvault.archive.media.check import Expected, check_file, check_media, tolerance
from callvault.archive.media.mp3 import tag_size
from callvault.archive.media.padding import padding_of
from callvault.archive.media.probe import probe
from callvault.archive.media.seekable import open_object, open_ranges
from callvault.archive.store import Archive, put_bytes
from callvault.contracts.media import ChannelType, ContentType, FormatType, MediaCheck, MediaVerdict
from callvault.emulator.media.render import Renderer
from tests.archive.sealed import wav
from tests.emulator.timelines import person, recorded

SECONDS = 3
MP4 = Expected(FormatType.MP4, ContentType.AUDIO_VIDEO, ChannelType.MIXED, SECONDS * 1000)
MP3 = Expected(FormatType.MP3, ContentType.AUDIO, ChannelType.MIXED, SECONDS * 1000)
WAV = Expected(FormatType.WAV, ContentType.AUDIO, ChannelType.MIXED, SECONDS * 1000)
UNMIXED = replace(WAV, channel=ChannelType.UNMIXED)
EXPECTED = {"mp4": MP4, "mp3": MP3, "wav": WAV}
CUTS = (0.001, 0.02, 0.1, 0.3, 0.5, 0.8, 0.95, 0.99)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A recording in each format, as the emulator makes them."""
    folder = tmp_path_factory.mktemp("media")
    timeline = recorded(SECONDS + 1, person(0, (0, 4)), person(1, (2, 3)), paused=((1, 2),))
    for container in EXPECTED:
        Renderer(container).render(timeline, folder / container)
    Renderer("wav", ("8:acs:0", "8:acs:1", None)).render(timeline, folder / "unmixed")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def judged(data: bytes, expected: Expected) -> MediaCheck:
    return check_file(io.BytesIO(data), len(data), expected)


def decoded_seconds(data: bytes) -> float | None:
    """Measure the sound that a decoder gets out of a file; None where it cannot open the file."""
    try:
        with av.open(io.BytesIO(data)) as container:
            audio = container.streams.audio[0]
            samples = sum(frame.samples for frame in container.decode(audio))
            return samples / audio.rate
    except (av.FFmpegError, IndexError):
        return None


@pytest.mark.parametrize("container", EXPECTED)
def test_what_the_emulator_records_is_complete(files: dict[str, bytes], container: str) -> None:
    found = judged(files[container], EXPECTED[container])
    assert found.verdict is MediaVerdict.COMPLETE
    assert found.problems == ()
    with av.open(io.BytesIO(files[container])) as oracle:
        audio = oracle.streams.audio[0]
        assert (found.facts.sample_rate, found.facts.channels) == (audio.rate, audio.channels)
        seconds = decoded_seconds(files[container])
        assert seconds
        assert found.facts.duration_ms == pytest.approx(seconds * 1000, abs=200)
        for video in oracle.streams.video:
            size = (found.facts.width, found.facts.height)
            assert size == (video.width, video.height)
            assert found.facts.frame_rate == video.average_rate
    assert found.facts.parser.startswith("MediaInfoLib ")


def test_an_unmixed_recording_has_a_channel_for_each(files: dict[str, bytes]) -> None:
    assert judged(files["unmixed"], UNMIXED).verdict is MediaVerdict.COMPLETE
    found = judged(files["unmixed"], WAV)
    assert found.verdict is MediaVerdict.UNEXPECTED
    assert found.problems[0].detail == "it has 3 channels, more than 1"


@pytest.mark.parametrize("container", EXPECTED)
def test_a_truncated_file_is_never_complete(files: dict[str, bytes], container: str) -> None:
    data = files[container]
    for end in [*(int(len(data) * share) for share in CUTS), len(data) - 1]:
        found = judged(data[:end], EXPECTED[container])
        assert found.verdict in {MediaVerdict.TRUNCATED, MediaVerdict.UNREADABLE}, end


@pytest.mark.parametrize("container", EXPECTED)
def test_a_file_with_a_hole_is_never_complete(files: dict[str, bytes], container: str) -> None:
    dice = random.Random(7)
    for _ in range(6):
        data = bytearray(files[container])
        start = dice.randrange(len(data) - 600)
        del data[start : start + 600]
        assert judged(bytes(data), EXPECTED[container]).verdict is not MediaVerdict.COMPLETE


def test_an_mp4_without_its_index_is_unreadable(files: dict[str, bytes]) -> None:
    data = files["mp4"][: files["mp4"].index(b"moov") - 4]
    assert decoded_seconds(data) is None
    assert judged(data, MP4).verdict is MediaVerdict.UNREADABLE


@pytest.mark.parametrize("container", ["mp4", "mp3"])
def test_zeros_in_compressed_media_are_seen(files: dict[str, bytes], container: str) -> None:
    data = bytearray(files[container])
    data[8_192:16_384] = bytes(8_192)
    assert judged(bytes(data), EXPECTED[container]).verdict is MediaVerdict.BLANK


def box(kind: bytes, payload: bytes, *, size: int | None = None) -> bytes:
    return (8 + len(payload) if size is None else size).to_bytes(4, "big") + kind + payload


def long_box(kind: bytes, payload: bytes) -> bytes:
    return box(kind, (16 + len(payload)).to_bytes(8, "big") + payload, size=1)


def reserved(data: bytes, folder: Path) -> bytes:
    """Copy an mp4 into one that ffmpeg reserves room in for its index."""
    source, path = io.BytesIO(data), folder / "reserved.mp4"
    with (
        av.open(source) as old,
        av.open(path, "w", options={"moov_size": "200000"}) as new,
    ):
        streams = {each.index: new.add_stream_from_template(each) for each in old.streams}
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
    return path.read_bytes()


def with_room(data: bytes, room: bytes, *parents: bytes) -> bytes:
    """Put boxes into the index: it grows, and what lies behind it is not moved by a byte."""
    at = data.index(b"moov") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    for each in reversed(parents):
        room = box(each, b"\0\0\0\0" + room if each == b"meta" else room)
    index = box(b"moov", data[at + 8 : at + size] + room)
    # where the index comes first, the media moves: nothing here decodes it
    return data[:at] + index + data[at + size :]


ROOM = bytes(64 * 1024)


@pytest.mark.parametrize(
    "padded",
    [
        lambda data: data + box(b"free", ROOM),
        lambda data: data + box(b"skip", ROOM, size=0),
        lambda data: data + long_box(b"free", ROOM),
        lambda data: data[:32] + box(b"free", ROOM) + data[32:],
        lambda data: with_room(data, box(b"free", ROOM)),
        lambda data: with_room(data, box(b"free", ROOM), b"udta"),
        lambda data: with_room(data, box(b"free", ROOM) + bytes(4), b"udta"),
        lambda data: with_room(data, box(b"skip", ROOM), b"udta", b"meta"),
    ],
    ids=["end", "open", "long", "begin", "moov", "udta", "QuickTime", "meta"],
)
def test_room_in_an_mp4_is_no_lost_data(
    files: dict[str, bytes], padded: Callable[[bytes], bytes]
) -> None:
    data = files["mp4"]
    assert int.from_bytes(data[:4], "big") == 32
    found = judged(padded(data), MP4)
    assert found.problems == ()


def test_room_that_ffmpeg_reserves_is_no_lost_data(files: dict[str, bytes], tmp_path: Path) -> None:
    data = reserved(files["mp4"], tmp_path)
    assert data.count(b"\0" * 100_000) == 1
    assert judged(data, MP4).problems == ()
    media = data.index(b"mdat") + 4
    # whole spots: the file is sampled
    lost = data[: media + 8] + bytes(20_000) + data[media + 20_008 :]
    assert judged(lost, MP4).verdict is MediaVerdict.BLANK


@pytest.mark.parametrize("kind", [b"mdat", b"uuid"])
def test_zeros_in_other_boxes_are_seen(files: dict[str, bytes], kind: bytes) -> None:
    # the word of a box, or a whole one, within media does not make it padding
    media = b"free" + box(b"free", ROOM)
    assert judged(files["mp4"] + box(kind, media), MP4).verdict is MediaVerdict.BLANK


@pytest.mark.parametrize(
    "data",
    [
        box(b"free", b"") * 1_000_000,
        box(b"moov", b"") * 1_000_000,
        box(b"moov", b"", size=8_000_000) * 1_000_000,
        box(b"free", b"", size=0) * 2_000,
        long_box(b"free", b"")[:-8] + bytes(10_000),
        long_box(b"free", b"")[:-8] + b"\xff" * 8,
        box(b"meta", b"") + box(b"free", b"", size=0xFFFFFFFF) + bytes(10_000),
        box(b"free", b"", size=4) + bytes(10_000),
        b"",
        b"\0\0\0\1free",
    ],
)
def test_boxes_of_any_kind_come_to_an_end(data: bytes) -> None:
    reads = 0

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            nonlocal reads
            reads += 1
            return super().read(size)

    found = padding_of(Counted(data), len(data), FormatType.MP4)
    assert reads <= 1_000
    assert all(0 <= each.start <= each.stop <= len(data) for each in found)


@pytest.mark.parametrize("room", [10_000, 100_000])
def test_room_in_the_tag_of_an_mp3_is_no_lost_data(files: dict[str, bytes], room: int) -> None:
    data = files["mp3"]
    data = data[tag_size(data[:10]) :]
    size = bytes(room >> shift & 0x7F for shift in (21, 14, 7, 0))
    tagged = b"ID3\3\0\0" + size + bytes(room) + data
    assert judged(tagged, MP3).problems == ()
    middle = len(tagged) - len(data) // 2
    lost = tagged[: middle - 6_000] + bytes(8_192) + tagged[middle + 2_192 :]
    assert judged(lost, MP3).verdict is MediaVerdict.BLANK


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100_000,
        b"<!DOCTYPE html><html><body>Sign in</body></html>",
        b'{"error":{"code":"Unauthorized"}}',
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
        random.Random(1).randbytes(50_000),
    ],
)
def test_what_is_no_media_is_unreadable(data: bytes) -> None:
    assert judged(data, MP4).verdict is MediaVerdict.UNREADABLE


def test_another_format_than_asked_for_is_named(files: dict[str, bytes]) -> None:
    found = judged(files["wav"], MP3)
    assert found.verdict is MediaVerdict.WRONG_FORMAT
    assert found.problems[0].detail == "it is wav, not mp3"


def test_an_mp4_without_pictures_is_not_what_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame(format="fltp", layout="mono", samples=16_000)
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    found = judged(path.read_bytes(), replace(MP4, duration_ms=1000))
    assert found.verdict is MediaVerdict.WRONG_FORMAT
    assert found.problems[0].detail == "it has no pictures"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (None, MediaVerdict.COMPLETE),
        (SECONDS * 1000 + 990, MediaVerdict.COMPLETE),
        (SECONDS * 1000 + 1_100, MediaVerdict.DURATION_MISMATCH),
        (SECONDS * 1000 - 1_100, MediaVerdict.DURATION_MISMATCH),
    ],
)
def test_the_length_is_compared_with_the_services_word(
    files: dict[str, bytes], said: float | None, verdict: MediaVerdict
) -> None:
    assert judged(files["wav"], replace(WAV, duration_ms=said)).verdict is verdict


def test_the_services_word_may_include_the_pauses(files: dict[str, bytes]) -> None:
    with_pause = replace(WAV, duration_ms=SECONDS * 1000 + 5_220, paused_ms=5_220)
    assert judged(files["wav"], with_pause).verdict is MediaVerdict.COMPLETE


def test_the_tolerance_is_a_second_or_a_hundredth() -> None:
    assert tolerance(10_000) == 1_000
    assert tolerance(4 * 3_600_000) == 144_000


def test_a_sample_rate_that_is_not_documented_is_flagged() -> None:
    found = judged(wav(1, rate=8_000), replace(WAV, duration_ms=1_000))
    assert found.verdict is MediaVerdict.UNEXPECTED


def test_a_file_in_the_archive_is_judged_by_ranges(
    archive: Archive, files: dict[str, bytes]
) -> None:
    name = "recordings/2026/03/02/call/rec/0000-doc.mp4"
    put_bytes(archive, name, files["mp4"], content_type="video/mp4", metadata={})
    assert check_media(archive, name, len(files["mp4"]), MP4).verdict is MediaVerdict.COMPLETE
    with open_object(archive, name, len(files["mp4"])) as file:
        assert file.read() == files["mp4"]


def test_gigabytes_are_judged_from_a_megabyte_of_them() -> None:
    size = 3 * 1024**3
    head = bytearray(wav(0))
    head[4:8] = (size - 8).to_bytes(4, "little")
    head[40:44] = (size - 44).to_bytes(4, "little")
    fetched = 0

    def read(offset: int, length: int) -> bytes:
        nonlocal fetched
        fetched += length
        return bytes(head[offset : offset + length]).ljust(length, b"\1")

    with open_ranges(read, size) as file:
        found = check_file(file, size, replace(WAV, duration_ms=(size - 44) / 32))
    assert found.verdict is MediaVerdict.COMPLETE
    assert fetched < 4 * 1024**2


def cpu_of_children() -> float:
    """Seconds of processor time of all children that have ended: a busy machine adds none."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_parser_that_runs_wild_is_stopped(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damaged sample tables keep libmediainfo busy for minutes; it gets no more than its limit."""
    data = bytearray(files["mp4"])
    for table in (b"stts", b"stsz", b"stsc"):
        for at in (i for i in range(len(data) - 4) if data[i : i + 4] == table):
            data[at + 8 : at + 16] = b"\xff" * 8
    monkeypatch.setattr(media_probe, "CPU_SECONDS", 1)
    media_probe.SERVERS.close()
    before = cpu_of_children()
    assert judged(bytes(data), MP4).verdict is MediaVerdict.UNREADABLE
    media_probe.SERVERS.close()  # its time counts once it has ended, with that of its forks
    assert cpu_of_children() - before < 3


def test_a_parser_that_dies_leaves_an_unreadable_file(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_probe, "_HAS_FORK_SERVER", False)
    monkeypatch.setattr(media_probe.sys, "executable", "/bin/false")
    assert probe(io.BytesIO(files["wav"]), len(files["wav"])) is None
    assert judged(files["wav"], WAV).verdict is MediaVerdict.UNREADABLE


def test_an_archive_that_fails_is_no_verdict(files: dict[str, bytes]) -> None:
    def read(offset: int, length: int) -> bytes:
        if offset:
            raise TimeoutError
        return files["mp4"][:length]

    with open_ranges(read, 10 * 1024**2) as file, pytest.raises(TimeoutError):
        check_file(file, 10 * 1024**2, MP4)
