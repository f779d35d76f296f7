"""Mutants of the account of silence: one comparison, condition or clock changed at a time.

    python -m bench.listen.mutants workflows/call/silence.py:12 worker

Runs the role as `callvault` does, with the twelfth change of that file; no file is written. The
changes are found in the file's syntax, so that a new line of it has its mutants by itself.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.changed_module import replace_source

ROOT = Path(__file__).parents[2]

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_CLOCKS = {
    "sent_at": "received_at",
    "received_at": "sent_at",
    "since": "until",
    "min": "max",
    "max": "min",
    "latest": "now",
}
"""One time in place of another."""

ACCOUNT = (
    "workflows/call/silence.py",
    "workflows/call/intervals.py",
    "activities/readings.py",
)
"""The files that decide on a claim of silence: its rules, and the clocks of its proofs."""


@dataclass(frozen=True)
class Mutant:
    """A file with one change."""

    path: str
    number: int
    line: int
    change: str
    source: str

    @property
    def name(self) -> str:
        """Name it for the command."""
        return f"{self.path}:{self.number}"

    @property
    def module(self) -> str:
        """Return the name of the changed module."""
        return self.path.removesuffix(".py").replace("/", ".")

    def __str__(self) -> str:
        return f"{self.path} line {self.line}: {self.change}"


@cache
def mutants(path: str, text: str | None = None) -> tuple[Mutant, ...]:
    """Make every mutant of a file, in the order of its lines."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8") if text is None else text)
    return tuple(
        Mutant(path, number, line, change, ast.unparse(changed))
        for number, (line, change, changed) in enumerate(_changes(tree))
    )


def named(name: str) -> Mutant:
    """Return a mutant by the name that the command has."""
    path, _, number = name.rpartition(":")
    return mutants(path)[int(number)]


Change = Callable[[ast.AST], None]


def _changes(tree: ast.Module) -> Iterator[tuple[int, str, ast.Module]]:
    places = [node for node in ast.walk(tree) if isinstance(node, ast.expr)]
    for place, (node, known) in enumerate(zip(places, _known_at(tree, places), strict=True)):
        for change in _of(node, known):
            changed = deepcopy(tree)
            copied = [each for each in ast.walk(changed) if isinstance(each, ast.expr)][place]
            change(copied)
            yield node.lineno, f"{ast.unparse(node)}  ->  {ast.unparse(copied)}", changed


def _known_at(tree: ast.Module, places: list[ast.expr]) -> Iterator[set[str]]:
    """Yield the names of times that are known at each place, for others would be found at once."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for place in places:
        known = {"min", "max"}
        for function in functions:
            if function.lineno <= place.lineno <= (function.end_lineno or 0):
                known |= {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
        yield known


def _of(node: ast.expr, known: set[str]) -> Iterator[Change]:
    """Yield the changes that an expression can be given."""
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            yield _compared(index, _COMPARISONS[type(operator)])
    elif isinstance(node, ast.BoolOp):
        yield _joined(ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield _added(ast.Sub() if isinstance(node.op, ast.Add) else ast.Add())
    elif isinstance(node, ast.Name) and _CLOCKS.get(node.id) in known:
        yield _renamed("id", _CLOCKS[node.id])
    elif isinstance(node, ast.Attribute) and node.attr in _CLOCKS:
        yield _renamed("attr", _CLOCKS[node.attr])


def _compared(index: int, operator: type[ast.cmpop]) -> Change:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Compare)
        node.ops[index] = operator()

    return change


def _joined(operator: ast.boolop) -> Change:
    return lambda node: setattr(node, "op", operator)


def _added(operator: ast.operator) -> Change:
    return lambda node: setattr(node, "op", operator)


def _renamed(field: str, name: str) -> Change:
    return lambda node: setattr(node, field, name)


def main(name: str, *command: str) -> None:
    """Run the role with the changed module."""
    mutant = named(name)
    if mutant.module in sys.modules:
        raise RuntimeError(f"{mutant.module} is imported before it is changed")
    replace_source(mutant.module, ROOT / mutant.path, mutant.source)
    # Only now: what is imported here is the changed code.
    from callvault.cli import main as callvault

    sys.argv = ["callvault", *command]
    callvault.main()


if __name__ == "__main__":
    main(*sys.argv[1:])
