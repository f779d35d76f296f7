"""The search in an access log: the records about a recording, a person, or of somebody."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from callvault.archive.names import folder_of
from callvault.contracts.access import AccessAction, AccessRecord


@dataclass(frozen=True, slots=True)
class Wanted:
    """The records that are asked for: those that fit every condition that is set."""

    folders: frozenset[str] | None = None
    """Folders of recordings, of which a record must name one, or an object in it."""
    participant: str | None = None
    """Keyed hash of a person."""
    action: AccessAction | None = None
    who: str = ""
    """Part of the name, or of the key, of who did it, in any case of letters."""

    def fits(self, record: AccessRecord) -> bool:
        """Tell if a record is one of those asked for."""
        return (
            self.action in (None, record.action)
            and self.participant in (None, record.participant)
            and self.who.casefold() in f"{record.by}\n{record.authenticated_as}".casefold()
            and (self.folders is None or not self.folders.isdisjoint(folders_of(record)))
        )


def folders_of(record: AccessRecord) -> Iterator[str]:
    """Yield the folders of the recordings that a record names."""
    yield from record.recordings
    yield from map(folder_of, record.objects)


def folders_in(records: Iterable[AccessRecord]) -> list[str]:
    """Return the folders of the recordings that records name, each once."""
    return list(dict.fromkeys(folder for record in records for folder in folders_of(record)))
