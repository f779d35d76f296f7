"""Export: bring one chunk and its metadata into the archive, and prove the copy."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, CancelledError

from activities.archived_chunk import archived_chunk
from activities.clock import server_clock
from activities.erased_files import ErasedFiles
from activities.export_metadata import Reader, export_metadata, reader_of
from activities.export_names import object_name, possible_names
from activities.heartbeat import denied_since
from activities.subjects import SubjectIndex
from activities.translate import FILES_GONE, translated
from callvault.acs.client import AcsClient
from callvault.archive.manifests.evidence import require_sealed
from callvault.archive.media.kind import HEAD, kind_of
from callvault.archive.store import Archive, already_archived, is_bare
from callvault.archive.transfer import copier, own_storage
from callvault.archive.transfer.backoff import RetryLimits
from callvault.archive.transfer.buffers import BufferPool
from callvault.archive.transfer.readback import read_back
from callvault.archive.transfer.source import ObjectSource, Source
from callvault.archive.transfer.threads import OnProgress
from callvault.archive.transfer.watch import Watch
from callvault.contracts.activity_io import (
    ArchivedChunk,
    DeleteInput,
    ExportInput,
    ExportProgress,
)
from callvault.contracts.base import shorten
from callvault.contracts.media import MediaKind
from callvault.errors import ArchiveGone, BrokenContent, CallvaultError, ContentMissing, Unavailable
from callvault.telemetry.metrics import exported_bytes

GONE_AFTER = timedelta(minutes=15)
"""Time for which the service must deny a file before the file counts as gone."""

REFUSED_AFTER = timedelta(minutes=10)
"""Time for which an archive must refuse a file before it is given up for the fallback."""

ARCHIVE_REFUSED = "ArchiveRefused"
"""Type of the failure of an export whose archive was given up."""

NOT_ARCHIVED = "NotArchived"
"""Type of the failure of a last look into an archive that does not hold the chunk."""

STALLED_AFTER = timedelta(minutes=10)
"""Time without a byte moved after which a copy begins anew: longer than the service may ask to wait
(5 min), and than the copier itself takes to give up a connection."""

QUIET_TIME = timedelta(seconds=1)
"""Time for which a copy, and its reading back, tell nothing of their progress: most files need no
longer, and each heartbeat is a request to Temporal and a billable action."""

_BARE = (
    "the service had it no more, and in the archive it lay without its properties, as after a"
    " backup that leaves out hidden files: nothing but the media itself shows that it is whole."
)

RECHECK_INTERVAL = timedelta(minutes=2)
"""Wait before the next attempt to get what was denied."""


@dataclass(frozen=True)
class _Sources:
    """The places from which the two files of a chunk are read."""

    metadata: Reader | None
    stored: ObjectSource | None = None
    """The media file, if it lies in a container; else the service is asked for it."""
    is_bare: bool = False
    """True if it was found without the properties that tell whose file it is, and that it is whole:
    hidden files, as those of a directory, are lost in many backups."""


class ExportActivities:
    """Built once by a worker, with its clients and archives."""

    def __init__(
        self,
        client_of: Callable[[str], AcsClient],
        archive_of: Callable[[str], Archive],
        buffers: BufferPool | None = None,
        index: SubjectIndex | None = None,
        refuse_other_region: Callable[[str, str], None] = lambda resource, archive: None,
        erased: ErasedFiles | None = None,
    ) -> None:
        """Share ``buffers``, the memory of copies, among all exports of the process.

        Without ``index``, nobody is indexed. ``refuse_other_region`` raises where a resource's
        recordings must not go to an archive; ``erased`` tells what was erased.
        """
        self._erased = erased or ErasedFiles()
        self._refuse_other_region = refuse_other_region
        self._client_of = client_of
        self._archive_of = archive_of
        self._buffers = buffers or BufferPool()
        self._index = index

    # No exception is thrown into the thread: `_progress` notices a cancellation between two blocks.
    @activity.defn(no_thread_cancel_exception=True)
    def export_chunk(self, input: ExportInput) -> ArchivedChunk:
        """Copy, read back, compare; then the same for the metadata file.

        Nothing that an earlier attempt finished is done again, even when the source is gone by now.
        """
        with translated(retry_permanent=True):
            try:
                return self._export(input)
            except CallvaultError as error:
                if isinstance(error, ArchiveGone):
                    _give_up_gone(input, error)
                # The owner first: a 404 of the archive itself is no denial by the service.
                elif error.owner == "archive":
                    if input.may_refuse:
                        _give_up_on_archive_or_wait(error)
                elif isinstance(error, ContentMissing):
                    if input.is_archived_alone:
                        raise _not_archived(error) from error
                    _confirm_missing(error)
                raise

    def _export(self, input: ExportInput) -> ArchivedChunk:
        now = server_clock()
        if not input.is_archived_alone:
            self._refuse_other_region(input.resource, input.archive)
        archive, sources = self._archive_of(input.archive), self._sources(input)
        try:
            name, headers = self._copy(sources.stored, archive, input)
        except ContentMissing as missing:
            sources = self._another(archive, input, sources, missing)
            name, headers = self._copy(sources.stored, archive, input)
        by_itself = self._kind_of(archive, name) if input.is_kind_assumed else None
        # The media is proven before its metadata is asked for: trouble there loses no media.
        digest = read_back(archive, name, _progress("verifying"), self._buffers)
        if input.verified_before not in ("", digest.sha256):
            raise BrokenContent(
                f"{archive.location(name)} is not what was verified before: find out who changes"
                " the archive, move the object away, and the chunk is archived again",
                owner="archive",
            )
        may_wait = not (input.is_archived_alone or sources.is_bare)
        metadata = export_metadata(sources.metadata, archive, name, now, may_wait=may_wait)
        if sources.is_bare:
            metadata = replace(metadata, problem=shorten(f"{_BARE} {metadata.problem}".strip()))
        self._erased.drop(archive, input, name, metadata.object_name)
        if self._index:
            self._index.add_chunk(archive, input, name, metadata)
        exported_bytes(activity.metric_meter()).add(digest.size, {"archive": archive.name})
        kind = metadata.facts.kind.or_else(by_itself) if input.is_kind_assumed else None
        told = {"kind": kind, "response_headers": headers}
        return archived_chunk(archive, name, digest, metadata, now()).model_copy(update=told)

    @activity.defn
    def delete_source(self, input: DeleteInput) -> None:
        """Delete the service's copy, if the archive shows now that it holds its own.

        A copy that is no longer there counts as deleted.
        """
        with translated():
            archive = self._archive_of(input.archived.archive)
            try:
                require_sealed(archive, input.archived, input.sealed)
            except (ContentMissing, BrokenContent) as error:
                # No repetition brings it back; the service's copy, which is there yet, does.
                raise ApplicationError(
                    shorten(str(error)), type=FILES_GONE, non_retryable=True
                ) from error
            try:
                self._client_of(input.resource).delete_content(input.delete_location)
            except ContentMissing:
                activity.logger.info("the service's copy was gone already")

    def _sources(self, input: ExportInput) -> _Sources:
        """Find the chunk's files: with ACS, or in the container that ACS wrote them to."""
        own = self._own_files(input)
        if own is not None:
            return own
        location = input.chunk.metadata_location
        if location is None:
            return _Sources(None)
        return _Sources(lambda: self._client_of(input.resource).read_metadata(location))

    def _from_service(self, input: ExportInput) -> Source:
        if input.is_archived_alone:
            raise ContentMissing(f"archive {input.archive} does not hold it")
        if input.chunk.content_location is None:
            why = input.chunk.end_reason or "it does not say why"
            raise ContentMissing(f"the service announced the chunk without a file ({why})")
        return self._client_of(input.resource).ranged_content(input.chunk.content_location)

    def _kind_of(self, archive: Archive, name: str) -> MediaKind:
        return _kind_in(ObjectSource(archive, name), self._buffers.watch)

    def _own_files(self, input: ExportInput) -> _Sources | None:
        if input.own_storage is None:
            return None
        storage = self._archive_of(input.own_storage)
        found = own_storage.find(
            storage,
            recorded_on=input.recorded_on,
            call_id=input.call_id,
            document_id=input.chunk.document_id,
        )
        if found is None:
            return None
        return _Sources(reader_of(storage, found.metadata), ObjectSource(storage, found.media))

    def _another(
        self, archive: Archive, input: ExportInput, sources: _Sources, missing: ContentMissing
    ) -> _Sources:
        """Find another copy of a file that its source does not have; raise that where none is."""
        if input.earlier_copy is not None:
            return self._earlier_copy(input.earlier_copy)
        # Late: one whose properties tell what it is may still come, from the service.
        is_late = missing.owner == "service" and (input.is_archived_alone or _gone_since())
        bare = (name for name in possible_names(archive, input) if is_bare(archive, name))
        if not is_late or (name := next(bare, None)) is None:
            raise missing
        return _Sources(sources.metadata, ObjectSource(archive, name), is_bare=True)

    def _earlier_copy(self, earlier_copy: ArchivedChunk) -> _Sources:
        """Read from the verified copy in the archive that the recording has left."""
        storage, metadata = (
            self._archive_of(earlier_copy.archive),
            earlier_copy.metadata_object_name,
        )
        return _Sources(
            reader_of(storage, metadata), ObjectSource(storage, earlier_copy.object_name)
        )

    def _copy(
        self, stored: ObjectSource | None, archive: Archive, input: ExportInput
    ) -> tuple[str, dict[str, str]]:
        """Copy the file, unless it is archived already.

        Returns the object's name, and the headers of the service's answer that tell of the file.
        """
        # It lies in this archive already: ACS wrote it there, or its recording has come back.
        if stored is not None and stored.archive.name == archive.name:
            return stored.object_name, {}
        identity = {
            "recording_id": input.recording_id or "",
            "document_id": input.chunk.document_id,
            "chunk_index": str(input.chunk.index),
        }
        for known in possible_names(archive, input):
            if already_archived(archive, known, identity) is not None:
                return known, {}
        self._erased.refuse(archive, input)
        # Only now: what lies in the archive is not lost, whatever is amiss with the service.
        source = stored or self._from_service(input)
        format_type = input.recording_format_type
        if input.is_kind_assumed:
            format_type = _kind_in(source, self._buffers.watch).format or format_type
        name = object_name(input, format_type)
        copied = copier.copy(
            source,
            archive,
            name,
            content_type=format_type.content_type,
            metadata={**identity, "end_reason": input.chunk.end_reason},
            on_progress=_progress("copying"),
            buffers=self._buffers,
        )
        return name, {"etag": copied.etag_of_source} if copied.etag_of_source else {}


def _kind_in(source: Source, watch: Watch) -> MediaKind:
    """Look at a file's first bytes."""
    head = bytearray(HEAD)
    with (
        closing(source.reader()) as reader,
        watch.deadline(RetryLimits().answer_timeout, reader.abort),
    ):
        answer, got = reader.open(0, HEAD), 0
        while got < HEAD and (came := answer.readinto(memoryview(head)[got:])):
            got += came
    return kind_of(bytes(head[:got]))


def _progress(phase: str) -> OnProgress:
    """Make a callback that heartbeats with the bytes moved, and ends an attempt that is to end."""
    now = server_clock()
    began_at = now()
    moved, moved_at = 0, began_at

    def report(done: int, total: int | None) -> None:
        nonlocal moved, moved_at
        if done != moved:
            moved, moved_at = done, now()
        elif now() - moved_at > STALLED_AFTER:
            # Temporal cannot notice it: the heartbeats go on while nothing moves.
            raise Unavailable(f"no byte has moved while {phase} since {moved_at:%H:%M:%S} UTC")
        # Before the next question: Temporal tells of a cancellation in answer to heartbeats alone.
        if now() - began_at >= QUIET_TIME:
            activity.heartbeat(
                ExportProgress(phase=phase, bytes_done=done, bytes_total=total, moved_at=moved_at)
            )
        if activity.is_cancelled():
            raise CancelledError("the export was cancelled")
        if activity.is_worker_shutdown():
            # Retryable: another worker takes over at once, not after the heartbeat time-out.
            raise ApplicationError("the worker is shutting down: another one goes on")

    return report


def _give_up_gone(input: ExportInput, gone: ArchiveGone) -> None:
    """Wait no longer for an archive of which the settings say that it is gone for good."""
    if input.is_archived_alone or server_clock()() >= input.expires_at:
        raise _not_archived(gone) from gone
    # Within the window the settings may be mended, where there is no other archive to go to.
    if input.may_refuse:
        raise ApplicationError(str(gone), type=ARCHIVE_REFUSED, non_retryable=True) from gone


def _not_archived(missing: CallvaultError) -> ApplicationError:
    return ApplicationError(str(missing), type=NOT_ARCHIVED, non_retryable=True)


def _gone_since() -> datetime | None:
    """Return since when the service has denied the file, once that is long ago."""
    return denied_since(ExportProgress(phase="waiting"), "missing_since", GONE_AFTER)


def _confirm_missing(missing: ContentMissing) -> None:
    """Give up on a file that is denied for long; one that was denied just now may still come."""
    if (since := _gone_since()) is not None:
        raise ApplicationError(
            f"{missing} It has been denied since {since:%Y-%m-%d %H:%M:%S} UTC: gone.",
            type="ContentGone",
            non_retryable=True,
        ) from missing
    missing.retry_after = RECHECK_INTERVAL


def _give_up_on_archive_or_wait(error: CallvaultError) -> None:
    """Give up on an archive that refuses for long, where there is another one to go to."""
    since = denied_since(ExportProgress(phase="waiting"), "refused_since", REFUSED_AFTER)
    if since is not None:
        raise ApplicationError(
            f"{error} It has been so since {since:%Y-%m-%d %H:%M:%S} UTC.",
            type=ARCHIVE_REFUSED,
            non_retryable=True,
        ) from error
    error.retry_after = RECHECK_INTERVAL
