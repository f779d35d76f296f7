"""The work of `callvault erasures plan` and `run`, and of `callvault retention`."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from pydantic import ValidationError
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError

from activities.erasure import make_plan
from activities.erasure_places import places_of
from callvault.archive.access_log.log import AccessLog
from callvault.cli.actions.recordings import with_client
from callvault.cli.options import os_user
from callvault.cli.terminal import say, say_json
from callvault.clients import open_proven, open_signer
from callvault.config.settings import Settings, load_settings
from callvault.contracts import names
from callvault.contracts.access import MAX_NAMED, Access, AccessAction
from callvault.contracts.base import MAX_TEXT, explain
from callvault.contracts.erasures import (
    ErasureInput,
    ErasurePlan,
    ErasureStatus,
    ErasureTarget,
    PlannedErasure,
)
from callvault.contracts.participants import hiding
from callvault.errors import InvalidRequest
from callvault.temporal import schedules
from callvault.temporal.archives import remembered_archives


def target(
    config: Path | None,
    participant: str | None,
    recording: str | None,
    *,
    channel_only: bool = False,
) -> ErasureTarget:
    """Read what is to be erased; `InvalidRequest` where it is neither a person nor a recording."""
    if (participant is None) is (recording is None) or not (participant or recording or "").strip():
        raise InvalidRequest("name one: --participant, by rawId or hash, or --recording, by its id")
    key = load_settings(config).participant_key
    hidden = hiding(key)(participant) if participant is not None else None
    try:
        return ErasureTarget(participant=hidden, recording_id=recording, channel_only=channel_only)
    except ValidationError as error:
        raise InvalidRequest(f"this names nothing that could be erased: {explain(error)}") from None


def order(wanted: ErasureTarget, token: str, by: str, reason: str) -> ErasureInput:
    """Build the order of an erasure; `InvalidRequest` without a reason or with no plan's token."""
    try:
        return ErasureInput(
            target=wanted,
            token=token,
            requested_by=by,
            authenticated_as=_os_user(),
            reason=_reason(reason),
        )
    except ValidationError:
        raise InvalidRequest(
            f"{token[:80]!r} is no token of a plan: make one with `callvault erasures plan`, or"
            " `callvault retention plan`, and read it"
        ) from None


def plan(config: Path | None, wanted: ErasureTarget, by: str) -> PlannedErasure:
    """Make a plan, and write into the access logs who planned what."""
    settings = load_settings(config)

    async def ask(client: Client) -> PlannedErasure:
        places = places_of(settings, await remembered_archives(client))
        return await make_plan(client, places, wanted, _now)

    planned = with_client(config, ask)
    for name in sorted({each.archive for each in planned.plan.recordings}):
        _record(settings, name, planned.plan, by)
    return planned


def run(config: Path | None, wanted: ErasureInput) -> ErasureStatus:
    """Run an erasure, or wait for the one that was begun with this token."""

    async def ask(client: Client) -> ErasureStatus:
        workflow_id = names.erasure_id(wanted.token or "")
        try:
            handle = await client.start_workflow(
                names.ERASURE_TYPE,
                wanted,
                id=workflow_id,
                task_queue=names.CONTROL_QUEUE,
                result_type=ErasureStatus,
                # An erasure that came to its end is not begun again; one that works is waited for.
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary="erases what a plan names",
            )
        except WorkflowAlreadyStartedError:
            handle = client.get_workflow_handle(workflow_id, result_type=ErasureStatus)
        say(f"Workflow {workflow_id} erases; it goes on without this command.", err=True)
        try:
            status: ErasureStatus = await handle.result()
        except WorkflowFailureError as error:
            raise InvalidRequest(f"nothing was erased: {_cause(error)}") from None
        return status

    return with_client(config, ask)


def schedule(
    config: Path | None, interval: timedelta, by: str, reason: str, *, dry_run: bool
) -> str:
    """Set the Schedule that erases what is due; return a sentence about the outcome."""
    wanted = ErasureInput(
        dry_run=dry_run,
        requested_by=by,
        authenticated_as=_os_user(),
        reason=_reason(reason),
    )
    what = "report what is due" if dry_run else "erase what is due"
    return with_client(
        config,
        lambda client: schedules.schedule(
            client, names.RETENTION_SCHEDULE, names.ERASURE_TYPE, wanted, interval, what
        ),
    )


def unschedule(config: Path | None) -> str:
    """Remove that Schedule; return a sentence about the outcome."""
    return with_client(
        config, lambda client: schedules.unschedule(client, names.RETENTION_SCHEDULE)
    )


def show_plan(planned: PlannedErasure) -> None:
    """Print a plan: what goes, what stays and why, and the token at its end."""
    found = planned.plan
    for each in found.recordings:
        say(f"{'erase' if each.erases else 'keep '}  {each.archive}: {each.folder}")
        say(f"       {each.verdict}: {each.reason}")
        if each.erases:
            what = f"{each.objects} objects, {each.size} bytes, {each.index_entries} index entries"
            say(f"       {what}, histories of {', '.join(each.workflows)}")
    for letter in found.letters:
        say(f"{'erase' if letter.erases else 'keep '}  {letter.place}: {letter.name}")
        say(f"       {letter.reason}")
    for place in found.not_searched:
        say(f"not searched  {place}")
    if found.left_over:
        say(f"{found.left_over} more recordings are beyond one plan: erase these, then plan again.")
    if found.kept_more:
        say(f"{found.kept_more} more recordings are kept.")
    if found.erasable or any(letter.erases for letter in found.letters):
        say(f"Nothing is erased yet. The plan's token: {planned.token}")
    else:
        say("There is nothing to erase.")


def finish(status: ErasureStatus, *, as_json: bool) -> None:
    """Print the outcome; exit status 1 where something that was planned stays after all."""
    if as_json:
        say_json(status.model_dump_json(indent=2))
    else:
        say(f"{status.erased} of {status.recordings} recordings are erased.")
        for each in status.held_back:
            say(f"stays: {each}")
        for place in status.certificates:
            say(f"Certificate: {place}")
    if status.erased < status.recordings:
        raise typer.Exit(1)


def _record(settings: Settings, name: str, found: ErasurePlan, by: str) -> None:
    folders = [each.folder for each in found.recordings if each.archive == name]
    configured = settings.archive(name)
    with closing(open_proven(name, configured)) as archive:
        AccessLog(archive, open_signer(configured)).record(
            Access(
                action=AccessAction.PLANNED,
                by=by,
                authenticated_as=_os_user(),
                recordings=tuple(folders[:MAX_NAMED]),
            )
        )


def _reason(reason: str) -> str:
    if not 0 < len(reason.strip()) <= MAX_TEXT:
        raise InvalidRequest(
            f"an erasure needs a reason of at most {MAX_TEXT} characters: it stands in the record"
            " for ever, so name no person in it"
        )
    return reason.strip()


def _cause(error: BaseException) -> str:
    cause: BaseException | None = error.__cause__
    while isinstance(cause, ActivityError):
        cause = cause.cause
    return str(cause or error)


def _os_user() -> str:
    return f"cli:{os_user()}"[:200]


def _now() -> datetime:
    return datetime.now(UTC)
