"""Random lives of calls, with a recording service that fails as ACS does: a promise may break.

`python -m bench.interleavings --simulations 100000` plays so many lives, each from a seed of
its own, and names the seed of every life in which a promise broke: `invariants.py` has them all.
The state machine, the guards, the consent gate, ACS's answers and its callbacks are folded by the
real modules of `workflows/call`; the service, the people in the call, the time and the order of
everything are drawn by lot. The control loop, which waits, is written anew in `control_loop.py`;
the real one is tested on a real server.
"""

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from bench.interleavings.simulation import run


def run_all(simulations: int, first: int = 0) -> list[str]:
    """Play so many lives on all processors; return what broke, by seed."""
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
    print(f"{given.simulations} lives: {len(problems)} broke a promise")
    for kind, count in kinds.most_common():
        print(f"{count} x {kind}, for example {next(p for p in problems if kind in p)}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
