"""The work of `callvault recordings evidence --html`: find the recordings, write their page."""

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from callvault.archive.access_log.log import AccessLog
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.folders import find_folders
from callvault.archive.manifests.seal import software
from callvault.archive.names import folder_of
from callvault.archive.store import Archive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.subjects.lookup import hashes_of
from callvault.cli.actions.recordings import statuses, with_client
from callvault.cli.options import os_user
from callvault.cli.terminal import say, say_json
from callvault.clients import open_keyring, open_proven, open_signer
from callvault.config.settings import Settings, load_settings
from callvault.contracts.access import Access, AccessAction
from callvault.contracts.status import CallStatus
from callvault.errors import InvalidRequest, NotDone
from callvault.evidence.document import Shown, evidence_page
from callvault.evidence.people import People
from callvault.evidence.provisional import unsealed_recording
from callvault.evidence.recording import RecordingFacts, newest_manifests, sealed_recording


@dataclass(frozen=True, slots=True)
class PageOrder:
    """A page that is asked for."""

    file: Path
    call: str
    """Any id of a call or a recording."""
    archive: str | None
    """The name or directory of the archive to take all of it from; None for those that Temporal
    tells."""
    participant: str | None
    """An id, or a hash, of somebody who is marked in it."""
    by: str
    is_revealed: bool = False
    """True to show the ids of participants."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Gatherer of the facts of recordings, with the settings of this machine."""

    settings: Settings
    archive: str | None = None
    """The name or directory of the archive to look into; None for those that a call names."""
    read: dict[str, list[str]] = field(default_factory=dict)
    """The folders that were read, by the name of their archive in the settings."""

    def of_archive(self, word: str) -> list[RecordingFacts]:
        """Gather the recordings that any id names, from the archive alone."""
        with self._opened(self.archive or "") as opened:
            archive = opened.archive
            folders = find_folders(archive, word)
            names = [name for folder in folders for name in newest_manifests(archive, folder)]
            if not names:
                raise InvalidRequest(f"{word[:200]!r} names no recording in {archive.name}")
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
                with self._opened(self.archive or sealed.archive) as opened:
                    facts = self._sealed(opened, sealed.object_name)
                found[each.recording_id or sealed.object_name] = facts
        return list(found.values())

    def _sealed(self, opened: "_Opened", name: str) -> RecordingFacts:
        if opened.is_logged:
            self.read.setdefault(opened.archive.name, []).append(folder_of(name))
        participants = partial(hashes_of, keys=self.settings.participant_keys())
        return sealed_recording(opened.archive, name, opened.keys, participants)

    @contextmanager
    def _opened(self, name: str) -> Iterator["_Opened"]:
        path = Path(name)
        if name and name not in self.settings.archives and path.is_dir():
            with closing(DirectoryArchive(path.name or name, path)) as copy:
                yield _Opened(copy, Keyring(), is_logged=False)
            return
        configured = self.settings.archive(name)
        with closing(open_proven(name, configured)) as archive:
            yield _Opened(archive, open_keyring(configured), is_logged=True)


@dataclass(frozen=True, slots=True)
class _Opened:
    archive: Archive
    keys: Keyring
    is_logged: bool
    """False for a copy of an archive that the settings do not know: it has no log of its own."""


def _record(reader: Reader, access: Access) -> None:
    """Write into the access logs of their archives that evidence of recordings is given out."""
    for name, folders in reader.read.items():
        configured = reader.settings.archive(name)
        with closing(open_proven(name, configured)) as archive:
            told = access.model_copy(update={"recordings": tuple(folders)})
            AccessLog(archive, open_signer(configured)).record(told)


def write_evidence(order: PageOrder, config: Path | None) -> list[RecordingFacts]:
    """Write the page of a call's recordings, all of it or nothing; return what it tells.

    It is in the access log before it is in the file.
    """
    reader = Reader(load_settings(config), order.archive)
    keys = reader.settings.participant_keys()
    subjects = hashes_of(order.participant, keys) if order.participant else []
    if order.archive is not None:
        found = reader.of_archive(order.call)
    else:
        found = reader.of_call(with_client(config, lambda client: statuses(client, order.call)))
    if not found:
        raise InvalidRequest("there is no recording in this call yet, so there is no evidence")
    shown = [_shown(each, subjects, is_revealed=order.is_revealed) for each in found]
    text = evidence_page(shown, datetime.now(UTC), software())
    access = Access(
        action=AccessAction.EXPORTED,
        by=order.by,
        authenticated_as=f"cli:{os_user()}",
        participant=subjects[0] if subjects else None,
        reason="evidence page",
    )
    with whole_file(order.file) as target:
        target.write(text.encode())
        _record(reader, access)
    return found


def _shown(facts: RecordingFacts, subjects: Sequence[str], *, is_revealed: bool) -> Shown:
    known = {each.participant: each.raw_id for each in facts.members} if is_revealed else {}
    return Shown(facts, People(facts, subjects=subjects, known=known))


def tell(file: Path, recordings: Sequence[RecordingFacts], *, as_json: bool) -> bool:
    """Print where the page is, and every problem; return True if there is none."""
    problems = [
        f"{remark.location}: {remark.text}"
        for each in recordings
        if each.report
        for remark in each.report.problems
    ]
    if as_json:
        told = {"page": str(file), "recordings": len(recordings), "problems": problems}
        say_json(json.dumps(told, indent=2))
    else:
        say(f"The evidence is in {file}.")
    for each in problems:
        say(f"not as it was sealed: {each}", err=True)
    return not problems


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
        if draft:
            Path(draft).unlink(missing_ok=True)
