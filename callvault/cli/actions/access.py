"""The work of `callvault access`: read the access logs of archives, and verify them."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter

from callvault.archive.access_log.log import AccessLog
from callvault.archive.access_log.search import Wanted, folders_in
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.folders import find_folders
from callvault.archive.store import Archive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.access_log import verify_log_alone
from callvault.archive.verify.expectation import Expectation, spelt
from callvault.archive.verify.inspector import Report
from callvault.cli.actions.local_files import is_directory, public_key
from callvault.cli.terminal import say
from callvault.clients import open_proven
from callvault.config.settings import Settings, load_settings
from callvault.contracts.access import AccessAction, AccessRecord
from callvault.contracts.base import name_of_caller
from callvault.contracts.participants import hiding
from callvault.errors import ConfigurationError


class Listed(NamedTuple):
    """The records of one archive's log that were asked for, and those that cannot be read."""

    archive: str
    records: list[AccessRecord]
    problems: list[str]


class Asked(NamedTuple):
    """The filters, as people write them."""

    recording: str | None = None
    person: str | None = None
    action: AccessAction | None = None
    who: str = ""


def listed(settings: Settings, archives: Sequence[str], asked: Asked) -> list[Listed]:
    """Read the logs of these archives, or of all; `ConfigurationError` without any."""
    if not settings.archives:
        raise ConfigurationError("there is no archive in the configuration: add [archives.NAME]")
    return [_of(settings, name, asked) for name in archives or settings.archives]


def show(logs: Sequence[Listed]) -> None:
    """Print each record in two lines: who did what and when, and with what."""
    for archive, records, problems in logs:
        for record in records:
            who = name_of_caller(record.by or "unknown", record.authenticated_as)
            at = record.at.astimezone(UTC)
            why = f": {record.reason}" if record.reason else ""
            say(f"{at:%Y-%m-%d %H:%M:%S} UTC  {record.action} by {who}{why}")
            say(f"    {archive} {record.sequence}: {_what(record)}")
        for problem in problems:
            say(f"{archive}: {problem}", err=True)
    if not any(log.records or log.problems for log in logs):
        say("No access is recorded.")


def as_document(logs: Sequence[Listed]) -> str:
    """Write the records as JSON."""
    rows = [record.model_dump(mode="json") for log in logs for record in log.records]
    return TypeAdapter(list[dict[str, object]]).dump_json(rows, indent=2).decode()


def verify_log(
    target: str, key_files: Sequence[Path], expected: Expectation, config: Path | None
) -> Report:
    """Verify the access log of a directory, or of an archive by its configured name."""
    keys = Keyring(public_key(file) for file in key_files)
    with _opened(target, config) as archive:
        return verify_log_alone(archive, keys, expected)


def show_verified(report: Report) -> None:
    """Print a report, problems first."""
    for remark in report.problems:
        say(f"problem {remark.location}: {remark.text}")
    for remark in report.warnings:
        say(f"warning {remark.location}: {remark.text}")
    verdict = "as it was written" if report.ok else f"not: {len(report.problems)} problems"
    say(f"The access log of {report.target} is {verdict}. {report.access_records} records.")
    if report.ok and report.access_head:
        say(f"Keep this elsewhere, and give it next time: --head {spelt(report.access_head)}")


def _of(settings: Settings, name: str, asked: Asked) -> Listed:
    with closing(open_proven(name, settings.archive(name))) as archive:
        entries = list(AccessLog(archive, None).entries())
        records = [entry.record for entry in entries if entry.record is not None]
        wanted = Wanted(
            folders=_folders(archive, asked.recording, records),
            participant=hiding(settings.participant_key())(asked.person) if asked.person else None,
            action=asked.action,
            who=asked.who,
        )
        problems = [
            f"{archive.location(entry.object_name)} cannot be read: {entry.problem};"
            " `callvault access verify` tells more"
            for entry in entries
            if entry.record is None
        ]
        return Listed(name, [record for record in records if wanted.fits(record)], problems)


def _folders(
    archive: Archive, recording: str | None, records: Sequence[AccessRecord]
) -> frozenset[str] | None:
    """Return the folders that the log names and an id means; None where all are meant."""
    if recording is None:
        return None
    # Those of the log, and not of the archive: what was erased is in the log all the same.
    return frozenset(find_folders(archive, recording, folders_in(records)))


def _what(record: AccessRecord) -> str:
    names = record.objects or record.recordings
    about = f"person {record.participant}" if record.participant else ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(filter(None, (about, *names[:3]))) + more


@contextmanager
def _opened(target: str, config: Path | None) -> Iterator[Archive]:
    path = Path(target)
    if is_directory(path):
        yield DirectoryArchive(path.name or target, path)
        return
    with closing(open_proven(target, load_settings(config).archive(target))) as archive:
        yield archive
