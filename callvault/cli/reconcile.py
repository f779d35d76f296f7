"""`callvault reconcile`: say whether every recorded call lies in the archive."""

from datetime import timedelta
from typing import Annotated

import typer

from callvault.cli.options import ConfigFile, duration
from callvault.contracts.reconciliation import ReconcileOrder

_A_DAY = timedelta(hours=24)


def reconcile(
    since: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="How far back to look, as 24h or 90d. By default 24h; with --every twice that, so"
            " that a run left out leaves no hole.",
        ),
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(
            min=0, max=100, help="Least percentage that must be complete; by default the setting's."
        ),
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every file again and compare its SHA-256.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON.")] = False,
    every: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="Do not look now, but let Temporal do it this often, with an alarm.",
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="End what --every began.")] = False,
    config: ConfigFile = None,
) -> None:
    """Join calls seen, recordings and archives; name everything that is not complete.

    Exit status 1 where less is complete than the target, or anything is missing.
    """
    from callvault.cli.actions import reconcile as reconciled

    if remove:
        typer.echo(reconciled.unschedule(config))
        return
    looking_back = since or (2 * every if every else _A_DAY)
    order = ReconcileOrder(since=looking_back, target=target, deep=deep)
    if every:
        typer.echo(reconciled.schedule(config, order, every))
        return
    report = reconciled.look(config, order)
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
    else:
        reconciled.show(report)
    if not report.is_met:
        raise typer.Exit(1)
