"""The facts of recordings for a page, from their archives, and the note of who is given them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from callvault.archive.manifests.folders import find_folders
from callvault.archive.manifests.seal import find_manifest, software
from callvault.archive.names import folder_of
from callvault.archive.store import Archive
from callvault.contracts.access import Access
from callvault.contracts.manifest import ManifestChunk
from callvault.contracts.status import CallStatus
from callvault.errors import InvalidRequest
from callvault.evidence.document import Shown
from callvault.evidence.people import People
from callvault.evidence.provisional import unsealed_recording
from callvault.evidence.recording import (
    Hashes,
    RecordingFacts,
    newest_manifest,
    newest_manifests,
    sealed_recording,
)
from callvault.logged_archives import LoggedArchive

Open = Callable[[str], AbstractContextManager[LoggedArchive]]
"""Opens an archive by its name, for as long as it is read."""


@dataclass(frozen=True, slots=True)
class EvidenceLimit:
    """The largest recordings of which a page is made: it reads every byte of them."""

    size: int
    """Bytes of media."""
    instead: str
    """Clause on what to do where there are more."""


@dataclass(frozen=True, slots=True)
class EvidenceReader:
    """Gatherer of the facts of recordings."""

    open: Open
    hashes_of: Hashes
    archive: str | None = None
    """The name of the archive to look into; None for those that a call names."""
    limit: EvidenceLimit | None = None
    read: dict[str, list[str]] = field(default_factory=dict)
    """The folders that were read, by the name of their archive."""
    sizes: list[int] = field(default_factory=list)
    """Bytes of the media of each recording that was read."""

    def of_archive(self, word: str) -> list[RecordingFacts]:
        """Gather the recordings that any id names, from the archive alone."""
        with self.open(self.archive or "") as opened:
            archive = opened.archive
            folders = find_folders(archive, word)
            names = [name for folder in folders for name in newest_manifests(archive, folder)]
            if not names:
                raise InvalidRequest(
                    f"{word[:200]!r} names no recording in {archive.name}",
                    status=404,
                    code="not_found",
                )
            return [self._sealed(opened, name) for name in names]

    def of_call(self, statuses: Sequence[CallStatus]) -> list[RecordingFacts]:
        """Gather the recordings of a call: what is sealed from its archive, else what is known."""
        now, found = datetime.now(UTC), dict[str, RecordingFacts]()
        for status in statuses:
            for each in status.recordings:
                if (sealed := each.sealed) is None:
                    key = each.recording_id or f"{each.number} of {status.server_call_id}"
                    # a workflow that a late event began knows less than the one before it
                    found.setdefault(key, unsealed_recording(status, each, now, software()))
                    continue
                with self.open(self.archive or sealed.archive) as opened:
                    facts = self._sealed(opened, sealed.object_name)
                found[each.recording_id or sealed.object_name] = facts
        return list(found.values())

    def note(self, access: Access) -> None:
        """Write into the access logs of their archives that evidence of recordings is given out."""
        for name, folders in self.read.items():
            with self.open(name) as opened:
                opened.log.record(access.model_copy(update={"recordings": tuple(folders)}))

    def _sealed(self, opened: LoggedArchive, name: str) -> RecordingFacts:
        self._refuse_beyond(opened.archive, name)
        if opened.is_configured:
            self.read.setdefault(opened.archive.name, []).append(folder_of(name))
        return sealed_recording(opened.archive, name, opened.keys(), self.hashes_of, opened.end())

    def _refuse_beyond(self, archive: Archive, name: str) -> None:
        if self.limit is None:
            return
        found = find_manifest(archive, newest_manifest(archive, name))
        self.sizes.extend(_media_sizes(found.manifest.chunks) if found else ())
        if sum(self.sizes) > self.limit.size:
            raise InvalidRequest(
                f"the recordings have more than {self.limit.size:,} bytes, and a page reads each:"
                f" {self.limit.instead}",
                status=409,
                code="too_large",
            )


def shown(facts: RecordingFacts, subjects: Sequence[str], *, is_revealed: bool) -> Shown:
    """Prepare a recording for its page, with ``subjects`` marked, by their hashes."""
    known = {each.participant: each.raw_id for each in facts.members} if is_revealed else {}
    return Shown(facts, People(facts, subjects=subjects, known=known))


def _media_sizes(chunks: Sequence[ManifestChunk]) -> Iterator[int]:
    return (chunk.media.size for chunk in chunks if chunk.media is not None)
