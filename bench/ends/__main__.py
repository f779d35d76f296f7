"""`python -m bench.ends`: two thousand recorded calls end within a minute.

Is everything archived, the earliest deadline first, with bounded memory, and are pauses of other
calls in time meanwhile? Real processes on this machine. Writes docs/many-ends.md; ends with 1 where
a promise is broken.
"""

import argparse
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.ends.findings import SHORT, Scale
from bench.ends.page import page
from bench.ends.run import run_storm

PAGE = Path(__file__).parents[2] / "docs" / "many-ends.md"
MAX_CALLS = 20_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="some seconds; writes no page")
    parser.add_argument("--calls", type=int, default=Scale.calls, help="calls that end")
    parser.add_argument("--seed", type=int, default=Scale.seed)
    given = parser.parse_args()
    if not 1 <= given.calls <= MAX_CALLS:
        parser.error(f"--calls: from 1 to {MAX_CALLS}")
    scale = SHORT if given.short else Scale(calls=given.calls)
    scale = replace(scale, seed=given.seed)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as home:
        found = run_storm(Path(home), scale)
    written = page(found, scale, load)
    if not given.short:
        PAGE.write_text(written)
    print(written)
    for what in found.above_bars():
        print(f"above a bar: {what}", file=sys.stderr)
    for problem in found.problems():
        print(f"WRONG: {problem}", file=sys.stderr)
    return bool(found.problems())


if __name__ == "__main__":
    sys.exit(main())
