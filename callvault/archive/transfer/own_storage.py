"""Bring your own storage: finding files that ACS itself wrote to a container of the customer's.

The layout is documented (bring-your-own-storage.md):
``YYYYMMDD/{callId}/{first 8 of recordingId}-{guid}/{index}-{kind}.{documentId}.{ext}``.
Only the day, the call and the document id are relied upon.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from callvault.archive.store import Archive

_METADATA = "acsmetadata"


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """A chunk's files in the container that ACS wrote to, by their object names."""

    media: str
    metadata: str | None


def find(
    storage: Archive, *, recorded_on: datetime, call_id: str | None, document_id: str
) -> OwnFiles | None:
    """Look a chunk up; None where ACS did not write it, or has not yet."""
    names = [
        name
        for prefix in _prefixes(recorded_on, call_id)
        for name in storage.names(prefix)
        if f".{document_id}." in name.rpartition("/")[2]
    ]
    media = next((name for name in names if _METADATA not in name.rpartition("/")[2]), None)
    if media is None:
        return None
    return OwnFiles(media, next((name for name in names if name != media), None))


def container_of(storage: Archive) -> str:
    """Return the URL of the container, without credentials, in the form that ACS expects."""
    return storage.location("x").removesuffix("/x")


def _prefixes(recorded_on: datetime, call_id: str | None) -> Iterator[str]:
    # the service does not tell the day that it chose for a recording that spans midnight
    for days in (0, 1, -1):
        day = recorded_on + timedelta(days=days)
        yield f"{day:%Y%m%d}/{call_id}/" if call_id else f"{day:%Y%m%d}/"
