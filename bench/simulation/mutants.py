"""Mutants: one decision of the workflow changed at a time. The lives must notice each.

A mutant lives in a process of its own, which reads the changed line in place of the real one; no
file is written. Beside the lines of `changed_lines.py` there are those of `bench.listen.mutants`:
every comparison, condition and clock of the account of silence, which lives full of pauses try.
"""

import importlib
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from os import cpu_count

from bench.changed_module import replace_source
from bench.listen import mutants as account
from bench.simulation.changed_lines import MUTANTS, ROOT, Mutant

AnyMutant = Mutant | account.Mutant

MAX_SCENARIOS = 2_000
"""Lives within which a mutant is to be noticed."""


def of_the_account() -> list[account.Mutant]:
    """Return the mutants of the account of silence that a life can meet: those of the workflow."""
    paths = [path for path in account.ACCOUNT if path.startswith("workflows/")]
    return [mutant for path in paths for mutant in account.mutants(path)]


def are_found(mutants: Sequence[AnyMutant], scenarios: int = MAX_SCENARIOS) -> bool:
    """Let every mutant live until it is noticed; print how, and tell if all are."""
    unnoticed = 0
    with ThreadPoolExecutor(cpu_count()) as pool:
        told = pool.map(lambda mutant: find(mutant, scenarios), mutants)
        for mutant, what in zip(mutants, told, strict=True):
            unnoticed += not what
            print(f"{what or 'NOT NOTICED'}  <-  {mutant.name}  {mutant}", flush=True)
    print(f"{len(mutants) - unnoticed} of {len(mutants)} mutants are noticed")
    return not unnoticed


def find(mutant: AnyMutant, scenarios: int = MAX_SCENARIOS) -> str:
    """Let a mutant live in a process of its own; return what broke first, empty if nothing."""
    command = [sys.executable, "-m", "bench.simulation.mutants", mutant.name, str(scenarios)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def named(name: str) -> AnyMutant:
    """Return a mutant by its name."""
    return MUTANTS[int(name)] if name.isdecimal() else account.named(name)


def _live(mutant: AnyMutant, scenarios: int) -> None:
    if mutant.module in sys.modules:
        raise RuntimeError(f"{mutant.module} is imported before it is changed")
    replace_source(mutant.module, ROOT / mutant.path, mutant.source)
    # Only now: what is imported here is the changed workflow.
    play = importlib.import_module("bench.simulation.play")
    play.collect_rarely()
    seeds = play.silent() if isinstance(mutant, account.Mutant) else count()
    for seed in islice(seeds, scenarios):
        if problems := play.find(seed, 1):
            print(problems[0])
            return


if __name__ == "__main__":
    _live(named(sys.argv[1]), int(sys.argv[2]))
