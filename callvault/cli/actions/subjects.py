"""The work of `callvault subjects find`: search every archive, and note it in its access log."""

import sys
from collections.abc import Sequence
from contextlib import closing

from pydantic import TypeAdapter

from callvault.archive.access_log.log import AccessLog
from callvault.archive.subjects.lookup import hashes_of, look_up
from callvault.cli.options import os_user
from callvault.cli.terminal import say
from callvault.clients import open_proven, open_signer
from callvault.config.settings import Settings
from callvault.contracts.access import Access, AccessAction
from callvault.contracts.base import MAX_TEXT
from callvault.contracts.participant_ids import MAX_RAW_ID
from callvault.contracts.subjects import SubjectEntry, SubjectRecordings
from callvault.errors import ConfigurationError, InvalidRequest

STANDARD_INPUT = "-"


def read_participant(argument: str) -> str:
    """Return the person that a command is about; ``-`` reads a line of standard input."""
    if argument != STANDARD_INPUT:
        return argument
    return sys.stdin.readline(2 * MAX_RAW_ID)


def searched(
    settings: Settings, archives: Sequence[str], participant: str, by: str, reason: str
) -> list[SubjectRecordings]:
    """Search these archives, or all; `ConfigurationError` without any.

    `InvalidRequest` where the participant is of the wrong form: nothing is searched then.
    """
    if not settings.archives:
        raise ConfigurationError("there is no archive in the configuration: add [archives.NAME]")
    if len(reason) > MAX_TEXT:
        raise InvalidRequest(f"--reason takes a text of at most {MAX_TEXT} characters")
    keys = settings.participant_keys()
    access = Access(
        action=AccessAction.FOUND,
        by=by,
        authenticated_as=f"cli:{os_user()}",
        participant=hashes_of(participant, keys)[0],
        reason=reason,
    )
    # Each name is known before the first archive is opened: a list with one left out is no answer.
    chosen = {name: settings.archive(name) for name in archives or settings.archives}
    found = []
    for name, configured in chosen.items():
        with closing(open_proven(name, configured)) as archive:
            AccessLog(archive, open_signer(configured)).record(access)
            found.append(look_up(archive, participant, keys))
    return found


def show(found: Sequence[SubjectRecordings]) -> None:
    """Print each recording in two lines, then what could not be believed."""
    for archive in found:
        for entry in archive.recordings:
            _show_recording(archive.archive, entry)
    count = sum(len(each.recordings) for each in found)
    names = ", ".join(each.archive for each in found)
    say(f"{count} recordings of this person in {names}." if count else f"None in {names}.")
    for archive in found:
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
