"""Output for the terminal, in which no foreign text is markup or moves the cursor.

Commands print through `say` and `say_json`, or give Rich what `line` and `InertTable` make: Rich
reads a plain string as its own markup.
"""

import codecs
import json
import sys
from collections.abc import Sequence
from typing import Any

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from callvault.contracts.printable import ascii_json, printable, printable_json

MAX_WIDTH = 10_000
"""Width in characters of what is no terminal."""


def say(text: str, *, err: bool = False) -> None:
    """Print a text on one line."""
    typer.echo(printable(text), err=err)


def say_fields(fields: Sequence[str]) -> None:
    """Print fields on one line with tabs between them; a tab within a field is escaped."""
    typer.echo("\t".join(map(printable, fields)))


def say_json(document: str) -> None:
    """Print a JSON document, in ASCII where standard output is not in UTF-8, as JSON must be."""
    text = printable_json(document)
    is_utf8 = codecs.lookup(sys.stdout.encoding).name == "utf-8"
    typer.echo(text if is_utf8 else ascii_json(text))


def say_done(sentence: str, *, as_json: bool) -> None:
    """Print what was done, in a sentence or as JSON."""
    if as_json:
        say_json(json.dumps({"done": sentence}))
    else:
        say(sentence)


def is_terminal() -> bool:
    """Tell if standard output is read by a person, and not by another program or a file."""
    return sys.stdout.isatty()


def console() -> Console:
    """Make a console that cuts and folds nothing in a pipe or a file, which have no width."""
    return Console() if is_terminal() else Console(width=MAX_WIDTH, highlight=False)


def line(*parts: str | tuple[str, str]) -> Text:
    """Make a line of texts, each plain or with a style."""
    plain = ((part, "") if isinstance(part, str) else part for part in parts)
    return Text.assemble(*((printable(text), style) for text, style in plain))


class InertTable(Table):
    """A table whose cells show any text as it is."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row; a string is text, never markup."""
        super().add_row(*(line(c) if isinstance(c, str) else c for c in cells), **options)
