"""Writer of docs/reliability.md: the faults of all runs, and the outcome for the recordings."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from bench.chaos.cluster import Blow, Part
from bench.chaos.recovery import LIMIT
from bench.chaos.results import Outcome, Tally

FORM = Path(__file__).with_name("page.md")


def page(tally: Tally) -> str:
    """Render the whole page."""
    outcomes, options = tally.outcomes, tally.outcomes[0].options
    return FORM.read_text(encoding="utf-8").format(
        proof="Proof by destruction." if tally.is_good else "**This run failed.**",
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        lives=sum(each.options.lives for each in outcomes),
        seeds=_seeds(outcomes),
        kills=sum(len(each.outages) for each in outcomes),
        faults=sum(each.faults.total() for each in outcomes),
        losses=sum(len(each.losses) for each in outcomes),
        unexplained=sum(not loss.cause for each in outcomes for loss in each.losses),
        violations=sum(len(each.violations) for each in outcomes),
        alarm=options.alarm_within,
        recovery=LIMIT,
        window=options.export_window,
        ladder=", ".join(f"{rung:g}" for rung in options.ladder),
        expected=options.event_expected_within,
        peace=options.peace,
        at_once=options.at_once,
        runs=_table(["", *map(_name, outcomes)], _figures(outcomes)),
        blows=_table(["part", *map(_name, outcomes)], _blows(outcomes)),
        weather=_table(["fault", *map(_name, outcomes)], _faults(outcomes)),
        causes=_table(["cause", *map(_name, outcomes)], _causes(outcomes)) or "None.",
        broken=_broken(outcomes),
        machine=_machine(),
    )


def summary(outcome: Outcome) -> str:
    """Describe one run in a few lines, for the terminal."""
    options, found = outcome.options, outcome.evidence
    figures = (
        f"seed {options.seed}: {options.lives} lives, {len(found.chunks)} files,"
        f" {len(found.objects)} archived, {len(outcome.losses)} lost {dict(outcome.causes)},"
        f" {len(outcome.outages)} process faults, {outcome.faults.total()} service faults,"
        f" {outcome.seconds:.0f} s"
    )
    broken = (f"BROKEN, life {each.life}: {each.what}" for each in outcome.violations)
    lines = [figures, *broken]
    if outcome.violations:
        lines.append(f"Play it again: {options.again}")
    return "\n".join(lines)


def _figures(outcomes: list[Outcome]) -> list[list[str]]:
    rows: dict[str, list[object]] = {
        "lives": [each.options.lives for each in outcomes],
        "recordings": [_recordings(each) for each in outcomes],
        "files that the service made": [len(each.evidence.chunks) for each in outcomes],
        "archived, equal": [len(each.evidence.objects) for each in outcomes],
        "lost, recorded and told": [len(each.losses) for each in outcomes],
        "workflow runs": [len(each.evidence.runs) for each in outcomes],
        "events of their histories": [_history(each) for each in outcomes],
        "events that Event Grid sent": [each.fates.total() for each in outcomes],
        "of these twice, late, lost, refused, too late": [_disturbed(each) for each in outcomes],
        "alarms": [len(each.late) for each in outcomes],
        "late by, median / 99th of 100 / most (s)": [_lateness(each) for each in outcomes],
        "exports that a killed worker left": [len(each.recoveries) for each in outcomes],
        "taken up after, at most (s)": [_recovery(each) for each in outcomes],
        "promises broken": [len(each.violations) for each in outcomes],
        "duration (s)": [f"{each.seconds:.0f}" for each in outcomes],
    }
    return [[name, *map(str, values)] for name, values in rows.items()]


def _recordings(outcome: Outcome) -> int:
    return sum(len(truth["recordings"]) for truth in outcome.evidence.truths.values())


def _history(outcome: Outcome) -> int:
    return sum(run.events for run in outcome.evidence.runs)


def _disturbed(outcome: Outcome) -> str:
    names = ("twice", "late", "lost", "refused", "too late")
    return ", ".join(str(sum(n for fate, n in outcome.fates.items() if fate == x)) for x in names)


def _lateness(outcome: Outcome) -> str:
    return " / ".join(f"{outcome.lateness(quantile):.1f}" for quantile in (0.5, 0.99, 1))


def _recovery(outcome: Outcome) -> str:
    slowest = outcome.slowest_recovery
    return "" if slowest is None else f"{slowest:.0f}"


def _blows(outcomes: list[Outcome]) -> list[list[str]]:
    rows = []
    for part in Part:
        for blow in Blow:
            counts = [each.blows()[part, blow] for each in outcomes]
            if any(counts):
                rows.append([f"{part} {blow}", *map(str, counts)])
    return rows


def _faults(outcomes: list[Outcome]) -> list[list[str]]:
    kinds = sorted({kind for each in outcomes for kind in each.faults})
    return [[f"`{kind}`", *(str(each.faults[kind]) for each in outcomes)] for kind in kinds]


def _causes(outcomes: list[Outcome]) -> list[list[str]]:
    causes = sorted({cause for each in outcomes for cause in each.causes})
    return [[cause, *(str(each.causes[cause]) for each in outcomes)] for cause in causes]


def _broken(outcomes: list[Outcome]) -> str:
    lines = [
        f"- life {violation.life}: {violation.what} (again: `{each.options.again}`)"
        for each in outcomes
        for violation in each.violations
    ]
    return "\n".join(lines) or "Nothing."


def _table(head: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---", *("--:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _name(outcome: Outcome) -> str:
    return f"seed {outcome.options.seed}"


def _seeds(outcomes: list[Outcome]) -> str:
    names = ", ".join(str(each.options.seed) for each in outcomes)
    return f"seed {names}" if len(outcomes) == 1 else f"seeds {names}"


def _machine() -> str:
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"Machine: {os.cpu_count()} processors ({platform.machine()}), {gibibytes:.0f} GiB,"
        f" {platform.system()}, Python {platform.python_version()}."
    )
