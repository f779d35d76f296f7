"""Commands on erasures: plan one, run what was planned, list those of the archives."""

from typing import Annotated

import typer

from callvault.cli.holds import Archives
from callvault.cli.options import By, ConfigFile, Json, JsonReport
from callvault.cli.terminal import say_json

app = typer.Typer(
    help="Erase recordings: plan first, read the plan, then run it with its token.",
    no_args_is_help=True,
)

Participant = Annotated[
    str | None,
    typer.Option(help="All recordings of this person: the rawId, or its keyed hash."),
]
Recording = Annotated[str | None, typer.Option(help="The recordingId: this recording alone.")]
ChannelOnly = Annotated[
    bool,
    typer.Option(
        "--channel-only",
        help="Of unmixed recordings make the person's channel silent, and keep the rest.",
    ),
]
Token = Annotated[str, typer.Option("--plan", help="The token that the plan has printed.")]
ErasureReason = Annotated[str, typer.Option("--reason", help="Why, for the signed record.")]


@app.command()
def plan(
    participant: Participant = None,
    recording: Recording = None,
    channel_only: ChannelOnly = False,
    by: By = "",
    as_json: JsonReport = False,
    config: ConfigFile = None,
) -> None:
    """Tell what an erasure would delete, where, and what is held back and why; delete nothing."""
    from callvault.cli.actions.erasures import plan, show_plan, target

    planned = plan(config, target(config, participant, recording, channel_only=channel_only), by)
    if as_json:
        say_json(planned.model_dump_json(indent=2))
    else:
        show_plan(planned)


@app.command()
def run(
    token: Token,
    reason: ErasureReason,
    participant: Participant = None,
    recording: Recording = None,
    channel_only: ChannelOnly = False,
    by: By = "",
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Erase exactly what the plan with this token says, and wait until it is done.

    Interrupted, it goes on without this command; run again, it is waited for again.
    """
    from callvault.cli.actions.erasures import finish, order, run, target

    wanted = target(config, participant, recording, channel_only=channel_only)
    finish(run(config, order(wanted, token, by, reason)), as_json=as_json)


@app.command("list")
def list_erasures(
    archive: Archives = None, as_json: JsonReport = False, config: ConfigFile = None
) -> None:
    """List the erasures that the archives have records of, and their certificates."""
    from callvault.cli.actions.erasure_list import as_document, listed, show
    from callvault.config.settings import load_settings

    found = listed(load_settings(config), archive or [])
    if as_json:
        say_json(as_document(found))
    else:
        show(found)
