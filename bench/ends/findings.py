"""The scale of a storm of ends, its findings, and the problems among them."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bench.ends.load import Pauses

BASE_MEMORY = 400
MEMORY_OF_CALL = 0.25
"""Limit of a worker's peak memory, in MiB: alone, and for each open call that it may cache."""

MAX_ADDED_P50 = 10.0
MAX_ADDED_P99 = 50.0
"""Milliseconds that Callvault may add to the way of a pause to ACS."""

PATIENCE = timedelta(seconds=1)
"""Time that an export must have waited before another one counts as preferred to it: one that was
given out a moment ago is on its way to the worker."""


SAME = timedelta(hours=1)
"""Distance of two deadlines below which no order is asked for."""


@dataclass(frozen=True)
class Scale:
    """Amounts of a storm."""

    calls: int = 2_000
    seconds: float = 60
    """Time within which all of them end."""
    others: int = 20
    """Calls that go on, and are paused meanwhile."""
    media_bytes: int = 200_000
    exports_at_once: int = 4
    timeout: float = 3_600
    """Seconds after which the storm is given up."""
    seed: int = 1


SHORT = Scale(calls=24, seconds=2, others=2, exports_at_once=1, timeout=90)


@dataclass(frozen=True)
class Export:
    """One export, as the history of its call tells of it."""

    resource: str
    deadline: datetime
    """The time at which the service may delete the file, computed from the window."""
    scheduled: datetime
    started: datetime
    completed: datetime


@dataclass
class Findings:
    """The measurements of a storm."""

    calls: int
    archived: int
    """Calls whose recording is archived, as Temporal lists them."""
    files: int
    """Files in the archive."""
    seconds: float
    """From the first end of a call until the last workflow had ended."""
    exports: Sequence[Export]
    pauses: Pauses
    memory: dict[str, int] = field(default_factory=dict)
    """Peak of each process, in MiB."""

    @property
    def memory_limit(self) -> float:
        """Return the MiB that a worker may have at its peak."""
        return BASE_MEMORY + MEMORY_OF_CALL * self.calls

    def problems(self) -> list[str]:
        """Describe each violated requirement; empty if there is none."""
        found = []
        if (self.archived, self.files) != (self.calls, self.calls):
            found.append(
                f"of {self.calls} calls {self.archived} are archived, and {self.files} files are"
                " in the archive"
            )
        if overtakers := self.overtakers():
            found.append(
                f"{len(overtakers)} exports began while a file with an earlier deadline had waited"
                f" for more than {PATIENCE.total_seconds():g} s"
            )
        found += [
            f"{name} had {peak} MiB, more than {self.memory_limit:.0f}"
            for name, peak in self.memory.items()
            if peak > self.memory_limit
        ]
        return found

    def above_bars(self) -> list[str]:
        """Say what took too long; a busy machine may be the reason."""
        added = [a - b for a, b in zip(self.quantiles(), self.quantiles(bare=True), strict=True)]
        bars = zip(("p50", "p99"), added, (MAX_ADDED_P50, MAX_ADDED_P99), strict=True)
        return [
            f"Callvault added {took:.0f} ms to a pause ({name}), the bar is {bar:.0f} ms"
            for name, took, bar in bars
            if took > bar
        ]

    def quantiles(self, *, bare: bool = False) -> tuple[float, float]:
        """Return p50 and p99 of the pauses, in milliseconds."""
        values = self.pauses.bare if bare else self.pauses.callvault
        cuts = statistics.quantiles(values, n=100)
        return cuts[49], cuts[98]

    def overtakers(self) -> list[Export]:
        """Return the exports that began while one of an earlier deadline was waiting."""
        return [each for each in self.exports if any(self._preferred_to(each))]

    def _preferred_to(self, late: Export) -> Iterator[bool]:
        for other in self.exports:
            waited = other.scheduled + PATIENCE < late.started < other.started
            yield waited and other.deadline + SAME < late.deadline
