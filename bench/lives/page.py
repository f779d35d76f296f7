"""The page docs/lives.md, and the bars."""

import os
import platform
import statistics
from collections.abc import Sequence

from bench.lives.run import MEDIA_BYTES, PARTS, Block, Findings, Scale

MIN_SHARE = 0.65
"""Lives of Callvault for each life of the floor, at least."""

MAX_CPU = {"worker": 80, "temporal": 110}
"""Milliseconds of processor time for one life, at most."""

NOISE = 0.1
"""Share by which two runs on a quiet machine differ."""

_PAGE = """\
# Whole lives

<!-- Written by `python -m bench.lives`: do not edit. -->

One life: a recording is started, paused, resumed and stopped by updates, its mp3 of {size} bytes is
announced by Event Grid, archived in a directory, read back and sealed. The floor is an empty
workflow in workers of its own, in the same run and on the same server; its activities do nothing:
{floor}.
Medians of {repeats} blocks of {lives} lives each, in turn, {at_once} at once.

Machine: {processors} processors ({machine}), shared by all of it; other load {load:.1f} at the
start. Python {python}.

| | Callvault | floor | |
|---|--:|--:|--:|
{rows}

The gateway, the emulator and whoever asks for the recordings take their share of the same
processors, and the floor needs neither of the first two.
"""

_NAMES = {
    "worker": "the workers",
    "temporal": "Temporal's server",
    "gateway": "the gateway",
    "emulator": "the emulator",
}


def page(found: Findings, scale: Scale, load: float) -> str:
    """Render the page in Markdown; ``load`` is the machine's load average at the start."""
    plan = found.plan
    return _PAGE.format(
        size=f"{MEDIA_BYTES:,}",
        floor=(
            f"4 updates, {plan.signals} signals, 8 activities and the reading of a silence,"
            f" {plan.timers} timers, {plan.upserts} upserts"
        ),
        repeats=scale.repeats,
        lives=scale.lives,
        at_once=scale.at_once,
        processors=os.cpu_count(),
        machine=platform.machine(),
        load=load,
        python=platform.python_version(),
        rows="\n".join(_rows(found)),
    )


def _rows(found: Findings) -> list[str]:
    ours, floor = _rate(found.callvault), _rate(found.floor)
    rows = [f"| lives per second | {ours:.1f} | {floor:.1f} | {ours / floor:.2f} x |"]
    for part in PARTS:
        cpu, least = _cpu(found.callvault, part), _cpu(found.floor, part)
        share = f"{cpu / least:.1f} x" if least >= 1 else ""
        rows.append(f"| CPU of {_NAMES[part]}, ms each | {cpu:.0f} | {least:.0f} | {share} |")
    return rows


def problems(found: Findings) -> list[str]:
    """Say which bars are missed by more than noise."""
    share = _rate(found.callvault) / _rate(found.floor)
    missed = []
    if share < MIN_SHARE * (1 - NOISE):
        missed.append(f"{share:.2f} lives for each of the floor, less than {MIN_SHARE}")
    for part, most in MAX_CPU.items():
        if (cpu := _cpu(found.callvault, part)) > most * (1 + NOISE):
            missed.append(f"a life takes {cpu:.0f} ms of {_NAMES[part]}, more than {most}")
    return missed


def _rate(blocks: Sequence[Block]) -> float:
    return statistics.median(block.lives / block.seconds for block in blocks)


def _cpu(blocks: Sequence[Block], part: str) -> float:
    return statistics.median(block.cpu[part] / block.lives * 1000 for block in blocks)
