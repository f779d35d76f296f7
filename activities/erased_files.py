"""What was erased, as those ask who archive: its files are refused, and leave nothing behind."""

from collections.abc import Callable

from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.leftovers import delete_unsealed
from callvault.archive.manifests.tombstones import Tombstones, find_tombstones
from callvault.archive.store import Archive
from callvault.contracts.activity_io import ExportInput, FindSealed
from callvault.errors import RecordingErased


class ErasedFiles:
    """Asks the tombstones of archives."""

    def __init__(self, keys_of: Callable[[str], Keyring] = lambda archive: Keyring()) -> None:
        """``keys_of`` gives the keys that prove an archive's; by default those that lie in it."""
        self.keys_of = keys_of

    def of(self, archive: Archive, recording: ExportInput | FindSealed) -> Tombstones:
        """Return the tombstones of a recording."""
        keys = self.keys_of(archive.name)
        return find_tombstones(archive, recording.recording_id, recording.server_call_id, keys)

    def refuse(self, archive: Archive, input: ExportInput) -> None:
        """Raise `RecordingErased` where a tombstone stands for the chunk."""
        self.of(archive, input).refuse((input.chunk.document_id, input.chunk.index))

    def drop(self, archive: Archive, input: ExportInput, *names: str | None) -> None:
        """Refuse what was erased while it was copied, and delete the copy.

        An erasure deletes what lay there when its tombstone was written: what comes later is gone
        by this alone. What a manifest names stays: an erasure has held it back.
        """
        try:
            self.refuse(archive, input)
        except RecordingErased:
            delete_unsealed(archive, filter(None, names))
            raise
