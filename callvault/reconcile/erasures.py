"""The records of erasures in an archive: what is missing by them is no gap."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from callvault.archive.manifests.believed_keys import believed_keys
from callvault.archive.manifests.documents import Keyring, read_document
from callvault.archive.names import ERASURES_PREFIX, is_erasure_record_name
from callvault.archive.store import Archive, read_small
from callvault.contracts.erasures import ErasureRecord
from callvault.errors import BrokenContent, ContentMissing

READERS = 16
"""Records that are read at the same time."""


def erasures_in(archive: Archive, keys: Keyring) -> Iterator[ErasureRecord]:
    """Yield the records of erasures; of those that are damaged, or not signed as they should, none.

    ``keys`` are those that may have signed in the archive; without any, those that lie in it.
    """
    names = [name for name in archive.names(ERASURES_PREFIX) if _is_record(name)]
    if not names:
        return
    ring = believed_keys(archive, keys)
    with ThreadPoolExecutor(READERS) as pool:
        yield from filter(None, pool.map(partial(_read, archive, ring), names))


def _is_record(name: str) -> bool:
    return is_erasure_record_name(name) and not name.endswith("/certificate.json")


def _read(archive: Archive, keys: Keyring, name: str) -> ErasureRecord | None:
    try:
        data = read_small(archive, name)
        record = read_document(ErasureRecord, data)
    except (BrokenContent, ContentMissing):  # told by `callvault verify`
        return None
    is_believed = record.object_name == name and not keys.objection(record, data)
    return record if is_believed else None
