"""The work of `callvault recordings evidence --html`: find the recordings, write their page."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from callvault.archive.failback.candidates import failback_candidates
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.seal import software
from callvault.archive.names import RECORDINGS_PREFIX, is_folder_of_recording, is_manifest_name
from callvault.archive.store import Archive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.clients import open_archive, open_keyring
from callvault.config.settings import Settings
from callvault.contracts.participants import hiding
from callvault.contracts.status import CallStatus
from callvault.errors import InvalidRequest, NotDone
from callvault.evidence.document import Shown, evidence_page
from callvault.evidence.people import People
from callvault.evidence.provisional import unsealed_recording
from callvault.evidence.recording import RecordingFacts, newest_manifest, sealed_recording


@dataclass(frozen=True, slots=True)
class Reader:
    """Gatherer of the facts of recordings, with the settings of this machine."""

    settings: Settings
    archive: str | None = None
    """The name or directory of the archive to look into; None for those that a call names."""

    def of_archive(self, word: str) -> list[RecordingFacts]:
        """Gather the recordings that any id names, from the archive alone."""
        with self._opened(self.archive or "") as (archive, keys):
            names = sorted({newest_manifest(archive, name) for name in _manifests(archive, word)})
            if not names:
                raise InvalidRequest(f"{word[:200]!r} names no recording in {archive.name}")
            return [self._sealed(archive, name, keys) for name in names]

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
                with self._opened(self.archive or sealed.archive) as (archive, keys):
                    facts = self._sealed(archive, sealed.object_name, keys)
                found[each.recording_id or sealed.object_name] = facts
        return list(found.values())

    def _sealed(self, archive: Archive, name: str, keys: Keyring) -> RecordingFacts:
        hash_of = hiding(self.settings.participant_key())
        return sealed_recording(archive, name, keys, hash_of)

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[Archive, Keyring]]:
        with ExitStack() as stack:
            path = Path(name)
            if name and name not in self.settings.archives and path.is_dir():
                yield DirectoryArchive(path.name or name, path), Keyring()
                return
            configured = self.settings.archive(name)
            archive = stack.enter_context(closing(open_archive(name, configured)))
            yield archive, open_keyring(configured)


def _manifests(archive: Archive, word: str) -> list[str]:
    """Find the manifests of the recordings that ``word`` names; the quick ways first."""
    if is_manifest_name(word):
        return [word] if archive.stat(word) else []
    listed = filter(is_manifest_name, archive.names(RECORDINGS_PREFIX))
    if found := [name for name in listed if is_folder_of_recording(name, word)]:
        return found
    return [
        name
        for candidate in failback_candidates(archive)
        if candidate.matches(word)
        for name in candidate.manifests
    ]


def write_page(
    file: Path, recordings: Sequence[RecordingFacts], *, subject: str | None, is_revealed: bool
) -> None:
    """Write the page of these recordings, all of it or nothing."""
    if not recordings:
        raise InvalidRequest("there is no recording in this call yet, so there is no evidence")
    shown = []
    for each in recordings:
        known = {m.participant: m.raw_id for m in each.members} if is_revealed else {}
        shown.append(Shown(each, People.of(each, subject=subject, known=known)))
    text = evidence_page(shown, datetime.now(UTC), software())
    with whole_file(file) as target:
        target.write(text.encode())


@contextmanager
def whole_file(file: Path) -> Iterator[BinaryIO]:
    """Open a file that appears under its name as a whole, or not at all; only its owner reads it.

    Raises `NotDone` where it cannot be written.
    """
    draft = ""
    try:
        descriptor, draft = tempfile.mkstemp(prefix=f".{file.name[:100]}.", dir=file.parent)
        with os.fdopen(descriptor, "wb") as target:
            yield target
            target.flush()
            os.fsync(descriptor)
        Path(draft).replace(file)
    except OSError as error:
        raise NotDone(f"{file} cannot be written: {error.strerror}; nothing was left") from error
    finally:
        Path(draft).unlink(missing_ok=True) if draft else None


def broken(recordings: Sequence[RecordingFacts]) -> list[str]:
    """Return the objects that are not as they were sealed."""
    return [
        f"{remark.location}: {remark.text}"
        for each in recordings
        if each.report
        for remark in each.report.problems
    ]
