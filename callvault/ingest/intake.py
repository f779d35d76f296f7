"""The one way in: whatever road events came by, they are delivered here, several at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from temporalio.common import MetricMeter

from callvault.errors import InvalidRequest, TryAgain
from callvault.ingest import eventgrid
from callvault.ingest.concurrency import for_each
from callvault.ingest.eventgrid import GridEvent
from callvault.ingest.router import Delivery
from callvault.telemetry.metrics import events

AT_ONCE = 32
"""Events that are delivered at the same time."""


class Fate(StrEnum):
    """What became of an event."""

    DELIVERED = "delivered"
    IGNORED = "ignored"
    """Understood, and nobody needs it."""
    NOT_UNDERSTOOD = "not_understood"
    """Now or ever, unless a person mends the event or the settings."""
    WAITING = "waiting"
    """Temporal cannot take it now: bring it again."""


@dataclass(frozen=True)
class Outcome:
    """An event, and what became of it."""

    value: Any
    """As it came."""
    fate: Fate
    event: GridEvent | None = None
    """As it was read; none where it is no event."""
    workflow_id: str | None = None
    """Whom it was delivered to."""
    problem: str = ""
    """Why it was not."""


class Intake:
    """Delivers what one road brings, and counts it."""

    def __init__(
        self, delivery: Delivery, road: str, meter: MetricMeter = MetricMeter.noop
    ) -> None:
        self._delivery = delivery
        self._road = road
        self._events = events(meter)

    async def take(self, values: Sequence[Any]) -> list[Outcome]:
        """Deliver every event that can be; the outcomes are in the order of ``values``.

        Taking an event again is safe: its workflow knows the files it names.
        """
        return await for_each(self._take, values, AT_ONCE)

    async def _take(self, value: Any) -> Outcome:
        outcome = await self._deliver(value)
        self._events.add(1, {"road": self._road, "fate": outcome.fate})
        return outcome

    async def _deliver(self, value: Any) -> Outcome:
        event = None
        try:
            event = eventgrid.read_event(value)
            workflow_id = await self._delivery.deliver(event)
        except InvalidRequest as error:
            return Outcome(value, Fate.NOT_UNDERSTOOD, event, problem=str(error))
        except TryAgain as error:
            return Outcome(value, Fate.WAITING, event, problem=str(error))
        fate = Fate.DELIVERED if workflow_id else Fate.IGNORED
        return Outcome(value, fate, event, workflow_id)


def of_fate(outcomes: Iterable[Outcome], fate: Fate) -> list[Outcome]:
    """Those that met this fate."""
    return [outcome for outcome in outcomes if outcome.fate is fate]
