"""The work of `callvault subjects export`: search, gather, write one package, and note it."""

import json
from collections.abc import Sequence
from pathlib import Path

from callvault.archive.subjects.lookup import hashes_of
from callvault.cli.actions.local_files import is_directory
from callvault.cli.options import os_user
from callvault.cli.terminal import say, say_json
from callvault.config.settings import Settings
from callvault.contracts.base import MAX_TEXT
from callvault.errors import ConfigurationError, InvalidRequest
from callvault.logged_archives import opened_together
from callvault.person_export import Asked, Outcome, export_person


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
    asked = Asked(participant, settings.participant_keys(), by, f"cli:{os_user()}", reason)
    # Before any archive is opened: an id of the wrong form is the caller's error.
    hashes_of(participant, asked.keys)
    with opened_together(settings, archives) as opened:
        return export_person(opened, asked, target)


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


def _check_target(target: Path) -> None:
    """Refuse a place that cannot be written to before anything is searched for."""
    if not target.name or target.name in {".", ".."}:
        raise InvalidRequest(f"{target} is no name for a package: give --to NAME or NAME.zip")
    if not is_directory(target.parent):
        raise InvalidRequest(f"there is no directory {target.parent}: make it first")
