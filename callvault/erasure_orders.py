"""Orders of erasures, as the command line and the gateway take them, and the note of a plan."""

from collections.abc import Sequence

from pydantic import ValidationError

from callvault.archive.subjects.lookup import hashes_of
from callvault.contracts.access import MAX_NAMED, Access, AccessAction
from callvault.contracts.base import MAX_TEXT, explain
from callvault.contracts.erasures import ErasureInput, ErasurePlan, ErasureTarget
from callvault.errors import InvalidRequest
from callvault.logged_archives import LoggedArchive


def erasure_target(
    participant: str | None,
    recording: str | None,
    key: str,
    *,
    channel_only: bool = False,
    resources: Sequence[str] = (),
) -> ErasureTarget:
    """Read what is to be erased; `InvalidRequest` where it is neither a person nor a recording.

    ``key`` is that of participants. ``resources`` are those to which it is bound, none for all.
    """
    if (participant is None) is (recording is None) or not (participant or recording or "").strip():
        raise InvalidRequest(
            "name one: a participant, by rawId or hash, or a recording, by its recordingId"
        )
    hidden = hashes_of(participant, [key])[0] if participant is not None else None
    try:
        return ErasureTarget(
            participant=hidden,
            recording_id=recording,
            channel_only=channel_only,
            resources=tuple(sorted(resources)),
        )
    except ValidationError as error:
        raise InvalidRequest(f"this names nothing that could be erased: {explain(error)}") from None


def erasure_order(
    wanted: ErasureTarget, token: str, by: str, authenticated_as: str, reason: str
) -> ErasureInput:
    """Build the order of an erasure; `InvalidRequest` without a reason or with no plan's token."""
    try:
        return ErasureInput(
            target=wanted,
            token=token,
            requested_by=by,
            authenticated_as=authenticated_as,
            reason=erasure_reason(reason),
        )
    except ValidationError:
        raise InvalidRequest(
            f"{token[:80]!r} is no token of a plan: make a plan first, and read it; its token"
            " stands at its end"
        ) from None


def erasure_reason(reason: str) -> str:
    """Check the reason of an erasure; `InvalidRequest` without one."""
    if not 0 < len(reason.strip()) <= MAX_TEXT:
        raise InvalidRequest(
            f"an erasure needs a reason of at most {MAX_TEXT} characters: it stands in the record"
            " for ever, so name no person in it"
        )
    return reason.strip()


def note_plan(opened: LoggedArchive, plan: ErasurePlan, by: str, authenticated_as: str) -> None:
    """Write into an archive's access log who planned to erase what of it."""
    folders = [each.folder for each in plan.recordings if each.archive == opened.archive.name]
    opened.log.record(
        Access(
            action=AccessAction.PLANNED,
            by=by,
            authenticated_as=authenticated_as,
            recordings=tuple(folders[:MAX_NAMED]),
            participant=plan.target.participant,
        )
    )
