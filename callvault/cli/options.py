"""Arguments and options that several commands have in common."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from callvault.config.types import Duration

_DURATION = TypeAdapter[timedelta](Duration)


def duration(text: str) -> timedelta:
    """Parse an option that is a time span, spelt as in the settings."""
    try:
        return _DURATION.validate_python(text)
    except ValidationError as error:
        raise typer.BadParameter(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="TOML file; otherwise the one that CALLVAULT_CONFIG names."),
]

CallId = Annotated[
    str, typer.Argument(help="A workflow id (recording-…) or a serverCallId.", show_default=False)
]

Reason = Annotated[str, typer.Option(help="Why, for the evidence.")]

RequestId = Annotated[
    str | None, typer.Option(help="Your id of the request; the same request again changes nothing.")
]

JsonReport = Annotated[bool, typer.Option("--json", help="The whole report as JSON.")]

Every = Annotated[
    timedelta | None,
    typer.Option(
        "--every",
        parser=duration,
        metavar="DURATION",
        help="Not now, but at this interval, as 15m: sets a Temporal Schedule for the workers.",
    ),
]

RemoveSchedule = Annotated[
    bool, typer.Option("--remove", help="Remove the Schedule that --every has set.")
]

DeadLetterNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Configured names of dead letters; all without any."),
]

QueueNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Configured names of queues; all without any."),
]
