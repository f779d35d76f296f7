"""`callvault sweep`: deliver what was given up, now or every so often."""

from datetime import timedelta
from typing import Annotated

import typer

from callvault.cli.options import ConfigFile, duration
from callvault.errors import InvalidRequest


def sweep(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Configured names of dead letters; all without any."),
    ] = None,
    quarantine: Annotated[
        bool,
        typer.Option("--quarantine", help="Sweep the gateway's quarantine directory instead."),
    ] = False,
    every: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="Have the workers do it so often, as 15m: sets a Temporal Schedule.",
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove that Schedule.")] = False,
    config: ConfigFile = None,
) -> None:
    """Deliver the events of dead-letter containers, and mark the blobs that are delivered.

    Safe to repeat, and for several at the same time. Exit status 1 where an event is not
    understood, or a blob cannot be read or marked: it stays, and the next sweep tries it again.
    Also where a place could not be swept to its end.
    """
    from callvault.cli.actions import recordings as calls
    from callvault.cli.actions import sweep as sweeps
    from callvault.config.settings import load_settings

    settings = load_settings(config)
    if (every or remove) and quarantine:
        raise InvalidRequest(
            "the quarantine is a directory of the gateway's machine: sweep it there, without a"
            " Schedule"
        )
    if remove:
        typer.echo(calls.with_client(config, sweeps.remove_schedule))
    elif every is not None:
        order = sweeps.order(settings, names or [])
        typer.echo(calls.with_client(config, lambda client: sweeps.schedule(client, order, every)))
    else:
        places = sweeps.places(settings, names or [], quarantine=quarantine)
        reports = calls.with_client(
            config, lambda client: sweeps.sweep_all(settings, client, places)
        )
        for report in reports:
            typer.echo(sweeps.describe(report))
        raise typer.Exit(int(not all(map(sweeps.leaves_nothing, reports))))
