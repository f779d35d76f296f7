"""The kind of a recording that nobody asked for, from what is told of it (faults D2 and D3)."""

import pytest

from callvault.archive.media.kind import HEAD, kind_of
from callvault.contracts.media import ChannelType, ContentType, FormatType, MediaKind
from tests.archive.sealed import wav
from tests.archive.sounds import CONSTANT, encoded

AUDIO, VIDEO = ContentType
MIXED, UNMIXED = ChannelType
MP4, MP3, WAV = FormatType


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (("Audio", "Mixed", "Mp3"), (AUDIO, MIXED, MP3)),
        (("Audio", "Mixed", "Wav"), (AUDIO, MIXED, WAV)),
        (("Audio", "Unmixed", "Wav"), (AUDIO, UNMIXED, WAV)),
        (("AudioVideo", "Mixed", "Mp4"), (VIDEO, MIXED, MP4)),
        (("mixed", "audioVideo", "mp4"), (VIDEO, MIXED, MP4)),
        ((None, None, "Mp3"), (AUDIO, MIXED, MP3)),
        ((None, None, "Mp4"), (VIDEO, MIXED, MP4)),
        ((None, None, "Wav"), (AUDIO, None, WAV)),
        (("AudioVideo", None, None), (VIDEO, MIXED, MP4)),
        ((None, "Unmixed", None), (AUDIO, UNMIXED, WAV)),
        (("Audio", None, None), (AUDIO, None, None)),
        (("AudioVideo", None, "Mp3"), (VIDEO, None, MP3)),
        (("hologram", 5, "ogg"), (None, None, None)),
        ((), (None, None, None)),
    ],
)
def test_what_is_told_is_completed_by_what_follows(
    told: tuple[object, ...], kind: tuple[object, object, object]
) -> None:
    found = MediaKind.declared(*told).completed()
    assert (found.content, found.channel, found.format) == kind
    assert found.is_complete is (None not in kind)


def test_what_was_told_first_stays() -> None:
    first = MediaKind(format=WAV)
    found = first.or_else(MediaKind(channel=UNMIXED, format=MP3)).or_else(None)
    assert found == MediaKind(channel=UNMIXED, format=WAV)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (wav(0.1), MediaKind(channel=MIXED, format=WAV)),
        (wav(0.1, channels=3), MediaKind(channel=UNMIXED, format=WAV)),
        (b"\0\0\0 ftypisom", MediaKind(format=MP4)),
        (encoded(CONSTANT), MediaKind(format=MP3)),
        (encoded(CONSTANT, tagged=True), MediaKind(format=MP3)),
        (b"RIFF\0\0\0\0WAVE", MediaKind(format=WAV)),
        (b"<html>", MediaKind()),
        (b"", MediaKind()),
    ],
)
def test_d3_the_first_bytes_tell_the_format(data: bytes, kind: MediaKind) -> None:
    assert kind_of(data[:HEAD]) == kind
