"""The work of `callvault holds`: place, release, list."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from callvault.archive.access_log.log import AccessLog
from callvault.archive.manifests.holds import Hold, Said, find_holds, place_hold, release_hold
from callvault.archive.manifests.keys import Signer
from callvault.archive.store import Archive
from callvault.cli.options import os_user
from callvault.cli.terminal import say
from callvault.clients import open_keyring, open_proven, open_signer
from callvault.config.settings import Settings
from callvault.contracts.access import Access, AccessAction
from callvault.contracts.base import MAX_TEXT, explain
from callvault.contracts.holds import HoldRecord, HoldTarget
from callvault.errors import ConfigurationError, InvalidRequest


def target(call: str | None, recording: str | None) -> HoldTarget:
    """Read the target of a hold; `InvalidRequest` where it is none."""
    try:
        return HoldTarget(server_call_id=call, recording_id=recording)
    except ValidationError as error:
        raise InvalidRequest(f"a hold is on one call or one recording: {explain(error)}") from None


def place(
    settings: Settings, archives: Sequence[str], wanted: HoldTarget, by: str, reason: str
) -> list[HoldRecord]:
    """Place a hold in each of these archives, or in all."""
    said = _said(by, reason)
    return [_place(settings, name, wanted, said) for name in _names(settings, archives)]


def release(
    settings: Settings, archives: Sequence[str], hold_id: str, by: str, reason: str
) -> list[HoldRecord]:
    """Release a hold in each of these archives that has it, or in all.

    `InvalidRequest` where none has it.
    """
    said = _said(by, reason)
    names = [name for name in _names(settings, archives) if _has(settings, name, hold_id)]
    if not names:
        raise InvalidRequest(
            f"{hold_id[:40]!r} is no hold of these archives: `callvault holds list` lists them"
        )
    return [_release(settings, name, hold_id, said) for name in names]


def listed(settings: Settings, archives: Sequence[str], *, released: bool) -> list[Hold]:
    """Find the holds of these archives, or of all; with ``released``, those that are over too."""
    found = [hold for name in _names(settings, archives) for hold in _holds(settings, name)]
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


def _said(by: str, reason: str) -> Said:
    if not 0 < len(reason.strip()) <= MAX_TEXT:
        raise InvalidRequest(
            f"a hold is placed and released for a reason: give one of at most {MAX_TEXT}"
            " characters with --reason"
        )
    return Said(by, reason.strip(), f"cli:{os_user()}"[:200])


def _names(settings: Settings, archives: Sequence[str]) -> Sequence[str]:
    if not settings.archives:
        raise ConfigurationError("there is no archive in the configuration: add [archives.NAME]")
    return archives or sorted(settings.archives)


def _place(settings: Settings, name: str, wanted: HoldTarget, said: Said) -> HoldRecord:
    configured = settings.archive(name)
    signer, keys = open_signer(configured), open_keyring(configured)
    with closing(open_proven(name, configured)) as archive:
        record = place_hold(archive, wanted, said, signer, _now, keys)
        _tell(archive, record, AccessAction.HELD, signer)
        return record


def _release(settings: Settings, name: str, hold_id: str, said: Said) -> HoldRecord:
    configured = settings.archive(name)
    with closing(open_proven(name, configured)) as archive:
        signer = open_signer(configured)
        record = release_hold(archive, hold_id, said, signer, _now)
        _tell(archive, record, AccessAction.RELEASED, signer)
        return record


def _tell(
    archive: Archive, record: HoldRecord, action: AccessAction, signer: Signer | None
) -> None:
    """Write into the access log that a hold was placed or released."""
    AccessLog(archive, signer).record(
        Access(
            action=action,
            by=record.requested_by,
            authenticated_as=record.authenticated_as,
            objects=(record.object_name,),
            reason=record.reason,
        )
    )


def _has(settings: Settings, name: str, hold_id: str) -> bool:
    return any(hold.placed.id == hold_id for hold in _holds(settings, name))


def _holds(settings: Settings, name: str) -> list[Hold]:
    configured = settings.archive(name)
    with closing(open_proven(name, configured)) as archive:
        return find_holds(archive, open_keyring(configured))


def _now() -> datetime:
    return datetime.now(UTC)
