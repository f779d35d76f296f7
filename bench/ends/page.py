"""The page docs/many-ends.md."""

import os
import platform
import statistics

from bench.ends.findings import MAX_ADDED_P50, MAX_ADDED_P99, MAX_OVERTAKEN, Findings, Scale
from bench.ends.load import WINDOWS

_PAGE = """\
# Many calls that end at once

<!-- Written by `python -m bench.ends`: do not edit. -->

{calls} recorded calls end within {seconds:.0f} s, in no order of their resources, whose export
windows differ; the file of each has {kib:.0f} KiB. Two workers, one for control and one for exports
({slots} at once), Temporal's development server, emulator, gateway and the archive share
{processors} processors ({machine}, other load {load:.1f} at the start).

All {archived} recordings were archived and sealed {took:.0f} s after the first call had ended:
{rate:.1f} per second.

| export window | files | waited for their export, p50 / p99 / longest, s |
|---|--:|--:|
{rows}

A file was overtaken by {overtaken} of a later deadline at most, and by none in {never:.0%} of the
cases; {max_overtaken} are accepted.

| process | peak, MiB |
|---|--:|
{memory}

The limit is {max_memory:.0f} MiB.

Pauses of {others} other calls meanwhile, from the request to its arrival at ACS, p50 / p99 of
{samples} each: {bare50:.1f} / {bare99:.1f} ms as bare REST calls, {ours50:.1f} / {ours99:.1f} ms
through Callvault. Callvault is to add {max50:.0f} / {max99:.0f} ms at most.
"""


def page(found: Findings, scale: Scale, load: float) -> str:
    """Render the page in Markdown; ``load`` is the machine's load average at the start."""
    overtaken = found.overtaken()
    (bare50, bare99), (ours50, ours99) = found.quantiles(bare=True), found.quantiles()
    return _PAGE.format(
        calls=found.calls,
        seconds=scale.seconds,
        kib=scale.media_bytes / 1024,
        slots=scale.exports_at_once,
        processors=os.cpu_count(),
        machine=platform.machine(),
        load=load,
        archived=found.archived,
        took=found.seconds,
        rate=found.archived / found.seconds,
        rows="\n".join(row for name in WINDOWS if (row := _row(found, name))),
        overtaken=max(overtaken),
        never=overtaken.count(0) / len(overtaken),
        max_overtaken=MAX_OVERTAKEN,
        memory="\n".join(f"| {name} | {peak} |" for name, peak in found.memory.items()),
        max_memory=found.memory_limit,
        others=scale.others,
        samples=len(found.pauses.callvault),
        bare50=bare50,
        bare99=bare99,
        ours50=ours50,
        ours99=ours99,
        max50=MAX_ADDED_P50,
        max99=MAX_ADDED_P99,
    )


def _row(found: Findings, resource: str) -> str:
    waited = [
        (each.started - each.scheduled).total_seconds()
        for each in found.exports
        if each.resource == resource
    ]
    if len(waited) < 2:
        return ""
    cuts, hours = statistics.quantiles(waited, n=100), WINDOWS[resource].total_seconds() / 3600
    return f"| {hours:g} h | {len(waited)} | {cuts[49]:.1f} / {cuts[98]:.1f} / {max(waited):.1f} |"
