"""`callvault checkpoints`: publish where the chains of the archives end."""

from typing import Annotated

import typer

from callvault.cli.options import ConfigFile, Every, JsonReport, RemoveSchedule
from callvault.cli.terminal import say_done, say_json

app = typer.Typer(help="Publish where the chains of the archives end.", no_args_is_help=True)


@app.callback()
def _checkpoints() -> None:
    """Publish where the chains of the archives end."""


@app.command()
def publish(
    archives: Annotated[
        list[str] | None,
        typer.Argument(metavar="ARCHIVE", help="Configured names of archives; all without any."),
    ] = None,
    as_json: JsonReport = False,
    every: Every = None,
    remove: RemoveSchedule = False,
    config: ConfigFile = None,
) -> None:
    """Sign where each archive's chain ends, and publish it in every place of the configuration.

    Safe to repeat: a link that a place knows is not published there again. Exit status 1 where a
    checkpoint could not be published, or no place is configured.
    """
    from callvault.cli.actions import checkpoints
    from callvault.contracts.checkpoints import CheckpointInput

    if remove:
        say_done(checkpoints.unschedule(config), as_json=as_json)
        return
    input = CheckpointInput(archives=tuple(archives or ()))
    if every:
        say_done(checkpoints.schedule(config, input, every), as_json=as_json)
        return
    report = checkpoints.publish(config, input)
    if as_json:
        say_json(report.model_dump_json(indent=2))
    else:
        checkpoints.show(report)
    if report.problems:
        raise typer.Exit(1)
