"""The work of `callvault events deliver`, apart from its options: it is slow to load."""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from pydantic.alias_generators import to_camel
from temporalio.client import Client

from callvault.cli.terminal import say, say_json
from callvault.clients import own_containers
from callvault.config.settings import Settings
from callvault.errors import InvalidRequest
from callvault.ingest.formats import read_events
from callvault.ingest.intake import Disposition, EventOutcome, Intake
from callvault.ingest.quarantine import Quarantine
from callvault.ingest.routes import Routes
from callvault.ingest.undelivered import DeadLetter
from callvault.temporal.call_client import CallClient

STANDARD_INPUT = Path("-")


class Told(NamedTuple):
    """What became of an event, or of a whole file that holds none."""

    disposition: str
    problem: str
    event_type: str = ""
    event_id: str = ""
    workflow_id: str = ""


Tell = Callable[[Told], None]


async def deliver_all(
    settings: Settings,
    client: Client,
    files: Sequence[Path],
    tell: Tell,
    *,
    again: bool = False,
    quarantine: bool = False,
) -> bool:
    """Deliver every event of the files; return True if none was left undelivered.

    With ``again``, files are copied anew that a workflow archived before it ended. With
    ``quarantine``, the files are names in the quarantine.
    """
    routes = Routes(settings, own_containers(settings))
    intake = Intake(routes, CallClient(client), "cli", again=again)
    if not quarantine:
        results = [await _deliver(intake, file, tell) for file in files]
        return all(results)
    with closing(Quarantine.open(settings.gateway.quarantine)) as store:
        results = [await _deliver_quarantined(store, intake, str(name), tell) for name in files]
    return all(results)


async def _deliver(intake: Intake, file: Path, tell: Tell) -> bool:
    return await _deliver_events(intake, lambda: read_events(_read(file)), str(file), tell)


async def _deliver_quarantined(store: Quarantine, intake: Intake, name: str, tell: Tell) -> bool:
    is_good = await _deliver_events(
        intake, lambda: store.read(DeadLetter(name)).events(), name, tell
    )
    if is_good:
        await asyncio.to_thread(_mark, store, name)
    return is_good


def _mark(store: Quarantine, name: str) -> None:
    # As it is listed, which tells its version; one that is marked is listed no more.
    for letter in store.pending():
        if letter.name == name:
            store.mark_delivered(letter)


async def _deliver_events(
    intake: Intake, read: Callable[[], list[Any]], source: str, tell: Tell
) -> bool:
    try:
        # In a thread, which Ctrl-C leaves: a pipe may have nothing to read for long.
        outcomes = await intake.deliver(await asyncio.to_thread(read))
    except InvalidRequest as error:
        tell(Told("not understood", f"{source}: {error}"))
        return False
    for outcome in outcomes:
        tell(told(outcome))
    return all(map(is_good, outcomes))


def is_good(outcome: EventOutcome) -> bool:
    """Tell if no event was left undelivered that may matter."""
    return outcome.disposition in (Disposition.DELIVERED, Disposition.IGNORED)


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"it cannot be read: {error.strerror}") from None


def told(outcome: EventOutcome) -> Told:
    """Return what people are told of an outcome."""
    raw = outcome.raw
    return Told(
        disposition=outcome.disposition.replace("_", " "),
        problem=outcome.problem,
        event_type=str(raw.get("eventType") or raw.get("type") or "event"),
        event_id=str(raw.get("id") or ""),
        workflow_id=outcome.workflow_id or "",
    )


def say_outcome(told: Told) -> None:
    """Describe what became of one event in a line."""
    kind = told.event_type.rpartition(".")[2]
    line = f"{told.disposition}: {kind} {told.event_id}".rstrip(": ")
    if told.workflow_id:
        line = f"{line} to {told.workflow_id}"
    say(f"{line}: {told.problem}" if told.problem else line)


def say_json_line(told: Told) -> None:
    """Print what became of one event as JSON, on a line of its own."""
    fields = {to_camel(name): value for name, value in told._asdict().items()}
    say_json(json.dumps(fields))
