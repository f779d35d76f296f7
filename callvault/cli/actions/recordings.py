"""The work of `callvault recordings`, apart from its options: it is slow to load."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from callvault.cli.actions import interruptible
from callvault.config.settings import load_settings
from callvault.contracts import names
from callvault.contracts.alarms import Acknowledge, AlarmRecord
from callvault.contracts.base import Unreadable, read
from callvault.contracts.consent import ConsentDecision, ConsentRecord
from callvault.contracts.requests import ControlRequest, RecordingRequest
from callvault.contracts.status import CallStatus, ControlRecord, RecordingStatus
from callvault.errors import InvalidRequest, NotDone, Unavailable
from callvault.telemetry.setup import setup
from callvault.temporal.call_client import CallClient
from callvault.temporal.call_list import LAST_RUN
from callvault.temporal.call_lookup import find_call
from callvault.temporal.call_reader import CallReader
from callvault.temporal.client import connect
from callvault.temporal.decisions import DecisionClient
from callvault.temporal.executions import describe_execution, list_executions

T = TypeVar("T")


def with_client(config: Path | None, ask: Callable[[Client], Awaitable[T]]) -> T:
    """Connect to Temporal and run ``ask`` with the client.

    Raises `InvalidRequest` where Temporal finds no workflow, `Unavailable` for its other errors.
    """
    settings = load_settings(config)

    async def run() -> T:
        with setup("cli", settings.log) as telemetry:
            client = await connect(settings, plugins=telemetry.plugins, runtime=telemetry.runtime)
            try:
                return await ask(client)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    raise InvalidRequest(f"not found or over: {error.message}") from error
                raise Unavailable(f"Temporal: {error.message}", owner="callvault") from error

    return interruptible.run(run())


async def status(client: Client, call: str) -> CallStatus:
    """Query the status of a call's newest workflow."""
    return await CallReader(client).status(await find_call(client, call))


async def statuses(client: Client, call: str) -> list[CallStatus]:
    """Query the status of every workflow of a call, the oldest first.

    A late event begins another workflow, which knows only the contents of that event.
    """
    key = await find_call(client, call)
    # A quote would end the text in the query below.
    if "'" in key:
        raise InvalidRequest(f"{key!r} is no workflow's id")
    newest = (await describe_execution(client, key)).run_id
    listed = list_executions(client, f"WorkflowId = '{key}' AND {LAST_RUN}")
    # Visibility lags: the newest run may be listed or not, and is asked by itself.
    before = [run async for run in listed if run.run_id != newest]
    before.sort(key=lambda run: run.start_time)
    calls = CallReader(client)
    earlier = [await calls.status(key, run.run_id) for run in before]
    return [*earlier, await calls.status(key)]


async def begin(client: Client, request: RecordingRequest) -> str:
    """Record a call, and return its workflow's id once ACS has begun.

    Raises `NotDone` if the start fails, `InvalidRequest` if the call is being recorded already.
    """
    workflow_id = names.workflow_id(request.server_call_id)
    record = await CallClient(client).start_confirmed(request)
    if isinstance(record, RecordingStatus):
        raise InvalidRequest(f"{workflow_id}: recording {record.recording_id} is on already")
    if not record.is_done:
        raise NotDone(f"{workflow_id}: {why_not_done(record)}")
    return workflow_id


async def update(
    client: Client, call: str, operation: str, request: ControlRequest
) -> ControlRecord:
    """Request a change, and return once ACS has confirmed it; `InvalidRequest` if refused."""
    try:
        key = await find_call(client, call)
        return await CallClient(client).update(key, operation, request)
    except Unavailable as error:
        if operation == names.RESUME:
            raise
        raise Unavailable(f"{error}. ACS may be recording", owner=error.owner) from error


def why_not_done(record: ControlRecord) -> str:
    """Say in a sentence what became of a request that came to nothing, and what may follow."""
    why = record.problem or f"the {record.operation} came to nothing"
    return f"{why}. ACS may be recording" if record.may_be_recording else why


async def decide(
    client: Client, call: str, resource: str | None, decision: ConsentDecision
) -> tuple[ConsentRecord, bool]:
    """Report a decision; a withdrawal returns once ACS has paused. `InvalidRequest` if refused.

    A call that nobody keeps is begun to be kept for it, if it is named by its ``serverCallId`` and
    its ``resource``. Returns whether that was done, too.
    """
    decisions = DecisionClient(CallClient(client))
    try:
        return await decisions.decide(await find_call(client, call), decision), False
    except InvalidRequest as error:
        facts = {"server_call_id": call.strip(), "resource": resource, "start_recording": False}
        unkept = read(RecordingRequest, {**facts, "requested_by": decision.requested_by})
        if error.code != "not_found" or resource is None or isinstance(unkept, Unreadable):
            raise
    key = names.workflow_id(unkept.server_call_id)
    return await decisions.decide(key, decision, unkept), True


async def acknowledge(
    client: Client, call: str, requested_by: str, alarm_id: str | None
) -> list[AlarmRecord]:
    """Acknowledge one alarm of a call, by its id or number, or all open ones; return them.

    `InvalidRequest` where none is open, `RPCError` where the workflow has ended.
    """
    key = await find_call(client, call)
    known = (await status(client, key)).alarms
    standing = [
        record
        for record in known
        if record.acknowledged_at is None and alarm_id in (None, record.alarm.id, _number(record))
    ]
    if not standing:
        ids = ", ".join(map(_number, known)) or "none"
        raise InvalidRequest(f"no such alarm stands; alarms of this call: {ids}")
    meant = standing[:1] if alarm_id else standing
    handle = client.get_workflow_handle(key)
    # One signal for each by its id: an alarm raised at this moment must not be acknowledged unseen.
    for record in meant:
        message = Acknowledge(requested_by=requested_by, alarm_id=record.alarm.id)
        await handle.signal(names.ACKNOWLEDGE, message)
    return meant


def _number(record: AlarmRecord) -> str:
    """Return the last part of an alarm's id, which tables show."""
    return record.alarm.id.rpartition("/")[2]
