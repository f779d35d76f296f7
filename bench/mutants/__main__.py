"""Draw one-line changes of the deciding modules, and tell which of them no test notices.

    python -m bench.mutants --count 100 --seed 1

Ends with 1 if fewer than 95 % are caught, or if a survivor is not explained in docs/mutants.md.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from bench.mutants.changes import ROOT
from bench.mutants.modules import MODULES
from bench.mutants.run import Verdict, drawn, verdicts

PAGE = ROOT / "docs" / "mutants.md"

MIN_CAUGHT = 0.95
"""Share of the drawn changes, those explained as equivalent apart, that the tests must notice."""


def main() -> int:
    """Run, print each verdict and the share, and return the exit status."""
    options = _options()
    mutants = drawn(options.count, options.seed, options.modules or MODULES)
    told = []
    for verdict in verdicts(mutants, options.processes, options.timeout):
        print(verdict, flush=True)
        told.append(verdict)
    return judged(told, PAGE.read_text(encoding="utf-8"))


def judged(told: Sequence[Verdict], page: str) -> int:
    """Print the share that is caught and every survivor, and return the exit status.

    ``page`` is the page that explains survivors: each by the sentence that `Mutant` prints.
    """
    survivors = [each.mutant for each in told if not each.is_caught]
    unexplained = [mutant for mutant in survivors if str(mutant) not in page]
    explained = len(survivors) - len(unexplained)
    caught = len(told) - len(survivors)
    share = caught / (len(told) - explained) if len(told) > explained else 1.0
    print(f"{caught} of {len(told)} changes are caught, {explained} survivors are explained")
    print(f"{share:.1%} of those that could be noticed; {MIN_CAUGHT:.0%} is demanded")
    for mutant in unexplained:
        print(f"NOT EXPLAINED: {mutant} (line {mutant.line}): write its test, or add it to {PAGE}")
    return 1 if unexplained or share < MIN_CAUGHT else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="how many changes are drawn")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for one change")
    parser.add_argument("--modules", nargs="*", choices=sorted(MODULES), metavar="PATH")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
