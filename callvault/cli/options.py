"""Arguments and options that several commands have in common."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from callvault.config.types import Duration

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="TOML file; otherwise the one that CALLVAULT_CONFIG names."),
]

CallId = Annotated[
    str, typer.Argument(help="A workflow id (recording-…) or a serverCallId.", show_default=False)
]

Reason = Annotated[str, typer.Option(help="Why, for the evidence.")]

RequestId = Annotated[
    str | None, typer.Option(help="Your id of the request; the same id again changes nothing.")
]

_DURATION = TypeAdapter[timedelta](Duration)


def duration(text: str) -> timedelta:
    """Parser of an option that is a time span, spelt as in the settings."""
    try:
        return _DURATION.validate_python(text)
    except ValidationError as error:
        raise typer.BadParameter(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
