"""Does `make mutants` notice a changed decision, and say so where no test does?"""

import ast
from pathlib import Path

import pytest

from bench.mutants.__main__ import judged
from bench.mutants.changes import ROOT, Change, Mutant, changes
from bench.mutants.forks import CAUGHT, UNNOTICED
from bench.mutants.modules import MODULES
from bench.mutants.run import Verdict, drawn, verdict, verdicts
from tests.patience import PROCESS

ROWS = {
    "i1": (
        "callvault/ingest/router.py",
        "return archived >= {(chunk.document_id, chunk.index) for chunk in files.chunks}",
        "return bool(archived & {(chunk.document_id, chunk.index) for chunk in files.chunks})",
    ),
    "i2": (
        "activities/heartbeat.py",
        "since: datetime = getattr(before, field) or info.started_time",
        "since: datetime = getattr(before, field) or info.scheduled_time",
    ),
    "i4": (
        "workflows/activity_options.py",
        "retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=5)),",
        "retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=5), maximum_attempts=10),",
    ),
    "i5": ("workflows/call/lifecycle.py", "recording.sealed = None", "pass"),
    "i6": (
        "callvault/archive/manifests/numbered.py",
        "previous = self.reference(number, taken)",
        "pass",
    ),
    "i7": (
        "callvault/archive/manifests/documents.py",
        'return canonical_tree({name: tree[name] for name in tree if name != "signature"})',
        'return canonical_tree({n: tree[n] for n in tree if n not in ("signature", "previous")})',
    ),
}
"""Changed decisions that no test noticed once: file, line, and what stands there instead."""

GUARDS = {
    "i1": "two_facts.py::test_i1_a_late_event_is_dropped_only_if_all_its_files_are_archived",
    "i2": "two_facts.py::test_i2_one_denial_after_a_long_outage_is_the_first_one",
    "i4": "retries.py::test_i4_only_a_quick_attempt_is_given_up_after_a_number_of_attempts",
    "i5": "two_facts.py::test_i5_a_withdrawal_unseals_an_earlier_recording_too",
    "i6": "known_answers.py::test_i6_who_loses_a_race_follows_the_link_that_won_it",
    "i7": "known_answers.py"
    "::test_i7_the_signature_of_a_manifest_and_of_its_link_covers_every_documented_byte",
}
"""The test that is to notice each of them by itself."""


def row(name: str) -> Mutant:
    path, old, new = ROWS[name]
    source = (ROOT / path).read_text(encoding="utf-8")
    assert source.count(old) >= 1, f"{path} has the line no longer: {old}"
    return Mutant(path, 0, old, new, source.replace(old, new))


@pytest.mark.slow("runs tests in a process of its own")
@pytest.mark.parametrize("name", ROWS)
def test_a_decision_that_no_test_noticed_once_is_noticed(name: str) -> None:
    found = verdict(row(name), PROCESS, [f"guards/test_{GUARDS[name]}"])
    assert found.status == CAUGHT


@pytest.mark.slow("runs tests in a process of its own")
def test_a_change_that_changes_nothing_survives() -> None:
    path = "callvault/ingest/router.py"
    same = Mutant(path, 1, "a", "a", (ROOT / path).read_text(encoding="utf-8"))
    assert verdict(same, PROCESS, ["guards/test_two_facts.py"]).status == UNNOTICED


def test_a_survivor_is_told_and_fails_unless_the_page_explains_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    survivor = Mutant("workflows/call/silence.py", 7, "a < b", "a <= b", "")
    caught = Verdict(Mutant("workflows/call/silence.py", 8, "x", "y", ""), CAUGHT, 1.0)
    told = [Verdict(survivor, UNNOTICED, 1.0), *[caught] * 99]
    assert judged(told, "") == 1
    assert f"NOT EXPLAINED: {survivor} (line 7)" in capsys.readouterr().out
    assert judged(told, f"- `{survivor}` is the same.") == 0
    assert "100.0%" in capsys.readouterr().out
    assert judged([caught], "") == 0
    assert judged([], "") == 0


def test_changes_are_drawn_by_their_seed_alone() -> None:
    few = ["workflows/call/refusals.py", "workflows/call/commands.py"]
    assert drawn(5, 1, few) == drawn(5, 1, reversed(few))
    assert drawn(5, 1, few) != drawn(5, 2, few)
    assert len(drawn(10_000, 1, few)) == sum(len(changes(path)) for path in few)


def test_each_change_is_another_one_and_can_be_run() -> None:
    text = (
        "def f(a, b):\n"
        "    if a < b and not a:\n"
        "        g()\n"
        "    a.is_new = True\n"
        "    log.info('done')\n"
        "    return min(a, b) if a is b else a - b + 7\n"
        "LIMIT = 1 + 1\n"
    )
    made = [change.mutant(text) for change in changes("x.py", text)]
    for mutant in made:
        ast.parse(mutant.source)
    assert len({mutant.source for mutant in made} | {ast.unparse(ast.parse(text))}) == len(made) + 1
    new = {mutant.new for mutant in made}
    assert new >= {"a <= b", "a >= b", "not not a", "None", "a + b", "8"}
    assert {mutant.old for mutant in made}.isdisjoint({"log.info('done')", "1 + 1", "1", "True"})


@pytest.mark.slow("runs the tests of a module in a process of its own")
def test_a_drawn_change_is_tried_in_a_fork_of_its_own() -> None:
    [denied] = drawn_of("callvault/header_values.py", "if False:")
    [verdict] = verdicts([denied], 1, 100)
    assert verdict.status == CAUGHT
    assert verdict.mutant == denied.mutant()


def drawn_of(path: str, new: str) -> list[Change]:
    return [change for change in changes(path) if change.mutant().new == new][:1]


def test_every_deciding_module_and_each_of_its_tests_is_there() -> None:
    tests = {name for names in MODULES.values() for name in names}
    paths = [ROOT / path for path in MODULES] + [ROOT / "tests" / name for name in tests]
    assert not [str(path) for path in paths if not Path(path).is_file()]
