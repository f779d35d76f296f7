"""Delivery of events to a webhook, with retries until accepted, dropped or dead-lettered."""

import json
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from callvault.emulator.behaviours import LiveBehaviours
from callvault.emulator.clock import EmulatorClock
from callvault.emulator.eventgrid import retry_schedule as schedule
from callvault.emulator.eventgrid.dead_letters import DeadLetterDestination, DeliveryOutcome
from callvault.emulator.eventgrid.events import GridEvent
from callvault.emulator.request_log import RequestLog
from callvault.emulator.scheduler import Scheduler
from callvault.emulator.settings import EventGridEndpoint, EventSchema

_BATCH_DELAY = timedelta(seconds=0.2)
"""Time that a batch waits for more events."""


@dataclass(frozen=True, slots=True)
class Delivery:
    event: GridEvent
    published: datetime


@dataclass
class DeliveryBatch:
    """The events of one POST; accepted or refused as a whole."""

    deliveries: list[Delivery]
    attempts: int = 0

    @property
    def names(self) -> str:
        kinds = (each.event.event_type.rpartition(".")[2] for each in self.deliveries)
        return ", ".join(kinds)

    @property
    def oldest(self) -> datetime:
        return min(each.published for each in self.deliveries)


@dataclass
class Route:
    """The address of one subscription, and the events that wait for it."""

    name: str
    endpoint: EventGridEndpoint
    waiting: deque[Delivery] = field(default_factory=deque)


class DeliveryWorker:
    """Posts events to webhooks and schedules the next attempt of those that failed."""

    def __init__(
        self,
        http: httpx.Client,
        topic: str,
        clock: EmulatorClock,
        scheduler: Scheduler,
        request_log: RequestLog,
        behaviours: LiveBehaviours,
        dead_letters: DeadLetterDestination,
    ) -> None:
        self._http = http
        self._topic = topic
        self._clock = clock
        self._scheduler = scheduler
        self._request_log = request_log
        self._behaviours = behaviours
        self._dead_letters = dead_letters

    def dispatch(self, route: Route, delivery: Delivery) -> None:
        route.waiting.append(delivery)
        batches = self._behaviours.now.events_per_post > 1
        due = self._clock.now() + (_BATCH_DELAY if batches else timedelta(0))
        self._scheduler.at(due, lambda: self._collect(route))

    def _collect(self, route: Route) -> None:
        """Send the waiting events, at most a batch; called once for every dispatch."""
        deliveries: list[Delivery] = []
        try:
            while len(deliveries) < self._behaviours.now.events_per_post:
                # Without a lock, though jobs of several threads come here: `popleft` is atomic.
                deliveries.append(route.waiting.popleft())
        except IndexError:  # an earlier batch took the rest
            pass
        if deliveries:
            self._attempt(route, DeliveryBatch(deliveries))

    def _attempt(self, route: Route, batch: DeliveryBatch) -> None:
        outcome = self._post(route, batch)
        # After the POST: its header counts the earlier attempts, from 0.
        batch.attempts += 1
        # The next attempt is scheduled first, since the log entry has its time.
        note = f"{batch.names} {self._follow_up(route, batch, outcome)}"
        self._request_log.event_grid("delivery", route.endpoint.url, outcome.status, note)

    def _follow_up(self, route: Route, batch: DeliveryBatch, outcome: DeliveryOutcome) -> str:
        """Schedule or give up after an attempt; return a note for the request log."""
        if outcome.accepted:
            return "delivered"
        delay = schedule.next_delay(batch.attempts, outcome.status)
        if delay is None:
            return self._give_up(route, batch, outcome, outcome.final_reason, "it is not retried")
        again = self._clock.now() + delay
        if again > batch.oldest + schedule.TIME_TO_LIVE:
            reason = "TimeToLiveExceeded"
            return self._give_up(route, batch, outcome, reason, "its time to live is over")
        self._scheduler.at(again, lambda: self._attempt(route, batch))
        return f"failed, tried again in {delay.total_seconds():.0f} s"

    def _give_up(
        self, route: Route, batch: DeliveryBatch, outcome: DeliveryOutcome, reason: str, why: str
    ) -> str:
        events = [
            {
                **each.event.envelope(self._topic, route.endpoint.schema),
                **outcome.dead_letter_fields(
                    reason, batch.attempts, each.published, self._clock.now()
                ),
            }
            for each in batch.deliveries
        ]
        disposition = self._dead_letters.store(route.name, events)
        return f"{disposition} after attempt {batch.attempts}: {why}"

    def _post(self, route: Route, batch: DeliveryBatch) -> DeliveryOutcome:
        content_type, body = self._body(route.endpoint.schema, batch)
        headers = {
            **dict(route.endpoint.headers),
            "Content-Type": f"{content_type}; charset=utf-8",
            "aeg-event-type": "Notification",
            "aeg-subscription-name": route.name,
            "aeg-delivery-count": str(batch.attempts),
            "aeg-data-version": "1.0",
            "aeg-metadata-version": "1",
            "aeg-output-event-id": batch.deliveries[0].event.event_id,
        }
        try:
            answer = self._http.post(route.endpoint.url, content=json.dumps(body), headers=headers)
        except httpx.TimeoutException:
            return DeliveryOutcome(None, "TimedOut")
        except (httpx.HTTPError, httpx.InvalidURL):
            return DeliveryOutcome(None, "SocketError")
        return DeliveryOutcome.of(answer.status_code)

    def _body(self, schema: EventSchema, batch: DeliveryBatch) -> tuple[str, Any]:
        events = [each.event.envelope(self._topic, schema) for each in batch.deliveries]
        if schema is EventSchema.EVENT_GRID:
            return "application/json", events
        if self._behaviours.now.events_per_post > 1:
            return "application/cloudevents-batch+json", events
        # Unlike an event in Event Grid's own schema, a single CloudEvent is no array.
        return "application/cloudevents+json", events[0]
