"""The work of `callvault subjects find`: search every archive, and note it in its access log."""

import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from typing import NamedTuple

from pydantic import TypeAdapter

from callvault.archive.subjects.lookup import hashes_of
from callvault.archive.subjects.search import Days
from callvault.cli.options import os_user
from callvault.cli.terminal import say
from callvault.config.settings import Settings
from callvault.contracts.base import MAX_TEXT
from callvault.contracts.participant_ids import MAX_RAW_ID
from callvault.contracts.subjects import SubjectEntry, SubjectRecordings
from callvault.errors import ConfigurationError, InvalidRequest
from callvault.logged_archives import open_logged
from callvault.subject_search import search_person

STANDARD_INPUT = "-"


def read_participant(argument: str) -> str:
    """Return the person that a command is about; ``-`` reads a line of standard input."""
    if argument != STANDARD_INPUT:
        return argument
    return sys.stdin.readline(2 * MAX_RAW_ID)


class Asked(NamedTuple):
    """The person that is searched for, by whom and why, and on which days."""

    participant: str
    by: str
    reason: str
    since: date | None = None
    until: date | None = None


def searched(settings: Settings, archives: Sequence[str], asked: Asked) -> list[SubjectRecordings]:
    """Search these archives, or all; `ConfigurationError` without any.

    `InvalidRequest` where the participant is of the wrong form: nothing is searched then.
    """
    if not settings.archives:
        raise ConfigurationError("there is no archive in the configuration: add [archives.NAME]")
    if len(asked.reason) > MAX_TEXT:
        raise InvalidRequest(f"--reason takes a text of at most {MAX_TEXT} characters")
    days = Days(asked.since, asked.until)
    keys, who = settings.participant_keys(), f"cli:{os_user()}"
    hashes_of(asked.participant, keys)
    # Each name is known before the first archive is opened: a list with one left out is no answer.
    names = list(archives) or list(settings.archives)
    for name in names:
        settings.archive(name)
    found = []
    for name in names:
        with closing(open_logged(settings, name, None)) as opened:
            found.append(
                search_person(
                    opened,
                    asked.participant,
                    keys,
                    by=asked.by,
                    authenticated_as=who,
                    reason=asked.reason,
                    days=days,
                )
            )
    return found


def show(found: Sequence[SubjectRecordings]) -> None:
    """Print each recording in two lines, then what could not be believed."""
    for archive in found:
        for entry in archive.recordings:
            _show_recording(archive.archive, entry)
    count = sum(len(each.recordings) for each in found)
    names = ", ".join(each.archive for each in found)
    said = "1 recording" if count == 1 else f"{count} recordings"
    say(f"{said} of this person in {names}." if count else f"None in {names}.")
    for archive in found:
        say(f"{archive.archive}: the search is record {archive.access_record} of the access log.")
        for fault in archive.faults:
            say(f"{archive.archive} {fault.object_name}: {fault.text}", err=True)
    if any(each.faults for each in found):
        say("Recordings may be missing: run `callvault index rebuild`.", err=True)


def as_document(found: Sequence[SubjectRecordings]) -> str:
    """Write what was found as JSON, by archive."""
    return TypeAdapter(list[SubjectRecordings]).dump_json(list(found), indent=2).decode()


def _show_recording(archive: str, entry: SubjectEntry) -> None:
    recording = entry.recording_id or "a recording without a known id"
    say(f"{entry.recorded_on}  {recording}  ({', '.join(entry.sources)})")
    say(f"            {archive}: {entry.folder}")
    for chunk in entry.chunks:
        channel = "" if chunk.channel is None else f", channel {chunk.channel}"
        say(f"              {chunk.object_name.rpartition('/')[2]}{channel}")
