"""Commands that are one process of a deployment, or prepare one."""

import asyncio
import json
from typing import Annotated

import typer

from callvault.cli.options import ConfigFile
from callvault.config.settings import load_settings
from workers.roles import Role


def worker(
    config: ConfigFile = None,
    only: Annotated[
        Role | None,
        typer.Option(
            help="Decide and control, or export: two processes, so that copies never delay a pause."
        ),
    ] = None,
) -> None:
    """Run the workflows and their activities until told to stop."""
    from workers.__main__ import run

    asyncio.run(run(load_settings(config), only))


def gateway(config: ConfigFile = None) -> None:
    """Serve Event Grid's webhook and the control API until told to stop."""
    from callvault.gateway.server import serve

    serve(load_settings(config))


def setup(config: ConfigFile = None) -> None:
    """Register Callvault's search attributes in the Temporal namespace. Safe to repeat."""
    from callvault.cli.actions import recordings as calls
    from callvault.temporal.namespace import register_search_attributes

    registered = calls.with_client(config, register_search_attributes)
    typer.echo(f"The namespace is ready: {', '.join(registered) or 'nothing was missing'}.")


def config(config: ConfigFile = None) -> None:
    """Print the effective settings as JSON; secrets show as their references."""
    typer.echo(json.dumps(load_settings(config).masked(), indent=2))
