"""Sealing: write the signed manifest of a recording, and link it into its archive's chain."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.clock import server_clock
from activities.erased_files import ErasedFiles
from activities.heartbeat import background_heartbeat
from activities.subjects import SubjectIndex
from activities.translate import ERASED, FILES_GONE, translated
from activities.unsealed import with_unsealed
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.evidence import not_held, require_same
from callvault.archive.manifests.holds import hold_what_is_sealed
from callvault.archive.manifests.keys import SignerOf
from callvault.archive.manifests.lookup import find_sealed
from callvault.archive.manifests.seal import find_manifest, seal
from callvault.archive.manifests.tombstones import in_words
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
from callvault.errors import ArchiveGone, BrokenContent, ContentMissing, RecordingErased


class SealActivities:
    """Built once by a worker, with its archives and their signing keys."""

    def __init__(
        self,
        archive_of: Callable[[str], Archive],
        signer_of: SignerOf,
        index: SubjectIndex | None = None,
        erased: ErasedFiles | None = None,
    ) -> None:
        """Without ``index``, nobody is indexed; ``erased`` tells what was erased."""
        self._erased = erased or ErasedFiles()
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
                keys = self._erased.keys_of(input.archive)
                sealed = seal(archive, input, self._signer_of(input.archive), now, keys)
            except RecordingErased as error:
                raise ApplicationError(
                    str(error),
                    *error.documents,
                    type=ERASED,
                    non_retryable=True,
                    category=ApplicationErrorCategory.BENIGN,
                ) from error
            except (ContentMissing, BrokenContent):
                _refuse_without_files(archive, input.recording)
                raise
            _hold(archive, sealed, keys)
            if self._index:
                self._index.add_recording(archive, sealed.object_name)
            return sealed

    @activity.defn(no_thread_cancel_exception=True)
    def find_sealed(self, input: FindSealed) -> FoundRecordings:
        """Look into archives for a recording whose files nobody announces, sealed or not yet."""
        now = server_clock()
        with translated(retry_permanent=True), background_heartbeat():
            archives = list(self._open(input.archives))
            for archive in archives:
                if (tombstone := self._erased.of(archive, input).whole) is not None:
                    return FoundRecordings(erased=in_words(tombstone))
            found = (self._find(archive, input, now) for archive in archives)
            return FoundRecordings(recordings=tuple(each for each in found if each is not None))

    def _open(self, names: Iterable[str]) -> Iterator[Archive]:
        for name in names:
            with suppress(ArchiveGone):
                yield self._archive_of(name)

    def _find(
        self, archive: Archive, input: FindSealed, now: Callable[[], datetime]
    ) -> FoundRecording | None:
        sealed = find_sealed(
            archive,
            input.server_call_id,
            input.recording_id,
            input.since,
            input.until,
            self._erased.keys_of(archive.name),
        )
        return with_unsealed(archive, input, sealed, now)


def _hold(archive: Archive, sealed: SealedRecording, keys: Keyring) -> None:
    """Set the account's own legal hold, where a hold was placed before the recording was sealed."""
    if archive.sets_legal_holds and (stored := find_manifest(archive, sealed.object_name)):
        hold_what_is_sealed(archive, stored.manifest, keys)


def _refuse_without_files(archive: Archive, recording: RecordingStatus) -> None:
    """Fail for good where files are gone: repeating does not bring them back, a copy does."""
    if gone := not_held(archive, recording):
        raise ApplicationError(
            shorten("; ".join(gone.values())), *gone, type=FILES_GONE, non_retryable=True
        )
