"""Are changed decisions noticed? `python -m bench.simulation --mutants` tries all of them."""

import pytest

from bench.simulation.changed_lines import MUTANTS, Mutant
from bench.simulation.mutants import find

QUICKLY_NOTICED = [
    next(each for each in MUTANTS if each.module == module and line in each.old)
    for module, line in (
        ("workflows.call.request_records", "_is_overtaken"),
        ("workflows.recording", "_settled_or_due"),
        ("workflows.call.consent_gate", "timeout is not None"),
    )
]
"""Noticed within the first few lives: others take hundreds."""


def test_there_are_enough_mutants() -> None:
    assert len(MUTANTS) >= 20


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: f"{each.module}: {each.old}")
def test_the_line_that_a_mutant_changes_is_still_there(mutant: Mutant) -> None:
    compile(mutant.source, mutant.path, "exec")


@pytest.mark.slow("lives in a process of their own")
@pytest.mark.parametrize("mutant", QUICKLY_NOTICED, ids=lambda each: each.module)
def test_a_changed_decision_is_noticed(mutant: Mutant) -> None:
    assert find(mutant, 50)
