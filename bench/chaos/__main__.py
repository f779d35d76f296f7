"""`make chaos`: play recorded calls while processes are killed, and check every promise."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench.chaos import report
from bench.chaos.mutations import FREEZES, MUTATIONS, NO_RUNBOOK, TARGETS
from bench.chaos.options import Options, short
from bench.chaos.results import RunResult, Tally
from bench.chaos.run import run

MUTATION_SCENARIOS = 40
"""Number of scenarios in which the broken promise shows."""

MANY_SCENARIOS = 200
"""The same where a part stands still for long: few of the calls of that time have a task there."""


def main() -> int:
    """Play every seed; return 0 if every promise was kept."""
    given = _arguments()
    tally = Tally()
    for seed in given.seeds:
        result = _play(_options(given, seed), given.keep)
        print(report.summary(result), flush=True)
        tally.results.append(result)
    if given.report:
        given.report.write_text(report.page(tally), encoding="utf-8")
    return 0 if tally.is_good else 1


def _play(options: Options, keep: Path | None) -> RunResult:
    with tempfile.TemporaryDirectory(prefix="callvault-chaos-") as folder:
        home = keep / f"seed-{options.seed}" if keep else Path(folder)
        return run(options, home, _say)


def _options(given: argparse.Namespace, seed: int) -> Options:
    if given.mutation:
        most = MANY_SCENARIOS if given.mutation in FREEZES else MUTATION_SCENARIOS
        return short(
            seed,
            min(given.scenarios, most),
            given.mutation,
            TARGETS.get(given.mutation, ()),
            FREEZES.get(given.mutation),
        )
    if given.short:
        return short(seed, given.scenarios)
    return Options(seed, given.scenarios, given.concurrency, fault_interval=given.fault_interval)


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--scenarios", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=24, help="calls at a time")
    parser.add_argument(
        "--fault-interval", type=float, default=Options.fault_interval, help="seconds, on average"
    )
    parser.add_argument(
        "--mutation",
        choices=("", *MUTATIONS, NO_RUNBOOK),
        default="",
        help="a promise to break on purpose",
    )
    parser.add_argument("--short", action="store_true", help="with short times: minutes, not hours")
    parser.add_argument("--keep", type=Path, help="a directory for logs, database and archive")
    parser.add_argument("--report", type=Path, help="where to write the page")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
