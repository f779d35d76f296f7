"""`callvault recordings`: look at calls and control them from a terminal."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from callvault.cli.roles import ConfigFile
from callvault.cli.tables import call_table
from callvault.config import load_settings
from callvault.contracts import names
from callvault.contracts.status import CallStatus
from callvault.errors import InvalidRequest
from callvault.telemetry.setup import setup
from callvault.temporal_client import connect

app = typer.Typer(help="Look at the calls that are kept.", no_args_is_help=True)

CallId = Annotated[
    str, typer.Argument(help="A workflow id (recording-…) or a serverCallId.", show_default=False)
]


@app.command()
def show(
    call: CallId,
    as_json: Annotated[bool, typer.Option("--json", help="The whole status as JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Show everything known of a call."""
    settings = load_settings(config)

    async def ask() -> CallStatus:
        with setup(settings, "cli") as telemetry:
            client = await connect(settings, plugins=telemetry.plugins, runtime=telemetry.runtime)
            return await _status(client, _workflow_id(call))

    status = asyncio.run(ask())
    if as_json:
        typer.echo(status.model_dump_json(indent=2))
    else:
        Console().print(call_table(status))


def _workflow_id(call: str) -> str:
    return call if call.startswith("recording-") else names.workflow_id(call)


async def _status(client: Client, workflow_id: str) -> CallStatus:
    handle = client.get_workflow_handle(workflow_id)
    try:
        status: CallStatus = await handle.query(names.STATUS, result_type=CallStatus)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise InvalidRequest(f"no call {workflow_id} in namespace {client.namespace}") from None
        raise
    return status
