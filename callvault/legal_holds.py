"""Legal holds in several archives, each noted in its access log before it is placed or released."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError

from callvault.archive.manifests.holds import (
    Hold,
    Said,
    find_hold,
    free_number,
    hold_account,
    hold_id,
    place_hold,
    release_account,
    release_hold,
)
from callvault.archive.names import hold_record_name
from callvault.contracts.access import Access, AccessAction
from callvault.contracts.base import MAX_TEXT, explain
from callvault.contracts.hold_messages import HoldTarget, asked_target
from callvault.contracts.holds import HoldRecord
from callvault.errors import InvalidRequest
from callvault.logged_archives import LoggedArchive

Now = Callable[[], datetime]


def _utc() -> datetime:
    return datetime.now(UTC)


def read_target(call: str | None, recording: str | None) -> HoldTarget:
    """Read what somebody wants to hold; `InvalidRequest` where it is no target."""
    try:
        return asked_target(call, recording)
    except ValidationError as error:
        raise InvalidRequest(f"a hold is on one call or one recording: {explain(error)}") from None


def said(requested_by: str, authenticated_as: str, reason: str) -> Said:
    """Check the words of who places or releases a hold; `InvalidRequest` without a reason."""
    if not 0 < len(reason.strip()) <= MAX_TEXT:
        raise InvalidRequest(
            f"a hold is placed and released for a reason: give one of at most {MAX_TEXT} characters"
        )
    return Said(requested_by, reason.strip(), authenticated_as)


def place(
    archives: Sequence[LoggedArchive],
    target: HoldTarget,
    said: Said,
    *,
    resource: str | None = None,
    now: Now = _utc,
    since: datetime | None = None,
) -> list[HoldRecord]:
    """Place a hold, under one id, in each of these archives; the same one again changes nothing.

    ``since`` is when it was asked for, where that is repeated until it is done: what has been
    placed and released since is not placed again.
    """
    keys = {each.archive.name: each.keys() for each in archives}
    numbers = (
        free_number(each.archive, target, said, keys[each.archive.name], since) for each in archives
    )
    number = max(numbers, default=0)
    name = hold_record_name(hold_id(target, said, number), released=False)
    placed = []
    # The records first, in all archives: they count, and no account's own hold may keep one away.
    for each in archives:
        _tell(each, name, said, AccessAction.HELD)
        placed.append(
            place_hold(
                each.archive,
                target,
                said,
                each.signer,
                now,
                keys[each.archive.name],
                number=number,
                resource=resource,
            )
        )
    for each, record in zip(archives, placed, strict=True):
        hold_account(each.archive, record, keys[each.archive.name])
    return placed


def release(
    archives: Sequence[LoggedArchive], hold: str, said: Said, now: Now = _utc
) -> list[HoldRecord]:
    """Release a hold in each of these archives that has it; `InvalidRequest` where none has."""
    having = [each for each in archives if find(each, hold) is not None]
    if not having:
        raise InvalidRequest(
            f"{hold[:40]!r} is no hold of these archives: `callvault holds list` lists them",
            status=404,
            code="not_found",
        )
    released = []
    for each in having:
        _tell(each, hold_record_name(hold, released=True), said, AccessAction.RELEASED)
        released.append(release_hold(each.archive, hold, said, each.signer, now))
    for each, record in zip(having, released, strict=True):
        release_account(each.archive, record.target, each.keys())
    return released


def find(opened: LoggedArchive, hold: str) -> Hold | None:
    """Find a hold of one archive by its id."""
    return find_hold(opened.archive, hold, opened.keys())


def _tell(opened: LoggedArchive, object_name: str, said: Said, action: AccessAction) -> None:
    """Write into the access log what is about to be done, unless it is done already."""
    if opened.archive.stat(object_name) is None:
        opened.log.record(
            Access(
                action=action,
                by=said.requested_by,
                authenticated_as=said.authenticated_as,
                objects=(object_name,),
                reason=said.reason,
            )
        )
