"""The page docs/many-open.md, and the sentences about bars that are missed."""

import os
import platform
import statistics
from collections.abc import Iterator, Sequence

from bench.open.run import Found, Scale, Side
from bench.process_usage import KIBIBYTE

MAX_CACHED = 200.0
MAX_UNCACHED = 40.0
"""KiB that an open recording may cost the worker, in its cache and not in it."""

MAX_IDLE = 0.02
"""Share of a core that the worker may need while nothing happens."""

_PAGE = """\
# Many open recordings

<!-- Written by `make open`: do not edit. -->

Recordings that are open at once, on one development server and one `callvault worker`, with
emulator and gateway on the same {processors} processors ({machine}, other load {load:.1f} at the
start). First `worker.max_cached_workflows` is larger than their number; then another process, with
a cache of {small}, is asked for the status of each, replays its history, and drops it again.

Memory is what the process has grown by from {first} recordings to all, for each. `Idle` is the
share of one core over {idle:.0f} s in which nothing happens. A pause is measured from the request
for it to its arrival at ACS, over {samples} recordings that are paused once each.

| open | cache | KiB each | process, MiB | idle | pause p50 / p99, ms |
|--:|---|--:|--:|--:|--:|
{rows}

The bars: {max_cached:.0f} KiB for each that is cached, {max_uncached:.0f} KiB for each that is not,
idle below {max_idle:.0%}.

| open | starts per second | replays per second | idle of Temporal's server |
|--:|--:|--:|--:|
{rates}
{verdict}"""


def page(found: Sequence[Found], scale: Scale, load: float) -> str:
    """Render the page in Markdown."""
    return _PAGE.format(
        processors=os.cpu_count(),
        machine=platform.machine(),
        load=load,
        small=scale.small_cache,
        first=scale.first,
        idle=scale.idle_seconds,
        samples=scale.samples,
        rows="\n".join(map(_rows, found)),
        rates="\n".join(map(_rates, found)),
        max_cached=MAX_CACHED,
        max_uncached=MAX_UNCACHED,
        max_idle=MAX_IDLE,
        verdict="".join(f"\n**Missed:** {problem}.\n" for problem in problems(found)),
    )


def problems(found: Sequence[Found]) -> list[str]:
    """Say which bar was missed."""
    return [problem for each in found for problem in _problems(each)]


def _problems(found: Found) -> Iterator[str]:
    bars = (("cached", found.cached, MAX_CACHED), ("not cached", found.uncached, MAX_UNCACHED))
    for name, side, most in bars:
        if side.each > most:
            yield (
                f"with {found.recordings} open, each that is {name} costs {side.each:.0f} KiB, and"
                f" the bar is {most:.0f}"
            )
        if side.idle > MAX_IDLE:
            yield (
                f"with {found.recordings} open and {name}, the idle worker needs {side.idle:.1%} of"
                f" a core, and the bar is {MAX_IDLE:.0%}"
            )


def _rows(found: Found) -> str:
    sides = (("all", found.cached), ("nearly none", found.uncached))
    return "\n".join(f"| {found.recordings:,} | {name} | {_side(side)} |" for name, side in sides)


def _side(side: Side) -> str:
    cuts = statistics.quantiles(side.pauses, n=100)
    return (
        f"**{side.each:.0f}** | {side.resident / KIBIBYTE:.0f} | {side.idle:.1%} |"
        f" {cuts[49]:.0f} / {cuts[98]:.0f}"
    )


def _rates(found: Found) -> str:
    starts, replays = (found.recordings / s.seconds for s in (found.cached, found.uncached))
    return f"| {found.recordings:,} | {starts:.1f} | {replays:.1f} | {found.server_idle:.1%} |"
