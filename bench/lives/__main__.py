"""`python -m bench.lives`: whole lives of recordings, beside an empty workflow in the same run.

A stack of real processes: the emulator, a gateway, a worker for control and one for exports, and
Temporal's development server. Writes docs/lives.md.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from bench.lives.page import page, problems
from bench.lives.run import Scale, run_lives

PAGE = Path(__file__).parents[2] / "docs" / "lives.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lives", type=int, default=Scale.lives, help="lives in one block")
    parser.add_argument("--repeats", type=int, default=Scale.repeats, help="blocks of each")
    parser.add_argument("--at-once", type=int, default=Scale.at_once)
    parser.add_argument("--no-page", action="store_true", help="write no page")
    given = parser.parse_args()
    scale, load = Scale(given.lives, given.repeats, given.at_once), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as home:
        found = run_lives(Path(home), scale)
    written = page(found, scale, load)
    if not given.no_page:
        PAGE.write_text(written)
    print(written)
    missed = problems(found)
    for problem in missed:
        print(f"WRONG: {problem}", file=sys.stderr)
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
