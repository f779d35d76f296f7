"""`callvault ingest`: roads for events that are processes of their own."""

from typing import Annotated

import typer

from callvault.cli.options import ConfigFile
from callvault.config.settings import load_settings

app = typer.Typer(help="Take in events by other roads than the webhook.", no_args_is_help=True)


@app.callback()
def _roads() -> None:
    """Take in events by other roads than the webhook."""


@app.command()
def queue(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Configured names of queues; all without any."),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Read Azure Storage Queues that Event Grid fills, until told to stop.

    Prints one line of JSON once it reads. A message is removed only when Temporal has its events.
    """
    from callvault.clients import own_containers
    from callvault.ingest.process import read_queues

    settings = load_settings(config)
    read_queues(settings, own_containers(settings), names or [])
