"""`callvault events deliver`: bring events in by hand."""

from pathlib import Path
from typing import Annotated

import typer

from callvault.cli.options import ConfigFile

app = typer.Typer(help="Look after events of Event Grid.", no_args_is_help=True)


@app.callback()
def _events() -> None:
    """Look after events of Event Grid."""


@app.command()
def deliver(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Events in either schema: one, an array, one in each line, a dead-letter blob, a"
            " quarantined file, a queue's message. - for standard input.",
        ),
    ],
    config: ConfigFile = None,
) -> None:
    """Deliver events, and say of each what became of it. Safe to repeat.

    Exit status 1 where one was not delivered, though somebody might need it.
    """
    from callvault.cli.actions import recordings as calls
    from callvault.cli.actions.deliver import deliver_all
    from callvault.config.settings import load_settings

    settings = load_settings(config)
    told = calls.with_client(
        config, lambda client: deliver_all(settings, client, files, typer.echo)
    )
    raise typer.Exit(0 if told else 1)
