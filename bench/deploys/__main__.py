"""`python -m bench.deploys`: a deploy while recordings are open, with a roll-back in the middle.

Real processes on this machine: Temporal, the emulator, the gateway, and a worker of each of two
versions. The next version gives its commands in another order, so that it cannot replay a history
of the first one. Fails where a workflow task failed, a pause or an alarm came late, or a call is
not on the next version in the end.
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from bench.deploys.findings import Findings
from bench.deploys.run import NEXT, SHORT, Scale, deploy

MAX_TOLD = 20
"""Problems that are printed; the others are counted."""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--open", type=int, default=Scale.calls, help="open recordings")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--short", action="store_true", help="some seconds")
    arguments.add_argument("--changes", default="", help="of both versions: auto-upgrade")
    given = arguments.parse_args()
    load = os.getloadavg()[0]
    scale = SHORT if given.short else Scale(calls=given.open)
    with tempfile.TemporaryDirectory() as home:
        found = deploy(Path(home), scale, given.seed, given.changes)
    print(f"seed {given.seed}, {os.cpu_count()} processors, other load {load:.1f} at the start")
    print("\n".join(told(found)))
    problems = [*found.wrong(NEXT), *found.late()]
    for problem in problems[:MAX_TOLD]:
        print(f"WRONG: {problem}", file=sys.stderr)
    if len(problems) > MAX_TOLD:
        print(f"WRONG: {len(problems) - MAX_TOLD} more", file=sys.stderr)
    return bool(problems)


def told(found: Findings) -> list[str]:
    """Say what was measured."""
    pauses = [pause.seconds for pause in found.pauses]
    again = sum(life.looked_again for life in found.lives)
    runs = sum(len(life.builds) for life in found.lives)
    return [
        f"{found.calls} open recordings, {found.seconds:.0f} s",
        *(
            f"{move.what}: {move.on_next} calls on the next version after {move.seconds:.0f} s"
            for move in found.moves
        ),
        f"{runs} runs of {len(found.lives)} calls; {again} were put off by a message",
        f"workflow tasks that failed: {found.failures.total()}",
        f"{len(pauses)} pauses, answered in {_quantiles(pauses)}",
        f"{len(found.latencies)} alarms fell due, received after {_quantiles(found.latencies)}",
    ]


def _quantiles(seconds: list[float]) -> str:
    """Return median, 99th percentile and maximum in words."""
    if len(seconds) < 2:
        return "no time that could be measured"
    cuts = statistics.quantiles(seconds, n=100)
    milliseconds = [f"{each * 1000:.0f}" for each in (cuts[49], cuts[98], max(seconds))]
    return f"{milliseconds[0]} ms (p50), {milliseconds[1]} ms (p99), {milliseconds[2]} ms at most"


if __name__ == "__main__":
    sys.exit(main())
