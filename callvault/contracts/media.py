"""What is recorded: ACS's words, ACS's spelling, ACS's combinations."""

from enum import StrEnum


class ContentType(StrEnum):
    """``recordingContentType`` of ACS."""

    AUDIO = "audio"
    AUDIO_VIDEO = "audioVideo"


class ChannelType(StrEnum):
    """``recordingChannelType`` of ACS."""

    MIXED = "mixed"
    UNMIXED = "unmixed"


class FormatType(StrEnum):
    """``recordingFormatType`` of ACS."""

    MP4 = "mp4"
    MP3 = "mp3"
    WAV = "wav"

    @property
    def content_type(self) -> str:
        """The media type of such a file."""
        return {"mp4": "video/mp4", "mp3": "audio/mpeg", "wav": "audio/wav"}[self.value]


VALID_COMBINATIONS = frozenset(
    {
        (ContentType.AUDIO_VIDEO, ChannelType.MIXED, FormatType.MP4),
        (ContentType.AUDIO, ChannelType.MIXED, FormatType.MP3),
        (ContentType.AUDIO, ChannelType.MIXED, FormatType.WAV),
        (ContentType.AUDIO, ChannelType.UNMIXED, FormatType.WAV),
    }
)
"""The format table of ACS's Call Recording documentation; anything else is refused (8557)."""
