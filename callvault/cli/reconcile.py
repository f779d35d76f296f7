"""`callvault reconcile`: compare the recorded calls with the archives."""

from datetime import timedelta
from typing import Annotated

import typer

from callvault.cli.options import ConfigFile, Every, JsonReport, RemoveSchedule, duration
from callvault.cli.terminal import say_done, say_json
from callvault.contracts.reconciliation import ReconcileInput
from callvault.errors import NotDone

_A_DAY = timedelta(hours=24)

_NOTHING_SEEN = (
    "no call was seen in this period, so nothing was compared: look whether TEMPORAL_NAMESPACE and"
    " the archives are the right ones, or say that there may be none (--may-be-empty)"
)


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
    may_be_empty: Annotated[
        bool, typer.Option("--may-be-empty", help="A period in which no call was seen passes.")
    ] = False,
    as_json: JsonReport = False,
    every: Every = None,
    remove: RemoveSchedule = False,
    config: ConfigFile = None,
) -> None:
    """Join calls seen, recordings and archives; name everything that is not complete.

    Exit status 1 where less is complete than the target, or anything is missing, or no call was
    seen at all, or an archive or the workers of open calls did not answer.
    """
    from callvault.cli.actions import reconcile as reconciliation

    if remove:
        say_done(reconciliation.unschedule(config), as_json=as_json)
        return
    looking_back = since or (2 * every if every else _A_DAY)
    input = ReconcileInput(since=looking_back, target=target, deep=deep)
    if every:
        say_done(reconciliation.schedule(config, input, every), as_json=as_json)
        return
    report = reconciliation.look(config, input)
    if as_json:
        say_json(report.model_dump_json(indent=2))
    else:
        reconciliation.show(report)
    if not report.calls_seen and not may_be_empty:
        raise NotDone(_NOTHING_SEEN)
    if not report.is_met:
        raise typer.Exit(1)
