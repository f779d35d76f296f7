"""Random simulations of calls, with a recording service that fails as ACS does.

`python -m bench.interleavings --simulations 100000` plays that many simulations, each from a seed
of its own, and prints the seed of each one that violates an invariant (`invariants.py`). The real
modules of `workflows/call` fold requests, guards, consent, ACS's answers and its callbacks; the
service, the participants, the time and the order of all actions are random. The control loop, which
waits, is replaced by `control_loop.py`; the real one is tested on a real server.
"""

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from bench.interleavings.simulation import run


def run_all(simulations: int, first: int = 0) -> list[str]:
    """Play simulations on all processors; return the violations, by seed."""
    with ProcessPoolExecutor() as pool:
        found = pool.map(run, range(first, first + simulations), chunksize=500)
        return [problem for problem in found if problem]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    given = parser.parse_args()
    problems = run_all(given.simulations, given.first)
    kinds = Counter(problem.partition(": ")[2] for problem in problems)
    print(f"{given.simulations} simulations: {len(problems)} violate an invariant")
    for kind, count in kinds.most_common():
        print(f"{count} x {kind}, for example {next(p for p in problems if kind in p)}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
