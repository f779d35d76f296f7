"""Commands on retention: what is due, and its erasure, now or by a Schedule."""

from typing import Annotated

import typer

from callvault.cli.erasures import ErasureReason
from callvault.cli.options import By, ConfigFile, Every, Json, JsonReport, RemoveSchedule
from callvault.cli.terminal import say_done, say_json
from callvault.errors import InvalidRequest

app = typer.Typer(
    help="Recordings whose retention is over: what is due, and its erasure.",
    no_args_is_help=True,
)


@app.command()
def plan(by: By = "", as_json: JsonReport = False, config: ConfigFile = None) -> None:
    """Tell what is due, by the settings of each resource, and what is kept and why."""
    from callvault.cli.actions.erasures import plan, show_plan
    from callvault.contracts.erasures import ErasureTarget

    planned = plan(config, ErasureTarget(), by)
    if as_json:
        say_json(planned.model_dump_json(indent=2))
    else:
        show_plan(planned)


@app.command()
def apply(
    token: Annotated[
        str | None, typer.Option("--plan", help="The token that the plan has printed.")
    ] = None,
    reason: ErasureReason = "its retention is over",
    by: By = "",
    every: Every = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="With --every: only report what is due, in the result."),
    ] = False,
    remove: RemoveSchedule = False,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Erase what is due: what a plan has told, or regularly whatever is due then."""
    from callvault.cli.actions import erasures
    from callvault.contracts.erasures import ErasureTarget

    if [token is not None, every is not None, remove].count(True) != 1:
        raise InvalidRequest(
            "choose one: --plan TOKEN, as `callvault retention plan` has printed it, --every"
            " DURATION, or --remove"
        )
    if dry_run and every is None:
        raise InvalidRequest("--dry-run is for --every: `callvault retention plan` erases nothing")
    if every is not None:
        said = erasures.schedule(config, every, by, reason, dry_run=dry_run)
        say_done(said, as_json=as_json)
    elif remove:
        say_done(erasures.unschedule(config), as_json=as_json)
    else:
        order = erasures.order(ErasureTarget(), token or "", by, reason)
        erasures.finish(erasures.run(config, order), as_json=as_json)
