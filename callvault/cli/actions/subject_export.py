"""The work of `callvault subjects export`: search, gather, write one package, and note it."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from callvault.archive.access_log.log import AccessLog
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.seal import software
from callvault.archive.store import Archive
from callvault.archive.subjects.lookup import hashes_of, look_up
from callvault.cli.options import os_user
from callvault.cli.terminal import say, say_json
from callvault.clients import open_keyring, open_proven, open_signer
from callvault.config.settings import Settings
from callvault.contracts.access import MAX_NAMED, Access, AccessAction
from callvault.contracts.base import MAX_TEXT
from callvault.contracts.subjects import SubjectEntry
from callvault.errors import ConfigurationError, InvalidRequest, NotDone
from callvault.evidence.subject_export import (
    Exported,
    ExportOrder,
    export,
    recordings_of,
)
from callvault.evidence.subject_folder import FoundRecording, Person


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was exported, and what was not."""

    exported: Exported
    recordings: int
    left_out: list[str]

    @property
    def is_whole(self) -> bool:
        """True if nothing was left out, and everything is as it was sealed."""
        return not self.left_out and not self.exported.problems


def export_subject(
    settings: Settings,
    participant: str,
    target: Path,
    archives: Sequence[str],
    by: str,
    reason: str,
) -> Outcome:
    """Write all that these archives, or all of them, hold of a person into one package.

    Raises `NotDone` where the index of an archive is damaged, or nothing is found: nothing is
    written then.
    """
    if not settings.archives:
        raise ConfigurationError("there is no archive in the configuration: add [archives.NAME]")
    if len(reason) > MAX_TEXT:
        raise InvalidRequest(f"--reason takes a text of at most {MAX_TEXT} characters")
    _check_target(target)
    keys = settings.participant_keys()
    person = Person(hashes_of(participant, keys), partial(hashes_of, keys=keys))
    access = Access(
        action=AccessAction.FOUND,
        by=by,
        authenticated_as=f"cli:{os_user()}",
        participant=person.hashes[0],
        reason=reason,
    )
    # Each name is known before the first archive is opened: what is left out would not be seen.
    chosen = {name: settings.archive(name) for name in archives or settings.archives}
    with ExitStack() as stack:
        opened = []
        for name, configured in chosen.items():
            archive = stack.enter_context(closing(open_proven(name, configured)))
            log = AccessLog(archive, open_signer(configured))
            opened.append(_Opened(archive, log, open_keyring(configured)))
        return _exported(opened, person, access, participant, keys, target)


def show(outcome: Outcome, target: Path, *, as_json: bool) -> None:
    """Print what was exported, and what was not."""
    told = outcome.exported
    if as_json:
        document = {
            "package": str(target),
            "isNew": told.is_new,
            "recordings": outcome.recordings,
            "leftOut": outcome.left_out,
            "problems": list(told.problems),
        }
        say_json(json.dumps(document, indent=2))
    else:
        word = "now in" if told.is_new else "there already, in"
        count = outcome.recordings
        what = "1 recording" if count == 1 else f"{count} recordings"
        say(f"{what} of this person {word} {target}.")
    for each in (*outcome.left_out, *told.problems):
        say(each, err=True)


@dataclass(frozen=True, slots=True)
class _Opened:
    archive: Archive
    log: AccessLog
    keys: Keyring


def _exported(
    opened: Sequence[_Opened],
    person: Person,
    access: Access,
    participant: str,
    keys: Sequence[str],
    target: Path,
) -> Outcome:
    found: list[FoundRecording] = []
    left_out: list[str] = []
    for each in opened:
        each.log.record(access)
        for entry in _entries(each.archive, participant, keys):
            sealed = list(recordings_of(each.archive, entry, person))
            found += sealed
            if not sealed:
                left_out.append(
                    f"{each.archive.name}: {entry.folder} is not sealed yet: export again later"
                )
    if not found:
        more = "; ".join(left_out)
        raise NotDone(f"no sealed recording of this person was found{more and f' ({more})'}")
    order = ExportOrder(
        person=person,
        keys={each.archive.name: each.keys for each in opened},
        logs={each.archive.name: list(each.log.records()) for each in opened},
        made_at=datetime.now(UTC),
        software=software(),
    )

    def note() -> None:
        for each in opened:
            _note(each, [one for one in found if one.archive is each.archive], access)

    return Outcome(export(target, order, found, left_out, note), len(found), left_out)


def _entries(archive: Archive, participant: str, keys: Sequence[str]) -> Sequence[SubjectEntry]:
    told = look_up(archive, participant, keys)
    if told.faults:
        first = told.faults[0]
        raise NotDone(
            f"the index of archive {archive.name} is damaged ({first.object_name}: {first.text}):"
            " recordings may be missing. Run `callvault index rebuild`, then repeat; nothing was"
            " exported"
        )
    return told.recordings


def _note(opened: _Opened, found: Sequence[FoundRecording], access: Access) -> None:
    folders = list(dict.fromkeys(each.entry.folder for each in found))
    for part in _parts(folders):
        told = {"action": AccessAction.EXPORTED, "recordings": part}
        opened.log.record(access.model_copy(update=told))


def _parts(folders: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(folders), MAX_NAMED):
        yield tuple(folders[start : start + MAX_NAMED])


def _check_target(target: Path) -> None:
    """Refuse a place that cannot be written to before anything is searched for."""
    if not target.name or target.name in {".", ".."}:
        raise InvalidRequest(f"{target} is no name for a package: give --to NAME or NAME.zip")
    if not target.parent.is_dir():
        raise InvalidRequest(f"there is no directory {target.parent}: make it first")
