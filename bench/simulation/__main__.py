"""Random lives of the real workflow, without a server: a promise may break.

`python -m bench.simulation --scenarios 100000` plays so many lives, each from a number of its own;
`invariants.py` and `ending.py` have the promises. A life in which one breaks is named by its
number, with its shortest story; `--first N --scenarios 1` plays it again. `--mutants` changes one
decision of the workflow after the other, and looks whether the lives notice; `--account` does so
with every comparison, condition and clock of the account of silence.
"""

import argparse
import logging
import sys
import time
from collections import Counter

from bench.simulation import mutants
from bench.simulation.changed_lines import MUTANTS
from bench.simulation.faults import DEFAULT, Fault
from bench.simulation.play import Problem, find_on_all_processors, shrink

_SCENARIOS = 100_000
_MAX_STORIES = 20
"""Kinds of broken promises that are told: each costs hundreds of lives."""

_MAX_NAMED = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, help="100000, or 2000 for a mutant")
    parser.add_argument("--first", type=int, default=0, help="the first scenario's number")
    parser.add_argument("--faults", default=",".join(sorted(DEFAULT)), help="comma-separated")
    parser.add_argument("--mutants", action="store_true", help="change decisions, and be noticed")
    parser.add_argument("--account", action="store_true", help="those of the account of silence")
    given = parser.parse_args()
    if given.mutants or given.account:
        changed = mutants.of_the_account() if given.account else MUTANTS
        sys.exit(not mutants.are_found(changed, given.scenarios or mutants.MAX_SCENARIOS))
    faults = frozenset(Fault(name) for name in given.faults.split(",") if name)
    began = time.monotonic()
    scenarios = given.scenarios or _SCENARIOS
    problems = find_on_all_processors(given.first, scenarios, faults)
    rate = scenarios / (time.monotonic() - began)
    print(f"{scenarios} lives, {rate:.0f}/s: {len(problems)} broke a promise")
    _tell(problems, faults)
    sys.exit(bool(problems))


def _tell(problems: list[Problem], faults: frozenset[Fault]) -> None:
    """Print each kind of problem with the shortest story of its first life."""
    logging.disable(logging.CRITICAL)
    kinds = Counter(problem.what for problem in problems)
    for kind, count in kinds.most_common(_MAX_STORIES):
        seeds = [problem.seed for problem in problems if problem.what == kind]
        names = ",".join(sorted(faults))
        print(f"\n{count} x {kind}, in scenarios {seeds[:_MAX_NAMED]}; again:")
        print(f"  python -m bench.simulation --first {seeds[0]} --scenarios 1 --faults {names}")
        for line in shrink(seeds[0], faults)[1]:
            print(f"  {line}")


if __name__ == "__main__":
    main()
