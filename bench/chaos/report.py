"""Writer of docs/reliability.md: the faults of all runs, and the outcome for the recordings."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from bench.chaos.parts import Fault, Part
from bench.chaos.recovery import MAX_RECOVERY_TIME
from bench.chaos.results import RunResult, Tally

FORM = Path(__file__).with_name("page.md")


def page(tally: Tally) -> str:
    """Render the whole page."""
    results, options = tally.results, tally.results[0].options
    return FORM.read_text(encoding="utf-8").format(
        proof="Every promise was kept." if tally.is_good else "**This run failed.**",
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        scenarios=sum(each.options.scenarios for each in results),
        seeds=seeds(results),
        kills=sum(len(each.outages) for each in results),
        fault_count=sum(each.service_faults.total() for each in results),
        losses=sum(len(each.losses) for each in results),
        unexplained=sum(not loss.cause for each in results for loss in each.losses),
        violations=sum(len(each.violations) for each in results),
        alarm=options.max_alarm_latency,
        recovery=MAX_RECOVERY_TIME,
        window=options.export_window,
        escalation_schedule=", ".join(f"{step:g}" for step in options.escalation_schedule),
        expected=options.event_expected_within,
        fault_interval=options.fault_interval,
        concurrency=options.concurrency,
        runs=table(["", *map(run_name, results)], figures(results)),
        process_faults=table(["part", *map(run_name, results)], process_faults(results)),
        service_faults=table(["fault", *map(run_name, results)], _service_faults(results)),
        causes=table(["cause", *map(run_name, results)], causes(results)) or "None.",
        broken=broken(results),
        machine=machine(),
    )


def summary(result: RunResult) -> str:
    """Describe one run in a few lines, for the terminal."""
    options, found = result.options, result.history
    numbers = (
        f"seed {options.seed}: {options.scenarios} scenarios, {len(found.chunks)} files,"
        f" {len(found.objects)} archived, {len(result.losses)} lost {dict(result.causes)},"
        f" {len(result.outages)} process faults, {result.service_faults.total()} service faults,"
        f" {result.seconds:.0f} s"
    )
    promises = (f"BROKEN, scenario {each.scenario}: {each.what}" for each in result.violations)
    lines = [numbers, *promises]
    if result.violations:
        lines.append(f"Play it again: {options.command}")
    return "\n".join(lines)


def figures(results: list[RunResult]) -> list[list[str]]:
    rows: dict[str, list[object]] = {
        "scenarios": [each.options.scenarios for each in results],
        "recordings": [_recordings(each) for each in results],
        "files that the service made": [len(each.history.chunks) for each in results],
        "archived, equal": [len(each.history.objects) for each in results],
        "lost, with a record": [len(each.losses) for each in results],
        "workflow runs": [len(each.history.runs) for each in results],
        "events of their histories": [_history(each) for each in results],
        "events that Event Grid sent": [each.modes.total() for each in results],
        "of these: twice, late, lost, refused, too late": [_disturbed(each) for each in results],
        "alarms": [len(each.late_alarms) for each in results],
        "late by, median / 99th of 100 / most (s)": [_latency(each) for each in results],
        "exports that a killed worker left": [len(each.recoveries) for each in results],
        "resumed after, at most (s)": [_recovery(each) for each in results],
        "promises broken": [len(each.violations) for each in results],
        "duration (s)": [f"{each.seconds:.0f}" for each in results],
    }
    return [[name, *map(str, values)] for name, values in rows.items()]


def _recordings(result: RunResult) -> int:
    return sum(len(truth["recordings"]) for truth in result.history.truths.values())


def _history(result: RunResult) -> int:
    return sum(run.events for run in result.history.runs)


def _disturbed(result: RunResult) -> str:
    names = ("twice", "late", "lost", "refused", "too late")
    return ", ".join(str(sum(n for mode, n in result.modes.items() if mode == x)) for x in names)


def _latency(result: RunResult) -> str:
    return " / ".join(f"{result.latency(quantile):.1f}" for quantile in (0.5, 0.99, 1))


def _recovery(result: RunResult) -> str:
    slowest = result.slowest_recovery
    return "" if slowest is None else f"{slowest:.0f}"


def process_faults(results: list[RunResult]) -> list[list[str]]:
    rows = []
    for part in Part:
        for fault in Fault:
            counts = [each.faults_by_part()[part, fault] for each in results]
            if any(counts):
                rows.append([f"{part} {fault}", *map(str, counts)])
    return rows


def _service_faults(results: list[RunResult]) -> list[list[str]]:
    kinds = sorted({kind for each in results for kind in each.service_faults})
    return [[f"`{kind}`", *(str(each.service_faults[kind]) for each in results)] for kind in kinds]


def causes(results: list[RunResult]) -> list[list[str]]:
    found = sorted({cause for each in results for cause in each.causes})
    return [[cause, *(str(each.causes[cause]) for each in results)] for cause in found]


def broken(results: list[RunResult]) -> str:
    lines = [
        f"- scenario {violation.scenario}: {violation.what} (again: `{each.options.command}`)"
        for each in results
        for violation in each.violations
    ]
    return "\n".join(lines) or "Nothing."


def table(head: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---", *("--:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def run_name(result: RunResult) -> str:
    return f"seed {result.options.seed}"


def seeds(results: list[RunResult]) -> str:
    names = ", ".join(str(each.options.seed) for each in results)
    return f"seed {names}" if len(results) == 1 else f"seeds {names}"


def machine() -> str:
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"Machine: {os.cpu_count()} processors ({platform.machine()}), {gibibytes:.0f} GiB,"
        f" {platform.system()}, Python {platform.python_version()}."
    )
