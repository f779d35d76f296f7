"""The work of `callvault events deliver`, apart from its options: it is slow to load."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from temporalio.client import Client

from callvault.clients import own_containers
from callvault.config.settings import Settings
from callvault.errors import InvalidRequest
from callvault.ingest.formats import read_events
from callvault.ingest.intake import Disposition, EventOutcome, Intake
from callvault.ingest.routes import Routes
from callvault.temporal.call_client import CallClient

STANDARD_INPUT = Path("-")

_GOOD = (Disposition.DELIVERED, Disposition.IGNORED)

Say = Callable[[str], None]


async def deliver_all(
    settings: Settings, client: Client, files: Sequence[Path], say: Say, *, again: bool = False
) -> bool:
    """Deliver every event of the files; return True if none was left undelivered.

    With ``again``, files are copied anew that a workflow archived before it ended.
    """
    routes = Routes(settings, own_containers(settings))
    intake = Intake(routes, CallClient(client), "cli", again=again)
    results = [await _deliver(intake, file, say) for file in files]
    return all(results)


async def _deliver(intake: Intake, file: Path, say: Say) -> bool:
    try:
        outcomes = await intake.deliver(read_events(_read(file)))
    except InvalidRequest as error:
        say(f"not understood: {file}: {error}")
        return False
    for outcome in outcomes:
        say(describe(outcome))
    return all(outcome.disposition in _GOOD for outcome in outcomes)


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"it cannot be read: {error.strerror}") from None


def describe(outcome: EventOutcome) -> str:
    """Describe the outcome of one event in a line."""
    raw = outcome.raw
    kind = str(raw.get("eventType") or raw.get("type") or "event").rpartition(".")[2]
    line = f"{outcome.disposition.replace('_', ' ')}: {kind} {raw.get('id') or ''}".rstrip()
    if outcome.workflow_id:
        return f"{line} to {outcome.workflow_id}"
    return f"{line}: {outcome.problem}" if outcome.problem else line
