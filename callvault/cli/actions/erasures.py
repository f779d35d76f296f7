"""The work of `callvault erasures plan` and `run`, and of `callvault retention`."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.erasure import make_plan
from activities.erasure_places import places_of
from callvault.cli.actions.recordings import with_client
from callvault.cli.options import os_user
from callvault.cli.terminal import say, say_json
from callvault.config.settings import load_settings
from callvault.contracts import names
from callvault.contracts.erasures import (
    ErasureInput,
    ErasureStatus,
    ErasureTarget,
    PlannedErasure,
)
from callvault.erasure_orders import erasure_order, erasure_reason, erasure_target, note_plan
from callvault.errors import InvalidRequest
from callvault.logged_archives import open_logged
from callvault.temporal import schedules
from callvault.temporal.archives import remembered_archives
from callvault.temporal.erasure_client import cause_of, start_erasure


def target(
    config: Path | None,
    participant: str | None,
    recording: str | None,
    *,
    channel_only: bool = False,
) -> ErasureTarget:
    """Read what is to be erased; `InvalidRequest` where it is neither a person nor a recording."""
    key = load_settings(config).participant_key()
    return erasure_target(participant, recording, key, channel_only=channel_only)


def order(wanted: ErasureTarget, token: str, by: str, reason: str) -> ErasureInput:
    """Build the order of an erasure; `InvalidRequest` without a reason or with no plan's token."""
    return erasure_order(wanted, token, by, _os_user(), reason)


def plan(config: Path | None, wanted: ErasureTarget, by: str) -> PlannedErasure:
    """Make a plan, and write into the access logs who planned what."""
    settings = load_settings(config)

    async def ask(client: Client) -> PlannedErasure:
        places = places_of(settings, await remembered_archives(client))
        return await make_plan(client, places, wanted, _now)

    planned = with_client(config, ask)
    for name in sorted({each.archive for each in planned.plan.recordings}):
        with closing(open_logged(settings, name, None)) as opened:
            note_plan(opened, planned.plan, by, _os_user())
    return planned


def run(config: Path | None, wanted: ErasureInput) -> ErasureStatus:
    """Run an erasure, or wait for the one that was begun with this token."""

    async def ask(client: Client) -> ErasureStatus:
        workflow_id = names.erasure_id(wanted.token or "")
        try:
            handle = await start_erasure(client, wanted)
        except WorkflowAlreadyStartedError:
            handle = client.get_workflow_handle(workflow_id, result_type=ErasureStatus)
        say(f"Workflow {workflow_id} erases; it goes on without this command.", err=True)
        try:
            status: ErasureStatus = await handle.result()
        except WorkflowFailureError as error:
            raise InvalidRequest(f"nothing was erased: {cause_of(error)}") from None
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
        reason=erasure_reason(reason),
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


def _os_user() -> str:
    return f"cli:{os_user()}"[:200]


def _now() -> datetime:
    return datetime.now(UTC)
