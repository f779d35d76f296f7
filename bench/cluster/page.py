"""Writer of docs/cluster.md: what was done to the hosts, and the outcome for the recordings."""

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.chaos import report
from bench.chaos.parts import Fault
from bench.chaos.results import RunResult
from bench.cluster.network import RATE, SLOW_RATE
from bench.cluster.slow_processor import SHARE

FORM = Path(__file__).with_name("page.md")
SERVER_NAMES = {
    "dev": "Temporal's development server",
    "postgresql": "Temporal's server in five processes on PostgreSQL",
}
HISTORY = {
    "dev": "",
    "postgresql": (
        " Temporal's frontend, matching and worker services and two history hosts are processes of"
        " their own, on the hub; one of the history hosts is killed now and then, and started again"
        " as late as six seconds later: the other one takes over its shards."
    ),
}
PAIRS = "A fifth of the faults meets two hosts at once."
NOT_DONE = (
    "All hosts share one machine, its disk and its processors. The archive of even seeds is a"
    " directory that a host reaches while it is cut off from everything else."
)


@dataclass(frozen=True)
class HostRun:
    """A run, and what belongs to its hosts."""

    result: RunResult
    left_out: list[str] = field(default_factory=list)
    """Sentences about what this kernel could not do."""
    peak_memory: int = 0
    """Bytes of all processes."""


def page(runs: list[HostRun], server: str) -> str:
    """Render the whole page."""
    results = [each.result for each in runs]
    names = ["", *map(report.run_name, results)]
    return FORM.read_text(encoding="utf-8").format(
        proof=(
            "Every promise was kept."
            if all(each.is_good for each in results)
            else "**This run failed.**"
        ),
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        scenarios=sum(each.options.scenarios for each in results),
        seeds=report.seeds(results),
        server=SERVER_NAMES[server],
        # The ends and starts of a worker whose clock is changed belong to that fault.
        faults=sum(x.fault is not Fault.END for each in results for x in each.outages),
        meets="hosts" if server == "dev" else "hosts and history hosts",
        losses=sum(len(each.losses) for each in results),
        unexplained=sum(not loss.cause for each in results for loss in each.losses),
        violations=sum(len(each.violations) for each in results),
        command=results[0].options.command,
        rate=RATE,
        slow_rate=SLOW_RATE,
        share=SHARE,
        pairs=f"{PAIRS}{HISTORY[server]}",
        # In the form itself the link would lead nowhere.
        reliability="[reliability.md](reliability.md)",
        runs=report.table(names, [*report.figures(results), *_more_figures(runs)]),
        pauses=report.table(names, _pauses(results)),
        host_faults=report.table(names, report.process_faults(results)),
        causes=report.table(names, report.causes(results)) or "None.",
        broken=report.broken(results),
        left_out=" ".join([NOT_DONE, *runs[0].left_out]),
        machine=f"{report.machine()} {_load()}",
    )


def _load() -> str:
    """Say how busy the machine was: other work makes alarms and answers late, too."""
    load = os.getloadavg()[2]
    return f"Programs that wanted a processor, in the last quarter of an hour: {load:.0f}."


def _more_figures(runs: list[HostRun]) -> list[list[str]]:
    return [
        ["alarms late by, with excused time, at most (s)", *map(_latest, runs)],
        ["memory of all processes, at most (MiB)", *(str(each.peak_memory >> 20) for each in runs)],
    ]


def _latest(run: HostRun) -> str:
    return f"{max((each.seconds for each in run.result.late_alarms), default=0):.1f}"


def _pauses(results: list[RunResult]) -> list[list[str]]:
    """Count the answers by their state, and tell how long they took."""
    counts = [Counter(each.state for each in one.pauses) for one in results]
    states = sorted({state for one in counts for state in one})
    rows = [[state, *(str(one[state]) for one in counts)] for state in states]
    return [
        ["pauses that are answered", *(str(one.total()) for one in counts)],
        *rows,
        ["asked while a host had a fault", *(str(_during_faults(each)) for each in results)],
        ["answered after, median / most (s)", *map(_seconds, results)],
    ]


def _during_faults(result: RunResult) -> int:
    return sum(
        any(each.began <= pause.asked_at <= (each.ended or each.began) for each in result.outages)
        for pause in result.pauses
    )


def _seconds(result: RunResult) -> str:
    found = sorted(each.answered_at - each.asked_at for each in result.pauses)
    return f"{found[len(found) // 2]:.1f} / {found[-1]:.1f}" if found else ""
