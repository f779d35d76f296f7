"""`python -m bench.storm`: the gateway's answers to events during bursts and attacks.

A real gateway and a real Temporal server, processes of their own on this machine; no worker, so
that only the intake of events is measured. Writes docs/gateway-storm.md.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from bench.storm.findings import SHORT, Scale
from bench.storm.page import page
from bench.storm.run import run_storm

PAGE = Path(__file__).parents[2] / "docs" / "gateway-storm.md"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--short", action="store_true", help="some seconds; writes no page")
    arguments.add_argument("--junk", type=int, default=Scale.junk, help="requests of the attack")
    given = arguments.parse_args()
    scale = SHORT if given.short else Scale(junk=given.junk)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as home:
        found = run_storm(Path(home), scale)
    written = page(found, scale, load)
    if scale is not SHORT:
        PAGE.write_text(written)
    print(written)
    for problem in found.problems():
        print(f"WRONG: {problem}", file=sys.stderr)
    return bool(found.problems())


if __name__ == "__main__":
    sys.exit(main())
