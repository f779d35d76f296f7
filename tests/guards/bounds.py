"""Every bound and time-out of the product, found in the source by its name: none is missed."""

import ast
import importlib
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("bounds.txt")

NO_PROMISE = ("callvault/emulator/", "callvault/cli/", "callvault/local/")
"""What these wait for is no promise about a recording: a developer's tools, and what is printed."""

_NAMES = re.compile(
    r"^_?(MAX|MIN|FIRST)_"
    r"|_(TIMEOUT|INTERVAL|LIMIT|AFTER|AGE|RETRY|DELAY|WAIT|EXPIRY|LEEWAY)$"
    r"|^_?(INTERVAL|LEEWAY|MEMORY|TOLERANCE|MARGIN)$"
)


class Bound(NamedTuple):
    """A line of the table."""

    value: str
    reason: str


def in_source() -> Iterator[str]:
    """Yield ``module:NAME`` of every constant that is named like a bound."""
    for top in ("activities", "callvault", "workers", "workflows"):
        for file in sorted((ROOT / top).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            if not path.startswith(NO_PROMISE):
                module = path.removesuffix(".py").replace("/", ".")
                yield from (f"{module}:{name}" for name in _constants(file))


def _constants(file: Path) -> Iterator[str]:
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if _NAMES.search(name):
                    yield name
            case _:
                pass


def value(name: str) -> str:
    """Return a constant's value as the table has it: a time in seconds, all else as Python does."""
    module, _, constant = name.partition(":")
    found = getattr(importlib.import_module(module), constant)
    return f"{found.total_seconds():g} s" if isinstance(found, timedelta) else repr(found)


def table() -> dict[str, Bound]:
    """Read the table: name, value and reason of a bound in each line, between bars."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|", 2)] for line in lines]
    return {name: Bound(value, reason) for name, value, reason in rows}
