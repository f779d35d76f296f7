"""Metrics of all open recordings, and of late events, read from Temporal's visibility store.

Every worker that exports metrics reads it, and all report the same: take the maximum (or the
minimum of deadlines) over workers, never the sum. Visibility lags by about a second.
"""

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import structlog
from temporalio.client import Client
from temporalio.common import MetricMeter

from callvault.contracts import names
from callvault.contracts.states import RecordingState
from callvault.telemetry import metrics
from callvault.temporal.executions import list_executions

OBSERVE_INTERVAL = timedelta(seconds=30)

MAX_LISTED = 100
"""Number of workflows that may be read one by one to find the nearest deadline among them."""

SEARCH_RANGE = timedelta(days=365)
"""Distance from now within which deadlines are looked for."""

SEARCH_PRECISION = timedelta(seconds=1)
"""Precision of the nearest deadline where there are many."""

UNCONFIGURED = "(unconfigured)"
"""The resources of open recordings that are no longer in the settings."""

_LATE_EVENTS = f"WorkflowType = '{names.RECORDING_EVENT_TYPE}' AND CloseTime IS NULL"
_OPEN = f"WorkflowType = '{names.WORKFLOW_TYPE}' AND CloseTime IS NULL"

log = structlog.get_logger(__name__)


class Observer:
    """Reads the store and sets the gauges."""

    def __init__(
        self,
        client: Client,
        meter: MetricMeter,
        windows: Mapping[str, timedelta],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take the export window of each resource in the settings.

        ``now`` is a clock with which others agree: a deadline is the service's.
        """
        self._now = now
        self._client = client
        self._windows = windows
        self._recordings = metrics.recordings(meter)
        self._at_risk = metrics.recordings_at_risk(meter)
        self._nearest_deadline = metrics.nearest_deadline(meter)
        self._oldest = metrics.oldest_unarchived(meter)
        self._late_events = metrics.late_events(meter)

    async def run(self, interval: timedelta = OBSERVE_INTERVAL) -> None:
        """Observe until cancelled; a failure is logged, and the next round tries again."""
        while True:
            try:
                await self.observe()
            except Exception as error:  # whatever it is, a worker must not end by it
                log.warning("recordings could not be counted", error=str(error))
            await asyncio.sleep(interval.total_seconds())

    async def observe(self) -> None:
        """Set every gauge once."""
        for state in RecordingState:
            # One by one, for stores group by no attribute of ours.
            count = await self._count(f"{_OPEN} AND {names.STATE.name} = '{state}'")
            self._recordings.set(count, {"state": state})
        for resource, condition in self._by_resource():
            await self._observe_resource(resource, f"{_OPEN} AND {condition}")
        self._late_events.set(await self._count(_LATE_EVENTS))

    async def _observe_resource(self, resource: str, query: str) -> None:
        label = {"resource": resource}
        at_risk = await self._count(f"{query} AND {names.AT_RISK.name} = true")
        self._at_risk.set(at_risk, label)
        deadline = await self._find_nearest_deadline(query)
        self._nearest_deadline.set(self._seconds_until(deadline), label)
        # A deadline is the birth of the oldest file, and the window. Unknown for other resources.
        if (window := self._windows.get(resource)) is not None:
            born_at = deadline - window if deadline is not None else None
            self._oldest.set(self._seconds_since(born_at), label)

    def _by_resource(self) -> Iterator[tuple[str, str]]:
        name = names.RESOURCE.name
        for resource in self._windows:
            yield resource, f"{name} = '{resource}'"
        known = ", ".join(f"'{resource}'" for resource in self._windows)
        yield UNCONFIGURED, f"{name} NOT IN ({known})" if known else f"{name} IS NOT NULL"

    async def _find_nearest_deadline(self, query: str) -> datetime | None:
        """Narrow the time down by counting, then read the few workflows that are left."""
        # Stores neither sort nor aggregate, but every one of them counts.
        expires_at = names.EXPIRES_AT.name
        now = self._now()
        low, high = now - SEARCH_RANGE, now + SEARCH_RANGE
        narrowed, bound = f"{query} AND {expires_at} IS NOT NULL", None
        count = await self._count(narrowed)
        while count > MAX_LISTED and high - low > SEARCH_PRECISION:
            middle = low + (high - low) / 2
            earlier = f"{query} AND {expires_at} <= '{middle.isoformat()}'"
            if (found := await self._count(earlier)) == 0:
                low = middle
            else:
                high, narrowed, bound, count = middle, earlier, middle, found
        # Where they all were archived in the meantime, the bound is as good as the next round.
        return min(await self._deadlines(narrowed), default=bound) if count else None

    async def _deadlines(self, query: str) -> list[datetime]:
        listed = list_executions(self._client, query, limit=MAX_LISTED)
        found = [item.typed_search_attributes.get(names.EXPIRES_AT) async for item in listed]
        return [deadline for deadline in found if deadline is not None]

    async def _count(self, query: str) -> int:
        return (await self._client.count_workflows(query)).count

    def _seconds_until(self, deadline: datetime | None) -> float:
        """Return the seconds left; infinite where there is no deadline."""
        if deadline is None:
            return math.inf
        # Temporal's gauges cannot be negative.
        return max((deadline - self._now()).total_seconds(), 0.0)

    def _seconds_since(self, born_at: datetime | None) -> float:
        """Return the age in seconds; 0 where there is no file."""
        if born_at is None:
            return 0.0
        return max((self._now() - born_at).total_seconds(), 0.0)
