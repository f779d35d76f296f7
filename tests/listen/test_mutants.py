"""Every comparison, condition and clock has its mutant, and a role can be one."""

import ast
import subprocess
import sys

import pytest

from bench.listen.hunt import _arguments, chosen
from bench.listen.mutants import ACCOUNT, mutants, named

SOURCE = """
def silent(sent_at, received_at, span, at):
    if span.since <= at < span.until and sent_at is not None:
        return max(sent_at, received_at) + span.length
    return not span
"""
SOURCE_IF = "span.since <= at < span.until and sent_at is not None"


def test_each_decision_is_changed_once() -> None:
    changes = [each.change for each in mutants("some/file.py", SOURCE)]

    assert sorted(changes) == sorted(
        [
            "span.since <= at < span.until  ->  span.since > at < span.until",
            "span.since <= at < span.until  ->  span.since <= at >= span.until",
            "sent_at is not None  ->  sent_at is None",
            SOURCE_IF + "  ->  " + SOURCE_IF.replace(" and ", " or "),
            "max(sent_at, received_at) + span.length  ->  max(sent_at, received_at) - span.length",
            "span.since  ->  span.until",
            "sent_at  ->  received_at",
            "sent_at  ->  received_at",
            "received_at  ->  sent_at",
            "max  ->  min",
        ]
    )


def test_a_mutant_differs_in_one_place() -> None:
    original = ast.unparse(ast.parse(SOURCE)).splitlines()
    for mutant in mutants("some/file.py", SOURCE):
        changed = mutant.source.splitlines()
        assert sum(a != b for a, b in zip(original, changed, strict=True)) == 1


def test_every_file_of_the_account_has_mutants_and_each_of_them_can_be_named() -> None:
    for path in ACCOUNT:
        found = mutants(path)
        assert found, path
        assert named(found[-1].name) == found[-1]
        assert [each.number for each in found] == list(range(len(found)))


def test_the_clock_of_a_proof_is_among_what_is_changed() -> None:
    changes = [each.change for each in mutants("activities/readings.py")]
    assert "server_time.latest  ->  server_time.now" in changes


def test_shares_of_a_hunt_are_all_of_it_and_a_count_draws_by_the_seed() -> None:
    whole = chosen(_arguments([]))
    parts = [chosen(_arguments(["--share", f"{n}/4"])) for n in (1, 2, 3, 4)]
    assert sorted(each.name for part in parts for each in part) == sorted(m.name for m in whole)
    few = chosen(_arguments(["--count", "5", "--seed", "3"]))
    assert few == chosen(_arguments(["--count", "5", "--seed", "3"]))
    assert len(few) == 5
    assert chosen(_arguments(["--only", few[0].name])) == few[:1]


@pytest.mark.slow("starts a role")
def test_a_role_can_be_a_mutant() -> None:
    name = "workflows/call/deadlines.py:0"
    done = subprocess.run(
        [sys.executable, "-m", "bench.listen.mutants", name, "worker", "--help"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "worker" in done.stdout
