"""Sealing: write the signed manifest of a recording, and link it into its archive's chain."""

from collections.abc import Callable
from datetime import datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.clock import server_clock
from activities.heartbeat import background_heartbeat
from activities.subjects import SubjectIndex
from activities.translate import translated
from activities.unsealed import with_unsealed
from callvault.archive.manifests.evidence import not_held, require_same
from callvault.archive.manifests.keys import SignerOf
from callvault.archive.manifests.lookup import find_sealed
from callvault.archive.manifests.seal import seal
from callvault.archive.store import Archive
from callvault.contracts.activity_io import (
    FindSealed,
    FoundRecording,
    FoundRecordings,
    SealedRecording,
)
from callvault.contracts.base import shorten
from callvault.contracts.manifest import SealInput
from callvault.contracts.status import RecordingStatus
from callvault.errors import ArchiveGone, BrokenContent, ContentMissing

FILES_GONE = "ArchivedFilesGone"
"""Type of the failure of a seal whose files are not in the archive as they were verified; its
details are the document id and the index of each."""


class SealActivities:
    """Built once by a worker, with its archives and their signing keys."""

    def __init__(
        self,
        archive_of: Callable[[str], Archive],
        signer_of: SignerOf,
        index: SubjectIndex | None = None,
    ) -> None:
        """Without ``index``, nobody is indexed."""
        self._index = index
        self._archive_of = archive_of
        self._signer_of = signer_of

    # A cancellation is not thrown into the thread: sealing goes to its end.
    @activity.defn(no_thread_cancel_exception=True)
    def seal_recording(self, input: SealInput) -> SealedRecording:
        """Seal a recording once: repeated with the same order, find the manifest of before."""
        now = server_clock()
        with translated(retry_permanent=True), background_heartbeat():
            archive = self._archive_of(input.archive)
            for chunk in input.recording.chunks:
                if chunk.archived is not None:
                    require_same(archive, chunk.archived)
            try:
                sealed = seal(archive, input, self._signer_of(input.archive), now)
            except (ContentMissing, BrokenContent):
                _refuse_without_files(archive, input.recording)
                raise
            if self._index:
                self._index.add_recording(archive, sealed.object_name)
            return sealed

    @activity.defn(no_thread_cancel_exception=True)
    def find_sealed(self, input: FindSealed) -> FoundRecordings:
        """Look into archives for a recording whose files nobody announces, sealed or not yet."""
        now = server_clock()
        with translated(retry_permanent=True), background_heartbeat():
            found = (self._find(name, input, now) for name in input.archives)
            return FoundRecordings(recordings=tuple(each for each in found if each is not None))

    def _find(
        self, name: str, input: FindSealed, now: Callable[[], datetime]
    ) -> FoundRecording | None:
        try:
            archive = self._archive_of(name)
        except ArchiveGone:
            return None
        sealed = find_sealed(
            archive,
            input.server_call_id,
            input.recording_id,
            input.since,
            input.until,
            self._signer_of(name),
        )
        return with_unsealed(archive, input, sealed, now)


def _refuse_without_files(archive: Archive, recording: RecordingStatus) -> None:
    """Fail for good where files are gone: repeating does not bring them back, a copy does."""
    if gone := not_held(archive, recording):
        raise ApplicationError(
            shorten("; ".join(gone.values())), *gone, type=FILES_GONE, non_retryable=True
        )
