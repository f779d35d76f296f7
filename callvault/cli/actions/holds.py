"""The work of `callvault holds`: place, release, list."""

from collections.abc import Sequence

from pydantic import TypeAdapter

from callvault import legal_holds
from callvault.archive.manifests.holds import Hold, find_holds
from callvault.cli.options import os_user
from callvault.cli.terminal import say
from callvault.config.settings import Settings
from callvault.contracts.hold_messages import HoldTarget
from callvault.contracts.holds import HoldRecord
from callvault.logged_archives import opened_together


def place(
    settings: Settings, archives: Sequence[str], wanted: HoldTarget, by: str, reason: str
) -> list[HoldRecord]:
    """Place a hold in each of these archives, or in all."""
    said = legal_holds.said(by, _who(), reason)
    with opened_together(settings, archives) as opened:
        return legal_holds.place(opened, wanted, said)


def release(
    settings: Settings, archives: Sequence[str], hold_id: str, by: str, reason: str
) -> list[HoldRecord]:
    """Release a hold in each of these archives that has it, or in all.

    `InvalidRequest` where none has it.
    """
    said = legal_holds.said(by, _who(), reason)
    with opened_together(settings, archives) as opened:
        return legal_holds.release(opened, hold_id, said)


def listed(settings: Settings, archives: Sequence[str], *, released: bool) -> list[Hold]:
    """Find the holds of these archives, or of all; with ``released``, those that are over too."""
    with opened_together(settings, archives) as opened:
        found = [hold for each in opened for hold in find_holds(each.archive, each.keys())]
    return [hold for hold in found if released or hold.released is None]


def show(holds: Sequence[Hold]) -> None:
    """Print each hold in two lines: what it is on, and who placed it why."""
    if not holds:
        say("There is no hold.")
    for hold in holds:
        placed, target = hold.placed, hold.placed.target
        what = f"call {target.server_call_id}" if target.server_call_id else ""
        say(f"{placed.id}  {placed.archive}: {what or f'recording {target.recording_id}'}")
        since = f"{placed.recorded_at:%Y-%m-%d %H:%M} UTC"
        say(f"                  since {since}, by {placed.requested_by}: {placed.reason}")
        if hold.released is not None:
            over = f"{hold.released.recorded_at:%Y-%m-%d %H:%M} UTC"
            by = hold.released.requested_by
            say(f"                  released {over}, by {by}: {hold.released.reason}")


def as_document(records: Sequence[HoldRecord]) -> str:
    """Write records as JSON."""
    return TypeAdapter(list[HoldRecord]).dump_json(list(records), indent=2, by_alias=True).decode()


def listed_document(holds: Sequence[Hold]) -> str:
    """Write holds as JSON, each with its release or null."""
    rows = [{"placed": hold.placed, "released": hold.released} for hold in holds]
    form = TypeAdapter(list[dict[str, HoldRecord | None]])
    return form.dump_json(rows, indent=2, by_alias=True).decode()


def _who() -> str:
    return f"cli:{os_user()}"[:200]
