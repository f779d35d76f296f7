"""The search for a recording that was sealed, by those who have forgotten it or never knew it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.evidence import require_chunk
from callvault.archive.manifests.seal import StoredManifest, find_manifest
from callvault.archive.names import (
    RECORDINGS_PREFIX,
    is_folder_of_recording,
    is_manifest_name,
)
from callvault.archive.store import Archive, read_small
from callvault.contracts.activity_io import ArchivedChunk, FoundChunk, FoundRecording
from callvault.contracts.call_ids import canonical_call_id
from callvault.contracts.events import FileStatusUpdated, RecordingChunk
from callvault.contracts.manifest import Manifest, ManifestChunk
from callvault.errors import BrokenContent, ConfigurationError, ContentMissing

_DAY = timedelta(days=1)

MAX_DAYS = 60
"""Days of the archive that are searched at most: no call lasts for as long."""


def find_sealed(
    archive: Archive,
    server_call_id: str,
    recording_id: str,
    since: datetime,
    until: datetime,
    keys: Keyring,
) -> FoundRecording | None:
    """Find the newest manifest of a recording that was made within these days, and its files.

    Files that the archive does not hold as sealed are left out. Where ``keys`` are given, a
    manifest that none of them has signed is not believed. Raises `ConfigurationError` where all
    that was found is signed with a key that is not among them: it may be a former one.
    """
    newest: StoredManifest | None = None
    unknown = ""
    held = names_of_recording(archive, recording_id, since, until)
    # the shorter name is that of the lower number
    for name in sorted(filter(is_manifest_name, held), key=lambda name: (len(name), name)):
        try:
            found = find_manifest(archive, name)
        except BrokenContent:  # reported by `callvault verify`
            continue
        if found is None or not _is_of(found.manifest, server_call_id, recording_id):
            continue
        if _is_believed(archive, name, found.manifest, keys):
            newest = found
        elif found.manifest.signature and found.manifest.signature.key_id not in keys:
            unknown = f"{name} in archive {archive.name} is signed with key"
            unknown += f" {found.manifest.signature.key_id}"
    if newest is None and unknown:
        # Not "there is none": its files would be told as lost.
        raise ConfigurationError(
            f"{unknown}, which is not among the settings' keys: if it is a former one, add its"
            f" public half to a file of archives.{archive.name}.public_keys"
        )
    return _found(archive, newest.manifest) if newest else None


def names_of_recording(
    archive: Archive, recording_id: str, since: datetime, until: datetime
) -> Iterator[str]:
    """Yield the names of all objects of a recording that was made within these days."""
    for day in _days(since, until):
        for name in archive.names(f"{RECORDINGS_PREFIX}{day:%Y/%m/%d}/"):
            if is_folder_of_recording(name, recording_id):
                yield name


def _days(since: datetime, until: datetime) -> Iterator[datetime]:
    # a day more on either side: the service's clock named the day
    day, last = since.astimezone(UTC) - _DAY, until.astimezone(UTC) + _DAY
    for count in range(MAX_DAYS):
        if day + count * _DAY <= last + _DAY:
            yield day + count * _DAY


def _is_of(manifest: Manifest, server_call_id: str, recording_id: str) -> bool:
    of = manifest.recording
    is_same_call = canonical_call_id(of.server_call_id) == canonical_call_id(server_call_id)
    return is_same_call and of.recording_id == recording_id


def _is_believed(archive: Archive, name: str, manifest: Manifest, keys: Keyring) -> bool:
    return not keys.is_given or keys.objection(manifest, read_small(archive, name)) is None


def _found(archive: Archive, manifest: Manifest) -> FoundRecording | None:
    held = [found for each in manifest.chunks if (found := _held(archive, each))]
    if not held:
        return None
    of = manifest.recording
    files = FileStatusUpdated(
        event_time=min(chunk.announced_at for chunk in manifest.chunks),
        call_id=of.call_id,
        server_call_id=of.server_call_id,
        recording_id=of.recording_id,
        recording_start_time=of.recording_start_time,
        recording_duration_ms=of.recording_duration_ms,
        recording_content_type=of.recording_content_type,
        recording_channel_type=of.recording_channel_type,
        recording_format_type=of.recording_format_type,
        session_end_reason=of.session_end_reason,
        chunks=tuple(found.chunk for found in held),
    )
    return FoundRecording(
        archive=archive.name, manifest=manifest.object_name, files=files, chunks=tuple(held)
    )


def _held(archive: Archive, chunk: ManifestChunk) -> FoundChunk | None:
    """Return the chunk as it was verified, if the archive still holds it."""
    if chunk.media is None or chunk.verified_at is None:
        return None
    archived = ArchivedChunk(
        archive=archive.name,
        archive_id=archive.prove(),
        object_name=chunk.media.object_name,
        location=archive.location(chunk.media.object_name),
        size=chunk.media.size,
        sha256=chunk.media.sha256,
        sha512=chunk.media.sha512,
        metadata_object_name=chunk.metadata.object_name if chunk.metadata else None,
        metadata_problem=chunk.metadata_problem,
        duration_ms=chunk.duration_ms,
        pauses=chunk.service_pauses,
        verified_at=chunk.verified_at,
        media=chunk.check,
        response_headers=chunk.response_headers,
    )
    try:
        require_chunk(archive, archived)
    except (ContentMissing, BrokenContent):
        return None
    announced = RecordingChunk(
        document_id=chunk.document_id, index=chunk.index, end_reason=chunk.end_reason
    )
    return FoundChunk(chunk=announced, archived=archived)
