"""Arguments and options that several commands have in common."""

import difflib
import getpass
import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import TypeAdapter, ValidationError

from callvault.config.types import Duration
from callvault.contracts.base import MAX_TEXT

_DURATION = TypeAdapter[timedelta](Duration)

Word = TypeVar("Word", bound=str)


def duration(text: str) -> timedelta:
    """Parse an option that is a time span, spelt as in the settings."""
    try:
        return _DURATION.validate_python(text)
    except ValidationError as error:
        problem = error.errors()[0]
        too_short = "it must be longer than nothing" if problem["type"] == "greater_than" else ""
        said = problem["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(too_short or said) from None


def one_of(words: Iterable[Word], what: str) -> Callable[[str], Word]:
    """Make the parser of an option that is one of these words.

    Another one is refused with those that are allowed, and the nearest of them.
    """
    allowed = {str(word): word for word in words}

    def parse(text: str) -> Word:
        if text in allowed:
            return allowed[text]
        spelt = {_plain(each): each for each in allowed}
        near = difflib.get_close_matches(_plain(text), spelt, n=1)
        hint = f" Did you mean {spelt[near[0]]}?" if near else ""
        raise typer.BadParameter(f"{text!r} is no {what}.{hint} Allowed: {', '.join(allowed)}")

    return parse


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")


def choice(words: Iterable[Word], what: str, *names: str, about: str) -> Any:
    """Declare an option that is one of these words: checked, completed and shown in the help."""
    allowed = [str(word) for word in words]
    return typer.Option(
        *names,
        parser=one_of(words, what),
        metavar="|".join(allowed),
        autocompletion=lambda: allowed,
        help=about,
    )


def os_user() -> str:
    """Return the name of whoever runs this process; its user id where the system knows no name."""
    try:
        return getpass.getuser()
    # In a container the process may run under any number.
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def person(name: str) -> str:
    """Return the name of who asks: as given, or that of the operating system's user."""
    if len(name) > MAX_TEXT:
        raise typer.BadParameter(f"a name has at most {MAX_TEXT} characters")
    return name.strip() or os_user()


ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="TOML file; otherwise the one that CALLVAULT_CONFIG names."),
]

CallId = Annotated[
    str,
    typer.Argument(
        help="A workflow id (recording-…), serverCallId, recordingId or callId.", show_default=False
    ),
]

Resource = Annotated[str, typer.Option(help="The ACS resource, as configured.")]

By = Annotated[
    str,
    typer.Option(
        "--by",
        callback=person,
        help="Who asks; by default the operating system's user.",
        show_default=False,
    ),
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

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
