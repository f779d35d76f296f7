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

MAX_OVERTAKEN = 5
"""Exports of a later deadline that may begin while one waits: slots that become free as its task is
being stored. A number and not a time, for how long that takes is a matter of the machine."""


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
        if overtaken := [each for each in self.overtaken() if each > MAX_OVERTAKEN]:
            found.append(
                f"{len(overtaken)} files waited while up to {max(overtaken)} with a later deadline"
                f" were exported: {MAX_OVERTAKEN} may be"
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

    def overtaken(self) -> list[int]:
        """Return by how many of a later deadline each export was overtaken."""
        return [sum(self._overtakes(each)) for each in self.exports]

    def _overtakes(self, waiting: Export) -> Iterator[bool]:
        for other in self.exports:
            is_later = other.deadline > waiting.deadline + SAME
            yield is_later and waiting.scheduled < other.started < waiting.started
