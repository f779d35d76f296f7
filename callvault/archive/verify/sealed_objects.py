"""The objects that a manifest names, with what each of them should be."""

from collections.abc import Iterator
from dataclasses import dataclass

from callvault.archive.media.check import Expected
from callvault.contracts.manifest import (
    ArchivedObject,
    Manifest,
    ManifestChunk,
    ManifestRecording,
)
from callvault.contracts.media import MediaCheck


@dataclass(frozen=True, slots=True)
class SealedObject:
    """An object that a manifest names, and for media its verdict."""

    object: ArchivedObject
    check: MediaCheck | None
    expected: Expected


def sealed_objects(manifest: Manifest) -> Iterator[SealedObject]:
    """Yield the objects that a manifest names, chunk by chunk."""
    for chunk in manifest.chunks:
        expected = _expected(manifest.recording, chunk)
        if chunk.media:
            yield SealedObject(chunk.media, chunk.check, expected)
        if chunk.metadata:
            yield SealedObject(chunk.metadata, None, expected)


def _expected(recording: ManifestRecording, chunk: ManifestChunk) -> Expected:
    """Rebuild what the media was compared with when it was sealed."""
    return Expected(
        recording.recording_format_type,
        recording.recording_content_type,
        recording.recording_channel_type,
        chunk.check.facts.expected_duration_ms if chunk.check else None,
        sum(pause.duration_ms for pause in chunk.service_pauses),
    )
