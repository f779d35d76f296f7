"""The work of `callvault duties`: list what is open, record what was done."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import TypeAdapter

from callvault.archive.manifests.duty_records import Done, Unread, open_duties, record_duties
from callvault.cli.terminal import say
from callvault.clients import open_proven, open_signer
from callvault.config.settings import Settings
from callvault.contracts.base import MAX_TEXT
from callvault.contracts.duties import Duty, Outcome
from callvault.errors import ConfigurationError, InvalidRequest


class Listed(NamedTuple):
    """A duty, and the manifest from which it follows."""

    archive: str
    manifest: str
    duty: Duty


class Found(NamedTuple):
    """The open duties of archives, and what kept some of them from being known."""

    duties: list[Listed]
    problems: list[str]


def listed(settings: Settings, archives: Sequence[str]) -> Found:
    """Find the open duties of these archives, or of all; `ConfigurationError` without any."""
    # Else duties that nobody looked for would be told as duties that are not there.
    if not settings.archives:
        raise ConfigurationError("there is no archive in the configuration: add [archives.NAME]")
    found = Found([], [])
    for name in archives or settings.archives:
        _find(settings, name, found)
    return found


def tell(problems: Sequence[str]) -> bool:
    """Print what could not be read; return True if there is nothing of the kind."""
    for each in problems:
        say(f"the duties of this are not known: {each}", err=True)
    return not problems


def show(duties: Sequence[Listed]) -> None:
    """Print each duty in two lines: what is to be done, and the manifest that it follows from."""
    if not duties:
        say("No duty is open.")
    for archive, manifest, duty in duties:
        since = f"{duty.since:%Y-%m-%d %H:%M:%S}" if duty.since else "its beginning"
        until = f"{duty.until:%H:%M:%S} UTC" if duty.until else "its end"
        say(f"{duty.id}  {duty.kind} from {since} to {until}: {duty.reason}")
        say(f"                  {archive}: {manifest}")


def as_document(duties: Sequence[Listed]) -> str:
    """Write the duties as JSON."""
    rows = [
        {"archive": each.archive, "manifest": each.manifest, **each.duty.model_dump(mode="json")}
        for each in duties
    ]
    return TypeAdapter(list[dict[str, object]]).dump_json(rows, indent=2).decode()


def record(
    settings: Settings,
    archive: str,
    manifest: str,
    duties: Sequence[str],
    erased: Sequence[str],
    done_by: str,
    reason: str,
) -> str:
    """Record what was done; return the place of the record."""
    for what, said in (("--by", done_by), ("--reason", reason)):
        if not 0 < len(said.strip()) <= MAX_TEXT:
            raise InvalidRequest(f"{what} needs a text of at most {MAX_TEXT} characters")
    outcome = Outcome.ERASED if erased else Outcome.KEPT
    done = Done(outcome, done_by, reason, tuple(erased))
    configured = settings.archive(archive)
    with closing(open_proven(archive, configured)) as opened:
        signer = open_signer(configured)
        written = record_duties(opened, manifest, duties, done, signer, lambda: datetime.now(UTC))
        return opened.location(written.object_name)


def _find(settings: Settings, name: str, found: Found) -> None:
    def note(unread: Unread) -> None:
        found.problems.append(f"{name}: {unread.object_name}: {unread.text}")

    with closing(open_proven(name, settings.archive(name))) as archive:
        for each in open_duties(archive, note):
            found.duties.extend(
                Listed(name, each.manifest.object_name, duty) for duty in each.duties
            )
