"""`python -m bench.attacks`: authentic deliveries and pauses while the gateway is attacked.

A real gateway, worker, emulator and Temporal server, processes of their own on this machine. Writes
docs/attacks.md.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from bench.attacks.page import page
from bench.attacks.run import SHORT, Scale, run_attacks

PAGE = Path(__file__).parents[2] / "docs" / "attacks.md"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--short", action="store_true", help="seconds an attack; writes no page")
    arguments.add_argument("--seconds", type=float, default=Scale.seconds, help="of each attack")
    given = arguments.parse_args()
    scale = SHORT if given.short else Scale(seconds=given.seconds)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as home:
        findings = run_attacks(Path(home), scale, lambda attack: print(attack, file=sys.stderr))
    written = page(findings, scale, load)
    if scale is not SHORT:
        PAGE.write_text(written)
    print(written)
    problems = [problem for found in findings for problem in found.problems()]
    for problem in problems:
        print(f"WRONG: {problem}", file=sys.stderr)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
