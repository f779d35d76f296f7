"""The index of an archive by person: one small object for each account of a person.

Objects are never changed. So what a metadata file tells is written when its chunk is archived, and
what a manifest tells when that is sealed; both can be repeated by whoever comes later.
"""

from collections.abc import Iterable
from contextlib import suppress

from callvault.archive.manifests.documents import canonical
from callvault.archive.names import subject_entry_name
from callvault.archive.store import Archive, put_bytes
from callvault.contracts.subjects import SubjectEntry
from callvault.errors import ObjectExists


def entry_name(entry: SubjectEntry) -> str:
    """Return the name under which one account of a person lies."""
    return subject_entry_name(entry.participant, entry.folder, entry.evidence[0])


def write(archive: Archive, entries: Iterable[SubjectEntry]) -> int:
    """Write the entries that are not there; return how many were written."""
    written = 0
    for entry in entries:
        name = entry_name(entry)
        if archive.stat(name) is None:
            # Another writer may have been faster, and may have known other ids.
            with suppress(ObjectExists):
                put(archive, name, entry)
                written += 1
    return written


def put(archive: Archive, name: str, entry: SubjectEntry) -> None:
    """Write one entry under a name that is free."""
    put_bytes(archive, name, canonical(entry), content_type="application/json", metadata={})
