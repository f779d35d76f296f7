"""Mutants: one decision of the workflow changed at a time. The lives must notice each.

A mutant lives in a process of its own, which reads the changed line in place of the real one; no
file is written.
"""

import importlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count

from bench.changed_module import replace_source
from bench.simulation.changed_lines import MUTANTS, ROOT, Mutant

MAX_SCENARIOS = 2_000
"""Lives within which a mutant is to be noticed."""

_BATCH = 10


def are_found(scenarios: int = MAX_SCENARIOS) -> bool:
    """Let every mutant live until it is noticed; print how, and tell if all are."""
    unnoticed = 0
    with ThreadPoolExecutor(cpu_count()) as pool:
        told = pool.map(lambda mutant: find(mutant, scenarios), MUTANTS)
        for mutant, what in zip(MUTANTS, told, strict=True):
            unnoticed += not what
            change = f"{mutant.path}: {mutant.old}  ->  {mutant.new}"
            print(f"{what or 'NOT NOTICED'}  <-  {change}", flush=True)
    print(f"{len(MUTANTS) - unnoticed} of {len(MUTANTS)} mutants are noticed")
    return not unnoticed


def find(mutant: Mutant, scenarios: int = MAX_SCENARIOS) -> str:
    """Let a mutant live in a process of its own; return what broke first, empty if nothing."""
    number = str(MUTANTS.index(mutant))
    command = [sys.executable, "-m", "bench.simulation.mutants", number, str(scenarios)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _live(mutant: Mutant, scenarios: int) -> None:
    if mutant.module in sys.modules:
        raise RuntimeError(f"{mutant.module} is imported before it is changed")
    replace_source(mutant.module, ROOT / mutant.path, mutant.source())
    # Only now: what is imported here is the changed workflow.
    play = importlib.import_module("bench.simulation.play")
    play.collect_rarely()
    for first in range(0, scenarios, _BATCH):
        if problems := play.find(first, min(_BATCH, scenarios - first)):
            print(problems[0])
            return


if __name__ == "__main__":
    _live(MUTANTS[int(sys.argv[1])], int(sys.argv[2]))
