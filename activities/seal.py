"""Sealing: write the signed manifest of a recording, and link it into its archive's chain."""

from collections.abc import Callable

from temporalio import activity

from activities.clock import server_clock
from activities.heartbeat import background_heartbeat
from activities.translate import translated
from callvault.archive.manifests.keys import SignerOf
from callvault.archive.manifests.seal import seal
from callvault.archive.store import Archive
from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.manifest import SealInput


class SealActivities:
    """Built once by a worker, with its archives and their signing keys."""

    def __init__(self, archive_of: Callable[[str], Archive], signer_of: SignerOf) -> None:
        self._archive_of = archive_of
        self._signer_of = signer_of

    # A cancellation is not thrown into the thread: sealing goes to its end.
    @activity.defn(no_thread_cancel_exception=True)
    def seal_recording(self, input: SealInput) -> SealedRecording:
        """Seal a recording once: repeated with the same order, find the manifest of before."""
        now = server_clock()
        with translated(retry_permanent=True), background_heartbeat():
            return seal(self._archive_of(input.archive), input, self._signer_of(input.archive), now)
