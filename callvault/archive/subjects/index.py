"""The index of an archive by person: one small object for each account of a person.

Objects are never changed. So what a metadata file tells is written when its chunk is archived, and
what a manifest tells when that is sealed; both can be repeated by whoever comes later.
"""

import math
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial

from callvault.archive.manifests.documents import canonical
from callvault.archive.names import subject_entry_name
from callvault.archive.store import Archive, put_bytes
from callvault.archive.subjects.accounts import OnProblem, entries_of_recording
from callvault.archive.subjects.entries import Hash
from callvault.contracts.manifest import Manifest
from callvault.contracts.subjects import SubjectEntry
from callvault.errors import ContentMissing, ObjectExists, Unavailable

WRITERS = 8
"""Entries that are written at the same time: a call may have hundreds of people."""


def entry_name(entry: SubjectEntry) -> str:
    """Return the name under which one account of a person lies."""
    return subject_entry_name(entry.participant, entry.folder, entry.evidence[0])


def write(
    archive: Archive, entries: Iterable[SubjectEntry], *, within: timedelta | None = None
) -> int:
    """Write the entries that are not there; return how many were written.

    `Unavailable` where that takes longer than ``within``. What was written by then stays.
    """
    ends_at = time.monotonic() + within.total_seconds() if within else math.inf
    with ThreadPoolExecutor(WRITERS) as pool:
        try:
            return sum(pool.map(partial(_write, archive, ends_at), entries))
        except BaseException:
            # What fails for one fails for all the others, each after a wait of its own.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _write(archive: Archive, ends_at: float, entry: SubjectEntry) -> bool:
    if time.monotonic() > ends_at:
        raise Unavailable("the index took too long: look at the archive's speed", owner="archive")
    name = entry_name(entry)
    if archive.stat(name) is not None:
        return False
    # Another writer may have been faster, and may have known other ids.
    with suppress(ObjectExists):
        put(archive, name, entry)
    return True


def entry_names(
    archive: Archive, manifest: Manifest, hashes: Iterable[Hash], on_problem: OnProblem
) -> Iterator[str]:
    """Yield the names of all entries of a sealed recording, to be deleted before it is.

    ``hashes`` are those of the key of participants and of earlier ones. Manifests and metadata
    files must still be there: they tell whose entries there are.
    """
    names = {
        entry_name(entry): None
        for hash_of in hashes
        for entry in entries_of_recording(archive, manifest, hash_of, on_problem)
    }
    yield from (name for name in names if archive.stat(name) is not None)


def remove(archive: Archive, name: str) -> bool:
    """Delete one entry; False where it is not there. `StateConflict` where the store keeps it."""
    found = archive.stat(name)
    return found is not None and archive.delete(name, etag=found.etag or "")


def put(archive: Archive, name: str, entry: SubjectEntry) -> None:
    """Write one entry under a name that is free."""
    content = canonical(entry)
    try:
        put_bytes(archive, name, content, content_type="application/json", metadata={})
    except ContentMissing:  # a directory's folder was empty, and went with another's entry
        put_bytes(archive, name, content, content_type="application/json", metadata={})
