"""The one way in: events of every channel are read and delivered here, several at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog
from temporalio.common import MetricMeter

from callvault.contracts.base import shorten
from callvault.errors import CallvaultError, InvalidRequest
from callvault.ingest import eventgrid
from callvault.ingest.concurrency import for_each
from callvault.ingest.eventgrid import Event, FilesEvent
from callvault.ingest.router import Router
from callvault.ingest.routes import Routes
from callvault.telemetry.metrics import events
from callvault.temporal.call_client import CallClient

MAX_CONCURRENT_EVENTS = 32

log = structlog.get_logger(__name__)


class Disposition(StrEnum):
    """The end of one attempt to deliver an event."""

    DELIVERED = "delivered"
    IGNORED = "ignored"
    """Understood, and needed by no workflow."""
    NOT_UNDERSTOOD = "not_understood"
    """Now and later, unless a person mends the event or the settings."""
    WAITING = "waiting"
    """Temporal cannot take the event now: bring it again."""


@dataclass(frozen=True)
class EventOutcome:
    """An event, and the end of the attempt to deliver it."""

    value: Any
    """The event as it came."""
    disposition: Disposition
    event: Event | None = None
    """The event as it was read; None if it could not be."""
    workflow_id: str | None = None
    """The workflow that has the event now, as far as the event could be read."""
    problem: str = ""
    """The reason why no workflow has it."""

    @property
    def raw(self) -> dict[str, Any]:
        """The event's own fields, as they came; empty if it is no JSON object."""
        return self.value if isinstance(self.value, dict) else {}


class Intake:
    """Takes in the events of one channel, and counts them."""

    def __init__(
        self,
        routes: Routes,
        calls: CallClient,
        channel: str,
        meter: MetricMeter = MetricMeter.noop,
        *,
        again: bool = False,
    ) -> None:
        """``again`` as for `Router`."""
        self._hide = routes.hide
        self._calls = calls
        self._router = Router(routes, calls, again=again)
        self._channel = channel
        self._events = events(meter)
        for disposition in Disposition:
            # A counter that first appears at 1 has not increased, as Prometheus sees it.
            self._count(disposition, 0)

    async def check(self) -> None:
        """Raise `Unavailable` unless Temporal answers."""
        await self._calls.check()

    async def deliver(self, values: Sequence[Any]) -> list[EventOutcome]:
        """Deliver every event that can be; the outcomes are in the order of ``values``.

        Taking an event again is safe: its workflow knows the files that it names.
        """
        return await for_each(self._deliver_and_count, values, MAX_CONCURRENT_EVENTS)

    async def _deliver_and_count(self, value: Any) -> EventOutcome:
        # Each attempt is counted: an event that waits shows as often as it is brought.
        outcome = await self._deliver(value)
        self._count(outcome.disposition, 1)
        return outcome

    def _count(self, disposition: Disposition, number: int) -> None:
        self._events.add(number, {"channel": self._channel, "disposition": disposition})

    async def _deliver(self, value: Any) -> EventOutcome:
        event = None
        try:
            event = eventgrid.read(value, self._hide)
            event = self._router.admitted(event)
            workflow_id = await self._router.deliver(event)
        except InvalidRequest as error:
            return EventOutcome(value, Disposition.NOT_UNDERSTOOD, event, problem=str(error))
        except CallvaultError as error:
            # A setting to be mended, too: refused or forgotten, the event would be lost.
            return EventOutcome(value, Disposition.WAITING, event, problem=str(error))
        except Exception as error:
            # One event, whatever it holds, must not cost those that came with it.
            log.exception("an error of ours")
            problem = f"an error of Callvault's own: {type(error).__name__}"
            return EventOutcome(value, Disposition.NOT_UNDERSTOOD, event, problem=problem)
        return delivered(value, event, workflow_id)


def delivered(value: Any, event: Event, workflow_id: str | None) -> EventOutcome:
    """Return the outcome of an event that Temporal has, as far as it could be read."""
    if isinstance(event, FilesEvent) and event.files.chunks_left_out:
        count, why = event.files.chunks_left_out, "; ".join(event.files.left_out)
        problem = shorten(f"delivered, but for {count} chunks that cannot be read: {why}")
        return EventOutcome(value, Disposition.NOT_UNDERSTOOD, event, workflow_id, problem)
    disposition = Disposition.DELIVERED if workflow_id else Disposition.IGNORED
    return EventOutcome(value, disposition, event, workflow_id)


def with_disposition(
    outcomes: Iterable[EventOutcome], disposition: Disposition
) -> list[EventOutcome]:
    """Return the outcomes that ended so."""
    return [outcome for outcome in outcomes if outcome.disposition is disposition]
