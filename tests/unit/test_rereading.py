"""Is a secret that is replaced while a process runs read again by all that lives as long?"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LASTING = ("callvault/gateway", "callvault/ingest", "callvault/temporal", "workers", "activities")
"""The packages of processes that run on."""

READERS = {"participant_key", "participant_keys", "resolve"}


def read_once(node: ast.AST) -> Iterator[int]:
    """Yield the lines that read a secret at once, and not in a function that reads it again."""
    for below in ast.iter_child_nodes(node):
        called = below.func if isinstance(below, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr in READERS:
            yield called.lineno
        if not isinstance(below, ast.Lambda):
            yield from read_once(below)


def made_in(module: Path) -> Iterator[ast.FunctionDef]:
    for kind in ast.walk(ast.parse(module.read_text())):
        if isinstance(kind, ast.FunctionDef) and kind.name == "__init__":
            yield kind


def test_no_object_that_lives_long_keeps_a_secret_as_it_was_at_its_start() -> None:
    modules = [module for each in LASTING for module in sorted((ROOT / each).rglob("*.py"))]
    assert modules
    found = {
        f"{module.relative_to(ROOT)}:{line}"
        for module in modules
        for method in made_in(module)
        for line in read_once(method)
    }
    assert found == set()
