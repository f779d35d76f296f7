"""Commands that are one process of a deployment, or prepare one."""

import asyncio
import json
from typing import Annotated

import typer

from callvault.cli.options import ConfigFile
from callvault.cli.terminal import say, say_json
from callvault.config.settings import load_settings
from callvault.config.startup import check_at_start
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

    settings = load_settings(config)
    check_at_start(settings)
    asyncio.run(run(settings, only))


def gateway(config: ConfigFile = None) -> None:
    """Serve Event Grid's webhook and the control API until told to stop."""
    from callvault.gateway.server import serve

    settings = load_settings(config)
    check_at_start(settings)
    serve(settings)


def setup(config: ConfigFile = None) -> None:
    """Register Callvault's search attributes in the Temporal namespace. Safe to repeat."""
    from callvault.cli.actions import recordings as calls
    from callvault.temporal.namespace import register_search_attributes

    registered = calls.with_client(config, register_search_attributes)
    say(f"The namespace is ready: {', '.join(registered) or 'nothing was missing'}.")


def config(config: ConfigFile = None) -> None:
    """Print the effective settings as JSON; secrets show as their references."""
    say_json(json.dumps(load_settings(config).masked(), indent=2))
