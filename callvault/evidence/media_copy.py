"""A person's media out of an archive: whole files, and of unmixed ones that person's channel."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from callvault.archive.media.pcm import PcmLayout, channel_size, one_channel, pcm_layout
from callvault.archive.media.seekable import open_object
from callvault.archive.store import Archive, read_small
from callvault.contracts.chunk_metadata import parse_chunk_metadata
from callvault.contracts.manifest import ArchivedObject, Manifest, ManifestChunk
from callvault.contracts.media import ChannelType
from callvault.contracts.subjects import SubjectEntry
from callvault.errors import BrokenContent, ContentMissing


@dataclass(frozen=True, slots=True)
class MediaCopy:
    """A media file to be given out."""

    chunk: ManifestChunk
    media: ArchivedObject
    layout: PcmLayout | None = None
    channel: int | None = None
    """Channel that is taken out of an unmixed file, from 0; None where the file is given whole."""

    @property
    def filename(self) -> str:
        extension = self.media.object_name.rpartition(".")[2]
        part = "" if self.channel is None else f"-channel-{self.channel}"
        return f"media-{self.chunk.index:04d}{part}.{extension}"

    @property
    def size(self) -> int:
        return self.media.size if self.layout is None else channel_size(self.layout)

    def pieces(self, archive: Archive) -> Iterator[bytes]:
        """Read it; errors of the archive pass through."""
        if self.layout is None or self.channel is None:
            yield from archive.read(self.media.object_name)
            return
        frames = archive.read(self.media.object_name, offset=self.layout.offset)
        yield from one_channel(frames, self.layout, self.channel)


@dataclass(frozen=True, slots=True)
class NoCopy:
    """A media file that is not given out, and the reason."""

    chunk: ManifestChunk
    reason: str


def media_copies(
    archive: Archive, manifest: Manifest, entry: SubjectEntry
) -> list[MediaCopy | NoCopy]:
    """Choose what of a recording's media is given to the person of an index entry."""
    return [
        each for chunk in manifest.chunks for each in _of_chunk(archive, manifest, chunk, entry)
    ]


def _of_chunk(
    archive: Archive, manifest: Manifest, chunk: ManifestChunk, entry: SubjectEntry
) -> Iterable[MediaCopy | NoCopy]:
    media = chunk.media
    if media is None:
        return [NoCopy(chunk, chunk.lost_reason or "it was never archived")]
    if archive.stat(media.object_name) is None:
        return [NoCopy(chunk, "it is not in the archive any more: see “Proof”")]
    told = [each for each in entry.chunks if each.object_name == media.object_name]
    if not told and not _names_nobody(archive, chunk):
        return [NoCopy(chunk, "the service names others in it, and not this person")]
    if manifest.recording.recording_channel_type is not ChannelType.UNMIXED:
        return [MediaCopy(chunk, media)]
    channels = sorted({each.channel for each in told if each.channel is not None})
    return _channels(archive, chunk, media, channels)


def _names_nobody(archive: Archive, chunk: ManifestChunk) -> bool:
    """Tell if the service names nobody in a file, or somebody who cannot be read.

    Then this person may be in it.
    """
    if chunk.metadata is None:
        return True
    try:
        told = parse_chunk_metadata(read_small(archive, chunk.metadata.object_name))
    except (BrokenContent, ContentMissing):
        return True
    is_unread = any(each.startswith("participants") for each in told.unread)
    return is_unread or not told.participants


def _channels(
    archive: Archive, chunk: ManifestChunk, media: ArchivedObject, channels: Sequence[int]
) -> Iterable[MediaCopy | NoCopy]:
    if not channels:
        reason = "the service does not tell which of its channels is this person's"
        return [NoCopy(chunk, reason)]
    with open_object(archive, media.object_name, media.size) as file:
        layout = pcm_layout(file, media.size)
    if layout is None:
        return [NoCopy(chunk, "its samples cannot be told apart: it is no plain wav")]
    return [
        MediaCopy(chunk, media, layout, channel)
        if channel < layout.channels
        else NoCopy(chunk, f"it has no channel {channel}, which the service says is this person's")
        for channel in channels
    ]
