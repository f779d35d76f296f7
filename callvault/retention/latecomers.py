"""What came between an erasure's record and its tombstone, which keeps everything else away."""

from callvault.archive.manifests.leftovers import delete_unsealed
from callvault.archive.names import is_manifest_name, is_shared_folder
from callvault.archive.store import Archive
from callvault.archive.subjects.accounts import IndexProblem
from callvault.archive.subjects.entries import Hash
from callvault.archive.subjects.index import entry_name, remove
from callvault.archive.subjects.recordings import Folder, entries_of_folder
from callvault.contracts.erasures import ErasureRecord

SEALED_MEANWHILE = "a manifest of it was sealed while it was erased: plan again"


def delete_latecomers(archive: Archive, folder: str, record: ErasureRecord, hash_of: Hash) -> str:
    """Delete files of an erased recording that its record does not name; return why any stays.

    In a folder that several recordings share nothing is touched.
    """
    if is_shared_folder(folder):
        return ""
    erased = {each.object_name for each in record.erased}
    names = archive.names(f"{folder}/")
    left = Folder(folder, tuple(name for name in names if name not in erased))
    if any(map(is_manifest_name, left.objects)):
        return SEALED_MEANWHILE
    for entry in entries_of_folder(archive, left, hash_of, _ignore):
        remove(archive, entry_name(entry))
    delete_unsealed(archive, left.objects)
    return ""


def _ignore(problem: IndexProblem) -> None:
    """Go on: a metadata file that cannot be read has indexed nobody."""
