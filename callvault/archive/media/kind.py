"""The kind of a media file by its first bytes."""

from callvault.contracts.media import ChannelType, FormatType, MediaKind

HEAD = 64
"""Bytes that are looked at."""


def container_of(head: bytes) -> FormatType | None:
    """Return the container that a file begins as; None where it is none that ACS makes."""
    if head[4:8] == b"ftyp":
        return FormatType.MP4
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return FormatType.WAV
    if head[:3] == b"ID3" or (head[:1] == b"\xff" and len(head) > 1 and head[1] >= 0xE0):
        return FormatType.MP3
    return None


def kind_of(head: bytes) -> MediaKind:
    """Return what the first bytes tell: the container, and of a wav its channels."""
    container = container_of(head)
    channel = None
    if container is FormatType.WAV and head[12:16] == b"fmt ":
        count = int.from_bytes(head[22:24], "little")
        channel = ChannelType.UNMIXED if count > 1 else ChannelType.MIXED
    return MediaKind(channel=channel, format=container)
