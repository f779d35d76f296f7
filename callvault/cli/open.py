"""The command `callvault recordings open`."""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer

from callvault.cli.options import By, ConfigFile, Json, Reason, duration, os_user
from callvault.cli.terminal import say_json


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day: write it as 2026-03-02") from None


def open_(
    recording: Annotated[
        str,
        typer.Argument(
            help="A recordingId, callId, serverCallId, workflow id, or the recording's folder in"
            " the archive, or one file in it.",
            show_default=False,
        ),
    ],
    chunk: Annotated[
        int | None, typer.Option(min=0, help="Only this file, counted from 0; all by default.")
    ] = None,
    recorded_on: Annotated[
        date | None,
        typer.Option(
            parser=_day,
            metavar="DAY",
            help="The day it was recorded, in UTC: spares a search through whole archives.",
        ),
    ] = None,
    lifetime: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="How long links last, as 10m; at most gateway.media.link_lifetime.",
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Write the files into this directory, instead of telling where they can be read.",
        ),
    ] = None,
    reason: Reason = "",
    by: By = "",
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Open a recording: prints a link to each file, which ends by itself, or a directory's path.

    The archive's access log has it before anything is printed.
    """
    from callvault.cli.actions.open import Asked, open_recording, show
    from callvault.config.settings import load_settings

    asked = Asked(recording, chunk, recorded_on, reason, by, os_user(), lifetime, save)
    given = open_recording(load_settings(config), config, asked)
    if as_json:
        say_json(given.model_dump_json(indent=2))
    else:
        show(given, are_links=save is None)
