"""No regular expression looks back over foreign text: faults B5 and B6.

Each expression of the source is timed over texts made of its own pieces, at a length and at twice
that. What is linear takes twice as long; what backtracks takes four times as long, or eight.
"""

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import activities
import callvault
import workers
import workflows
from callvault.contracts.events import parse_subject
from callvault.contracts.json_text import check_depth
from callvault.telemetry.redaction import redact

LONGEST = 1 << 15
"""Longest text that is tried, in characters: half of the longest head of a request."""

NOTICEABLE = 0.01
"""Seconds from which a time says something about growth."""

MAX_RATIO = 3.0
"""Between linear (2) and quadratic (4)."""


def _modules() -> Iterator[Any]:
    for package in (callvault, workflows, activities, workers):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


class Expression(NamedTuple):
    """An expression of the source, and the methods that it is used with."""

    pattern: re.Pattern[Any]
    methods: frozenset[str]

    def seconds(self, text: str) -> float:
        """Return the time for a text, the best of three."""
        subject = text.encode() if isinstance(self.pattern.pattern, bytes) else text
        best = float("inf")
        for _ in range(3):
            # Of this thread alone: others must not make an expression look slow.
            began = time.thread_time()
            if self.methods & _SEARCHING:
                self.pattern.sub(subject[:0], subject)
            self.pattern.fullmatch(subject)
            best = min(best, time.thread_time() - began)
        return best


_SEARCHING = frozenset({"sub", "subn", "search", "findall", "finditer", "split"})
_METHODS = _SEARCHING | {"match", "fullmatch"}


def _calls(tree: ast.AST) -> Iterator[tuple[str, str, Any]]:
    """Yield calls of the methods of expressions: on what, which, and the first argument."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.attr in _METHODS
            and node.args
        ):
            yield node.func.value.id, node.func.attr, getattr(node.args[0], "value", None)


def _expressions_of(module: Any) -> Iterator[Expression]:
    calls = list(_calls(ast.parse(Path(module.__file__).read_text())))
    for on, method, written in calls:
        if on == "re" and isinstance(written, str):
            yield Expression(re.compile(written), frozenset({method}))
    for name, value in vars(module).items():
        methods = {method for on, method, _ in calls if on == name}
        for pattern in _patterns_in(value):
            # One in a table is used under another name: any use in its module may be its own.
            used = methods or {method for on, method, _ in calls if on != "re"}
            yield Expression(pattern, frozenset(used))


def _patterns_in(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    if isinstance(value, tuple | list):
        for inner in value:
            yield from _patterns_in(inner)


def _expressions() -> dict[str, Expression]:
    found: dict[str, Expression] = {}
    for module in _modules():
        for number, expression in enumerate(_expressions_of(module)):
            found[f"{module.__name__}-{number}"] = expression
    return found


EXPRESSIONS = _expressions()


def _attacks(pattern: str) -> list[tuple[str, str]]:
    """Return beginnings, and what to repeat after them, out of the pieces of a pattern."""
    plain = re.sub(r"\(\?P<\w+>|\(\?<?[:=!i]|\\[a-zA-Z]", " ", pattern)
    pieces = [*re.findall(r"[A-Za-z0-9/:=._@-]{2,}", plain), *re.findall(r"[^\w\s]", plain)]
    repeated = dict.fromkeys(
        [*pieces, *(f"{piece}x" for piece in pieces), "a", " ", "1", ".", "\\"]
    )
    return [(begin, again) for again in repeated for begin in dict.fromkeys(["", *pieces[:1]])]


def _text(begin: str, again: str, length: int) -> str:
    return begin + again * (length // len(again)) + "\n\0"


def _measured_again(expression: Expression, begin: str, again: str, length: int) -> float:
    half, whole = (expression.seconds(_text(begin, again, each)) for each in (length // 2, length))
    return whole / (half or 1e-9)


@pytest.mark.parametrize("name", sorted(EXPRESSIONS))
def test_b5_b6_no_expression_takes_more_than_twice_as_long_for_twice_as_much(name: str) -> None:
    expression = EXPRESSIONS[name]
    written = expression.pattern.pattern
    for begin, again in _attacks(written.decode() if isinstance(written, bytes) else written):
        length, before = 512, 0.0
        while length <= LONGEST:
            took = expression.seconds(_text(begin, again, length))
            if took > NOTICEABLE:
                ratio = min(
                    took / (before or 1e-9), _measured_again(expression, begin, again, length)
                )
                assert ratio < MAX_RATIO, f"{again!r} after {begin!r}, {length} characters"
                break
            length, before = 2 * length, took


def test_the_expressions_are_found() -> None:
    modules = {name.partition("-")[0] for name in EXPRESSIONS}
    assert {"callvault.telemetry.redaction", "callvault.acs.content"} <= modules
    assert len(EXPRESSIONS) > 20


_OF_BEFORE = (
    r"\?[^\s'\"<>]*=[^\s'\"<>]*",
    r"^/?recording/call/(?P<call>.+?)(?:/serverCallId/(?P<server_call>.+?))?(?:/recordingId/(?P<r>.+))?$",
)


@pytest.mark.parametrize("pattern", _OF_BEFORE)
def test_the_expressions_of_before_would_be_seen(
    pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXPRESSIONS, "tried", Expression(re.compile(pattern), frozenset({"sub"})))
    with pytest.raises(AssertionError, match="after"):
        test_b5_b6_no_expression_takes_more_than_twice_as_long_for_twice_as_much("tried")


@pytest.mark.parametrize(
    ("call", "begin", "again"),
    [
        (redact, "/x", "?"),
        (redact, "/x?a=", "?="),
        (redact, "", "://a:b"),
        (redact, "bearer", " "),
        (parse_subject, "/recording/call/", "/serverCallId/x"),
        (parse_subject, "/recording/call/", "/serverCallId/x/recordingId/\n"),
        (lambda text: check_depth(text.encode()), '"', "\\["),
    ],
)
def test_b5_b6_what_was_slow_is_read_at_once(call: Any, begin: str, again: str) -> None:
    """60,000 question marks took 8 s, a subject of 8 KB nearly 4 s."""
    began = time.perf_counter()
    call(begin + again * (200_000 // len(again)))
    assert time.perf_counter() - began < 2
