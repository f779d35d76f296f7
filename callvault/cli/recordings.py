"""`callvault recordings`: look at calls and control them from a terminal."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from callvault.cli.roles import ConfigFile
from callvault.cli.tables import call_table
from callvault.config import load_settings
from callvault.contracts import names
from callvault.contracts.media import ChannelType, ContentType, FormatType
from callvault.contracts.requests import ControlRequest, RecordingRequest
from callvault.contracts.status import CallResult, CallStatus, ControlRecord
from callvault.contracts.wire import Unreadable, read
from callvault.errors import InvalidRequest, Unavailable
from callvault.telemetry.setup import setup
from callvault.temporal_client import connect

app = typer.Typer(help="Look at calls and control their recordings.", no_args_is_help=True)

T = TypeVar("T")

_WIDTHS = {"workflow": len(names.workflow_id("")), "state": len("failed_to_start")}
"""In characters, so that ids can be copied from the narrowest terminal."""

CallId = Annotated[
    str, typer.Argument(help="A workflow id (recording-…) or a serverCallId.", show_default=False)
]
Reason = Annotated[str, typer.Option(help="Why, for the evidence.")]
RequestId = Annotated[
    str | None, typer.Option(help="Your id of the request; the same id again changes nothing.")
]


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="Only calls in this state.")] = None,
    config: ConfigFile = None,
) -> None:
    """List the calls that are being kept, and those that were."""

    async def rows(client: Client) -> Table:
        table = Table(box=None)
        for column in ("workflow", "state", "resource", "must be archived by"):
            table.add_column(column, no_wrap=True, min_width=_WIDTHS.get(column))
        query = f"WorkflowType = '{names.WORKFLOW_TYPE}'"
        if state is not None:
            query += f" AND {names.STATE.name} = '{_word(state)}'"
        async for call in client.list_workflows(query):
            known = call.typed_search_attributes
            expires = known.get(names.EXPIRES_AT)
            table.add_row(
                call.id,
                known.get(names.STATE, ""),
                known.get(names.RESOURCE, ""),
                f"{expires:%Y-%m-%d %H:%M:%S} UTC" if expires else "",
            )
        return table

    Console().print(_with_client(config, rows))


@app.command()
def show(
    call: CallId,
    as_json: Annotated[bool, typer.Option("--json", help="The whole status as JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Show everything known of a call."""
    status = _with_client(config, lambda client: _status(client, _workflow_id(call)))
    if as_json:
        typer.echo(status.model_dump_json(indent=2))
    else:
        Console().print(call_table(status))


@app.command()
def start(
    server_call_id: Annotated[str, typer.Argument(help="The call's serverCallId.")],
    resource: Annotated[str, typer.Option(help="The ACS resource, as configured.")] = "default",
    content: Annotated[ContentType, typer.Option(help="What is recorded.")] = (
        ContentType.AUDIO_VIDEO
    ),
    channel: Annotated[ChannelType, typer.Option(help="One track, or one for each.")] = (
        ChannelType.MIXED
    ),
    file_format: Annotated[FormatType, typer.Option("--format", help="The file's format.")] = (
        FormatType.MP4
    ),
    reason: Reason = "",
    request_id: RequestId = None,
    config: ConfigFile = None,
) -> None:
    """Record a call and keep it; prints the id of its workflow."""
    settings = load_settings(config)
    settings.resource(resource)
    request = read(
        RecordingRequest,
        {
            "server_call_id": server_call_id,
            "resource": resource,
            "recording_content_type": content,
            "recording_channel_type": channel,
            "recording_format_type": file_format,
            "requested_by": getpass.getuser(),
            "reason": reason,
            "request_id": request_id,
        },
    )
    if isinstance(request, Unreadable):
        raise InvalidRequest(request.problem)
    typer.echo(_with_client(config, lambda client: _begin(client, request)))


def _control_command(verb: str, help_text: str) -> None:
    def command(
        call: CallId,
        reason: Reason = "",
        request_id: RequestId = None,
        config: ConfigFile = None,
    ) -> None:
        request = ControlRequest(
            requested_by=getpass.getuser(), reason=reason, request_id=request_id
        )
        record = _with_client(
            config, lambda client: _update(client, _workflow_id(call), verb, request)
        )
        typer.echo(f"{verb}: {record.state} {record.problem}".rstrip())

    app.command(verb, help=help_text)(command)


_control_command(names.PAUSE, "Pause the recording; returns once ACS has confirmed.")
_control_command(names.RESUME, "Resume the recording; returns once ACS has confirmed.")
_control_command(names.STOP, "Stop the recording for good; returns once ACS has confirmed.")


def _with_client(config: ConfigFile, ask: Callable[[Client], Awaitable[T]]) -> T:
    """Connect, ask, and turn what Temporal refuses into a sentence."""
    settings = load_settings(config)

    async def run() -> T:
        with setup(settings, "cli") as telemetry:
            client = await connect(settings, plugins=telemetry.plugins, runtime=telemetry.runtime)
            try:
                return await ask(client)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    raise InvalidRequest(f"not found or over: {error.message}") from error
                raise Unavailable(f"Temporal: {error.message}", owner="callvault") from error

    return asyncio.run(run())


def _workflow_id(call: str) -> str:
    return call if call.startswith("recording-") else names.workflow_id(call)


def _word(text: str) -> str:
    if not text.replace("_", "").isalpha():
        raise InvalidRequest(f"{text!r} is no state")
    return text


async def _status(client: Client, workflow_id: str) -> CallStatus:
    status: CallStatus = await client.get_workflow_handle(workflow_id).query(
        names.STATUS, result_type=CallStatus
    )
    return status


async def _begin(client: Client, request: RecordingRequest) -> str:
    try:
        handle: WorkflowHandle[object, CallResult] = await client.start_workflow(
            names.WORKFLOW_TYPE,
            request,
            id=names.workflow_id(request.server_call_id),
            task_queue=names.CONTROL_QUEUE,
            result_type=CallResult,
        )
    except WorkflowAlreadyStartedError as error:
        raise InvalidRequest(f"{error.workflow_id} keeps this call already") from error
    return handle.id


async def _update(
    client: Client, workflow_id: str, verb: str, request: ControlRequest
) -> ControlRecord:
    handle = client.get_workflow_handle(workflow_id)
    try:
        record: ControlRecord = await handle.execute_update(
            verb, request, result_type=ControlRecord
        )
    except WorkflowUpdateFailedError as error:
        raise InvalidRequest(str(error.cause)) from error
    return record
