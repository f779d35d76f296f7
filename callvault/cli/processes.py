"""Commands that are one process of a deployment, or prepare one."""

import asyncio
import json
import signal
from collections.abc import Sequence
from types import FrameType
from typing import Annotated

import typer

from callvault.cli.options import ConfigFile, Json, choice
from callvault.cli.terminal import say, say_json
from callvault.config.archive_only import describe_archiving
from callvault.config.settings import load_settings
from callvault.config.startup import check_at_start
from workers.roles import Role


def worker(
    config: ConfigFile = None,
    only: Annotated[
        Role | None,
        choice(
            Role,
            "role",
            "--only",
            about="Decide and control, or export: two processes, so that copies never delay a"
            " pause.",
        ),
    ] = None,
) -> None:
    """Run the workflows and their activities until told to stop."""
    from workers.__main__ import run

    settings = load_settings(config)
    check_at_start(settings)
    asyncio.run(run(settings, only))


def gateway(config: ConfigFile = None) -> None:
    """Serve Event Grid's webhook and the control API until told to stop."""
    from callvault.gateway.server import serve

    settings = load_settings(config)
    check_at_start(settings)
    # uvicorn sends itself the signal again when all is done.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _end_well)
    serve(settings)


def _end_well(_signum: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def setup(
    make_archive: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Make this archive although another one is known by its name: repeatable. For an"
            " archive that was moved or lost for good.",
        ),
    ] = None,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Register search attributes in Temporal, make new archives and the quarantine's container.

    Safe to repeat. An archive that is known, and is not in its place, is an error: nothing is made
    there. The others are made all the same; exit status 1 where one is not ready.
    """
    from callvault.cli.actions import recordings as calls
    from callvault.cli.actions.setup import set_up

    settings = load_settings(config)
    made = calls.with_client(config, lambda client: set_up(client, settings, make_archive or []))
    if not as_json and (archiving := describe_archiving(settings)):
        say(archiving)
    _tell_of_setup(made.done, made.refused, as_json=as_json)
    if made.refused:
        raise typer.Exit(1)


def _tell_of_setup(done: Sequence[str], refused: Sequence[str], *, as_json: bool) -> None:
    what = ", ".join(done) or "nothing was missing"
    if as_json:
        say_json(json.dumps({"done": done, "refused": refused}, indent=2))
    elif refused:
        say(f"Done: {what}. Not ready:")
        for refusal in refused:
            say(f"  {refusal}")
    else:
        say(f"All is ready: {what}.")


def config(config: ConfigFile = None) -> None:
    """Print the effective settings as JSON; secrets show as their references."""
    say_json(json.dumps(load_settings(config).masked(), indent=2))
