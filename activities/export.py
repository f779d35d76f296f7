"""Export: bring one chunk and its metadata into the archive, and prove the copy."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, CancelledError

from activities.clock import server_clock
from activities.translate import translated
from callvault.acs.chunk_metadata import ChunkMetadata, parse_chunk_metadata
from callvault.acs.client import AcsClient
from callvault.acs.content import Content
from callvault.archive import copier
from callvault.archive.names import chunk_object_name, metadata_object_name
from callvault.archive.store import Archive, StoredObject
from callvault.contracts.media import FormatType
from callvault.contracts.orders import (
    ArchivedChunk,
    ExportOrder,
    ExportProgress,
    RecordedPause,
)
from callvault.errors import BrokenContent, ContentMissing
from callvault.telemetry.instruments import bytes_exported

GONE_AFTER = timedelta(minutes=15)
"""A file that the service denies is believed to be gone after it was denied for this long."""

ASK_AGAIN = timedelta(minutes=2)
"""How long to wait before asking again for a file that the service denied."""

_MEDIA_TYPES = {
    FormatType.MP4: "video/mp4",
    FormatType.MP3: "audio/mpeg",
    FormatType.WAV: "audio/wav",
}


@dataclass(frozen=True)
class _ChunkSource:
    """A chunk at the service, in the form the copier reads."""

    client: AcsClient
    url: str

    def open(self, *, offset: int = 0) -> AbstractContextManager[Content]:
        return self.client.open_content(self.url, offset=offset)


class ExportActivities:
    """Built once by a worker, with its clients and archives."""

    def __init__(
        self, client_of: Callable[[str], AcsClient], archive_of: Callable[[str], Archive]
    ) -> None:
        self._client_of = client_of
        self._archive_of = archive_of

    @activity.defn(no_thread_cancel_exception=True)
    def export_chunk(self, order: ExportOrder) -> ArchivedChunk:
        """Copy, read back, compare; then the same for the metadata file.

        Whatever an earlier attempt finished is not done again, even when the source is gone by now.
        """
        with translated(patient=True):
            try:
                return self._export(order)
            except ContentMissing as missing:
                _believe_or_ask_again(missing)
                raise

    def _export(self, order: ExportOrder) -> ArchivedChunk:
        now = server_clock()
        client, archive = self._client_of(order.resource), self._archive_of(order.archive)
        name = _object_name(order)
        stored = self._copy(client, archive, name, order)
        digest = _read_back(archive, name, stored)
        metadata_name, metadata = self._export_metadata(client, archive, name, order)
        bytes_exported(activity.metric_meter()).add(digest.size, {"archive": archive.name})
        return ArchivedChunk(
            archive=archive.name,
            object_name=name,
            location=archive.location(name),
            size=digest.size,
            sha256=digest.sha256,
            metadata_object_name=metadata_name,
            duration_ms=metadata.chunk_duration,
            pauses=tuple(
                RecordedPause(start_time=pause.start_time, duration_ms=pause.duration)
                for pause in metadata.pause_resume_intervals
            ),
            verified_at=now(),
        )

    def _copy(
        self, client: AcsClient, archive: Archive, name: str, order: ExportOrder
    ) -> StoredObject:
        identity = {
            "recording_id": order.recording_id or "",
            "document_id": order.chunk.document_id,
            "chunk_index": str(order.chunk.index),
        }
        done = copier.already_archived(archive, name, identity)
        if done is not None:
            return done
        return copier.copy(
            _ChunkSource(client, order.chunk.content_location),
            archive,
            name,
            content_type=_MEDIA_TYPES[order.recording_format_type],
            metadata=identity,
            on_progress=_progress("copying"),
        ).stored

    def _export_metadata(
        self, client: AcsClient, archive: Archive, chunk_name: str, order: ExportOrder
    ) -> tuple[str | None, ChunkMetadata]:
        """Archive the metadata file byte for byte; older events announce none."""
        if order.chunk.metadata_location is None:
            return None, ChunkMetadata()
        name = metadata_object_name(chunk_name)
        if archive.stat(name) is not None:
            content = b"".join(archive.read(name))
        else:
            content = client.read_metadata(order.chunk.metadata_location)
        metadata = parse_chunk_metadata(content)
        copier.put_bytes(archive, name, content, content_type="application/json", metadata={})
        return name, metadata


def _object_name(order: ExportOrder) -> str:
    return chunk_object_name(
        recorded_on=order.recorded_on,
        call_id=order.call_id,
        server_call_id=order.server_call_id,
        recording_id=order.recording_id,
        index=order.chunk.index,
        document_id=order.chunk.document_id,
        extension=order.recording_format_type,
    )


def _read_back(archive: Archive, name: str, stored: StoredObject) -> copier.Digest:
    digest = copier.read_back(archive, name, _progress("verifying"))
    if (digest.size, digest.sha256) != (stored.size, stored.sha256):
        raise BrokenContent(
            f"{archive.location(name)} reads back as {digest.size} bytes with SHA-256 "
            f"{digest.sha256}, not as the {stored.size} bytes that were written: "
            "check the archive's storage, move the object away, and it is copied again",
            owner="archive",
        )
    return digest


def _progress(phase: str) -> copier.OnProgress:
    """Heartbeat with the bytes moved; also the moment to notice that the attempt is to end."""

    def report(done: int, total: int | None) -> None:
        activity.heartbeat(ExportProgress(phase=phase, bytes_done=done, bytes_total=total))
        if activity.is_cancelled():
            raise CancelledError("the export was cancelled")
        if activity.is_worker_shutdown():
            raise ApplicationError("the worker is shutting down: another one goes on")

    return report


def _believe_or_ask_again(missing: ContentMissing) -> None:
    """A file the service denies may still come; one it denies for long is gone for good."""
    info = activity.info()
    since = _missing_since(info) or info.started_time
    if info.started_time - since >= GONE_AFTER:
        raise ApplicationError(
            f"{missing} It has been denied since {since:%Y-%m-%d %H:%M:%S} UTC: gone.",
            type="ContentGone",
            non_retryable=True,
        ) from missing
    activity.heartbeat(ExportProgress(phase="waiting", missing_since=since))
    missing.retry_after = ASK_AGAIN


def _missing_since(info: activity.Info) -> datetime | None:
    """What the attempt before noted in its heartbeat."""
    if not info.heartbeat_details:
        return None
    return ExportProgress.model_validate(info.heartbeat_details[0]).missing_since
