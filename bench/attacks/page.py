"""The page docs/attacks.md."""

import os
import platform

from bench.attacks.run import DELIVERY_BAR, PAUSE_BAR, Answers, Findings, Scale

_PAGE = """\
# Attacks under load

<!-- Written by `python -m bench.attacks`: do not edit. -->

While each attack runs for {seconds:.0f} s, {rate:.0f} authentic deliveries a second and
{pauses:.0f} pauses or resumes a second go through the same gateway to recorded calls. A delivery
is answered 200 when Temporal has the event, a pause or resume when ACS (the emulator) has
confirmed it. What is refused or breaks off is sent again after 0.2 s, as Event Grid and backends
do; times count from the moment at which the first attempt was due. The bars, at p99:
{delivery:.1f} s for a delivery, {pause:.0f} s for a pause.

Gateway, worker, emulator, Temporal's development server, the attacker and the sender are processes
on one machine, on loopback. Machine: {processors} processors ({machine}), load average {load:.1f}
at the start, {load_after:.1f} at the end; where the first is high, other programs computed at the
same time, and a quiet machine is faster. Python {python}.

| attack | deliveries | sent again | p50 | p99 | pauses | sent again | p50 | p99 | gateway |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
{rows}

{verdict}
"""


def page(findings: list[Findings], scale: Scale, load: float) -> str:
    """Render the page in Markdown; ``load`` is the machine's load average at the start."""
    above = [text for each in findings for text in (*each.problems(), *each.above_bars())]
    return _PAGE.format(
        seconds=scale.seconds,
        rate=scale.rate,
        pauses=1 / scale.pause_interval,
        delivery=DELIVERY_BAR,
        pause=PAUSE_BAR,
        processors=os.cpu_count(),
        machine=platform.machine(),
        load=load,
        load_after=os.getloadavg()[0],
        python=platform.python_version(),
        rows="\n".join(map(_row, findings)),
        verdict="\n".join(f"- {text}" for text in above) or "All within the bars, nothing lost.",
    )


def _row(found: Findings) -> str:
    cells = [found.attack, *_cells(found.deliveries), *_cells(found.pauses)]
    return f"| {' | '.join(cells)} | {found.memory} MiB |"


def _cells(answers: Answers) -> list[str]:
    number = f"{len(answers.seconds)}" + (f", {len(answers.lost)} lost" if answers.lost else "")
    times = [f"{answers.quantile(share) * 1000:.0f} ms" for share in (0.5, 0.99)]
    return [number, str(answers.resent), *times]
