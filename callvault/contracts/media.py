"""Kinds of recordings in ACS's own words, and the verdict on an archived file."""

from enum import StrEnum

from callvault.contracts.base import Message


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


class MediaVerdict(StrEnum):
    """Worst first, but for the last: the first one that applies is the verdict on a file."""

    UNREADABLE = "unreadable"
    """No container that a parser understands: HTML, zeros, an mp4 without its index."""
    TRUNCATED = "truncated"
    """The container's own account of sizes does not agree with the file's size."""
    WRONG_FORMAT = "wrong_format"
    """Media, but of another format than was asked for, or without a track that was."""
    BLANK = "blank"
    """Stretches of a compressed file hold nothing but zeros."""
    DURATION_MISMATCH = "duration_mismatch"
    """Plays shorter or longer than the service says."""
    UNEXPECTED = "unexpected"
    """Whole, but its sample rate, channels or resolution are not those the service documents."""
    LENGTH_NOT_TOLD = "length_not_told"
    """Nothing is amiss, but the file does not say how long it is: it cannot be compared."""
    COMPLETE = "complete"


class MediaProblem(Message):
    """One thing that is amiss with a file."""

    verdict: MediaVerdict
    detail: str


class MediaFacts(Message):
    """Measured facts. None where the file does not tell, or has no such track."""

    container: str | None = None
    """``mp4``, ``mp3`` or ``wav``."""
    duration_ms: float | None = None
    expected_duration_ms: float | None = None
    """As the service's metadata or event told; none where they told nothing."""
    tolerance_ms: float | None = None
    audio_format: str | None = None
    sample_rate: int | None = None
    """Hertz."""
    channels: int | None = None
    video_format: str | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    """Pictures a second."""
    parser: str = ""
    """Name and version of the program that read the file."""


class MediaCheck(Message):
    """The verdict on an archived file, with its evidence."""

    verdict: MediaVerdict
    problems: tuple[MediaProblem, ...] = ()
    facts: MediaFacts = MediaFacts()
