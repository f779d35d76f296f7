"""Commands on duties: what people must do about recordings, and what was done."""

import json
from typing import Annotated

import typer

from callvault.cli.options import ConfigFile, Json, JsonReport
from callvault.cli.terminal import say, say_json

app = typer.Typer(
    help="What people must do about recordings: delete what was marked, review what is in doubt.",
    invoke_without_command=True,
)


@app.callback()
def duties(
    context: typer.Context,
    archive: Annotated[
        list[str] | None,
        typer.Option(help="An archive's configured name; repeatable. All without any."),
    ] = None,
    as_json: JsonReport = False,
    config: ConfigFile = None,
) -> None:
    """List the open duties of recordings, as the manifests in the archives tell them."""
    if context.invoked_subcommand is not None:
        return
    from callvault.cli.actions.duties import as_document, listed, show, tell
    from callvault.config.settings import load_settings

    found = listed(load_settings(config), archive or [])
    if as_json:
        say_json(as_document(found.duties))
    else:
        show(found.duties)
    if not tell(found.problems):
        raise typer.Exit(1)


@app.command()
def done(
    manifest: Annotated[str, typer.Argument(help="The manifest's object name, as it is listed.")],
    archive: Annotated[str, typer.Option(help="The archive's configured name.")],
    duty: Annotated[list[str], typer.Option(help="The id of a duty; repeatable.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever verifies the archive.")],
    by: Annotated[str, typer.Option("--by", help="The person who did it, or decided it.")],
    erased: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OBJECT",
            help="The name of an object that was deleted from the archive; repeatable. Without any,"
            " everything was kept.",
        ),
    ] = None,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Record what was done about duties, signed and in the archive's chain.

    Nothing is deleted by this. `callvault verify` then accepts that the objects are gone.
    """
    from callvault.cli.actions.duties import record
    from callvault.config.settings import load_settings

    written = record(load_settings(config), archive, manifest, duty, erased or [], by, reason)
    if as_json:
        say_json(json.dumps({"record": written}))
    else:
        say(f"Recorded in {written}.")
