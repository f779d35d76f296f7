"""Kinds of recordings in ACS's own words, and the verdict on an archived file."""

from enum import StrEnum
from typing import Self, TypeVar

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


class MediaKind(Message):
    """Content, channels and format of a recording, as far as one source tells them."""

    content: ContentType | None = None
    channel: ChannelType | None = None
    format: FormatType | None = None

    @classmethod
    def declared(cls, *words: object) -> Self:
        """Read the service's words, in any case and order: files of 2021 have two of them swapped.

        Words that are none of these are as good as none.
        """
        known = {word.lower() for word in words if isinstance(word, str)}
        return cls(
            content=next((each for each in ContentType if each.lower() in known), None),
            channel=next((each for each in ChannelType if each.lower() in known), None),
            format=next((each for each in FormatType if each.lower() in known), None),
        )

    def or_else(self, other: Self | None) -> Self:
        """Fill what is not told here with what another source tells."""
        if other is None:
            return self
        return self.model_copy(
            update={
                "content": self.content or other.content,
                "channel": self.channel or other.channel,
                "format": self.format or other.format,
            }
        )

    def completed(self) -> Self:
        """Add what follows: of the service's combinations, all that agree have it in common."""
        told = (self.content, self.channel, self.format)
        possible = [
            each
            for each in VALID_COMBINATIONS
            if all(mine in {None, its} for mine, its in zip(told, each, strict=True))
        ]
        contents, channels, formats = ({each[n] for each in possible} for n in range(3))
        return self.or_else(
            type(self)(content=_only(contents), channel=_only(channels), format=_only(formats))
        )

    @property
    def is_complete(self) -> bool:
        """True if nothing is left to be told."""
        return None not in {self.content, self.channel, self.format}


_Word = TypeVar("_Word")


def _only(words: set[_Word]) -> _Word | None:
    return next(iter(words)) if len(words) == 1 else None


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
    LENGTH_NOT_DECLARED = "length_not_declared"
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
