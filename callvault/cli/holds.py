"""Commands on legal holds: place one, release it, list them."""

from typing import Annotated

import typer

from callvault.cli.options import By, ConfigFile, Json, JsonReport
from callvault.cli.terminal import say, say_json

app = typer.Typer(
    help="Legal holds: recordings that nothing erases until the hold is released.",
    no_args_is_help=True,
)

Archives = Annotated[
    list[str] | None,
    typer.Option("--archive", help="An archive's configured name; repeatable. All without any."),
]

HoldReason = Annotated[str, typer.Option("--reason", help="Why; a hold needs a reason.")]


@app.command()
def place(
    reason: HoldReason,
    call: Annotated[
        str | None,
        typer.Option(help="The serverCallId: all recordings of this call, also those to come."),
    ] = None,
    recording: Annotated[
        str | None, typer.Option(help="The recordingId: this recording alone.")
    ] = None,
    by: By = "",
    archive: Archives = None,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Place a legal hold, during the call or at any time after it, in every archive.

    The same hold again changes nothing.
    """
    from callvault.cli.actions.holds import as_document, place
    from callvault.config.settings import load_settings
    from callvault.legal_holds import read_target

    wanted = read_target(call, recording)
    records = place(load_settings(config), archive or [], wanted, by, reason)
    if as_json:
        say_json(as_document(records))
    else:
        for record in records:
            say(f"Hold {record.id} is placed in archive {record.archive}.")


@app.command()
def release(
    hold: Annotated[str, typer.Argument(help="The hold's id, as `callvault holds list` tells it.")],
    reason: HoldReason,
    by: By = "",
    archive: Archives = None,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Release a legal hold for good, in every archive that has it."""
    from callvault.cli.actions.holds import as_document, release
    from callvault.config.settings import load_settings

    records = release(load_settings(config), archive or [], hold, by, reason)
    if as_json:
        say_json(as_document(records))
    else:
        for record in records:
            say(f"Hold {record.id} is released in archive {record.archive}.")


@app.command("list")
def list_holds(
    archive: Archives = None,
    released: Annotated[bool, typer.Option("--released", help="The released ones, too.")] = False,
    as_json: JsonReport = False,
    config: ConfigFile = None,
) -> None:
    """List the legal holds of the archives."""
    from callvault.cli.actions.holds import listed, listed_document, show
    from callvault.config.settings import load_settings

    found = listed(load_settings(config), archive or [], released=released)
    if as_json:
        say_json(listed_document(found))
    else:
        show(found)
