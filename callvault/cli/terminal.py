"""Output for the terminal, in which no foreign text is markup or moves the cursor.

Commands print through `say` and `say_json`, or give Rich what `line` and `InertTable` make: Rich
reads a plain string as its own markup.
"""

from typing import Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from callvault.contracts.printable import printable, printable_json


def say(text: str, *, err: bool = False) -> None:
    """Print a text on one line."""
    typer.echo(printable(text), err=err)


def say_json(document: str) -> None:
    """Print a JSON document."""
    typer.echo(printable_json(document))


def line(*parts: str | tuple[str, str]) -> Text:
    """Make a line of texts, each plain or with a style."""
    plain = ((part, "") if isinstance(part, str) else part for part in parts)
    return Text.assemble(*((printable(text), style) for text, style in plain))


class InertTable(Table):
    """A table whose cells show any text as it is."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row; a string is text, never markup."""
        super().add_row(*(line(c) if isinstance(c, str) else c for c in cells), **options)
