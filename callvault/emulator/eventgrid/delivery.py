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
from callvault.emulator.eventgrid.dead_letters import DeadLetters, Outcome
from callvault.emulator.eventgrid.events import GridEvent
from callvault.emulator.request_log import Journal
from callvault.emulator.scheduler import Agenda
from callvault.emulator.settings import EventGridEndpoint, EventSchema

_GATHERING = timedelta(seconds=0.2)
"""Time that a batch waits for more events."""


@dataclass(frozen=True, slots=True)
class Delivery:
    event: GridEvent
    published: datetime


@dataclass
class Parcel:
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


class Courier:
    """Posts events to webhooks and schedules the next attempt of those that failed."""

    def __init__(
        self,
        http: httpx.Client,
        topic: str,
        clock: EmulatorClock,
        agenda: Agenda,
        journal: Journal,
        behaviours: LiveBehaviours,
        dead_letters: DeadLetters,
    ) -> None:
        self._http = http
        self._topic = topic
        self._clock = clock
        self._agenda = agenda
        self._journal = journal
        self._behaviours = behaviours
        self._dead_letters = dead_letters

    def dispatch(self, route: Route, delivery: Delivery) -> None:
        route.waiting.append(delivery)
        batches = self._behaviours.now.events_per_post > 1
        due = self._clock.now() + (_GATHERING if batches else timedelta(0))
        self._agenda.at(due, lambda: self._collect(route))

    def _collect(self, route: Route) -> None:
        """Send the waiting events, at most a batch; called once for every dispatch."""
        deliveries: list[Delivery] = []
        try:
            while len(deliveries) < self._behaviours.now.events_per_post:
                deliveries.append(route.waiting.popleft())
        except IndexError:  # an earlier batch took the rest
            pass
        if deliveries:
            self._attempt(route, Parcel(deliveries))

    def _attempt(self, route: Route, parcel: Parcel) -> None:
        outcome = self._post(route, parcel)
        parcel.attempts += 1
        # The next attempt is scheduled first, since the log entry has its time.
        note = f"{parcel.names} {self._follow_up(route, parcel, outcome)}"
        self._journal.event_grid("delivery", route.endpoint.url, outcome.status, note)

    def _follow_up(self, route: Route, parcel: Parcel, outcome: Outcome) -> str:
        """Schedule or give up after an attempt; return a note for the request log."""
        if outcome.accepted:
            return "delivered"
        delay = schedule.next_delay(parcel.attempts, outcome.status)
        if delay is None:
            return self._give_up(route, parcel, outcome, outcome.final_reason, "it is not retried")
        again = self._clock.now() + delay
        if again > parcel.oldest + schedule.TIME_TO_LIVE:
            reason = "TimeToLiveExceeded"
            return self._give_up(route, parcel, outcome, reason, "its time to live is over")
        self._agenda.at(again, lambda: self._attempt(route, parcel))
        return f"failed, tried again in {delay.total_seconds():.0f} s"

    def _give_up(
        self, route: Route, parcel: Parcel, outcome: Outcome, reason: str, why: str
    ) -> str:
        letters = [
            {
                **each.event.envelope(self._topic, route.endpoint.schema),
                **outcome.letter(reason, parcel.attempts, each.published, self._clock.now()),
            }
            for each in parcel.deliveries
        ]
        fate = self._dead_letters.take(route.name, letters)
        return f"{fate} after attempt {parcel.attempts}: {why}"

    def _post(self, route: Route, parcel: Parcel) -> Outcome:
        content_type, body = self._body(route.endpoint.schema, parcel)
        headers = {
            **dict(route.endpoint.headers),
            "Content-Type": f"{content_type}; charset=utf-8",
            "aeg-event-type": "Notification",
            "aeg-subscription-name": route.name,
            "aeg-delivery-count": str(parcel.attempts),
            "aeg-data-version": "1.0",
            "aeg-metadata-version": "1",
            "aeg-output-event-id": parcel.deliveries[0].event.event_id,
        }
        try:
            answer = self._http.post(route.endpoint.url, content=json.dumps(body), headers=headers)
        except httpx.TimeoutException:
            return Outcome(None, "TimedOut")
        except (httpx.HTTPError, httpx.InvalidURL):
            return Outcome(None, "SocketError")
        return Outcome.of(answer.status_code)

    def _body(self, schema: EventSchema, parcel: Parcel) -> tuple[str, Any]:
        events = [each.event.envelope(self._topic, schema) for each in parcel.deliveries]
        if schema is EventSchema.EVENT_GRID:
            return "application/json", events
        if self._behaviours.now.events_per_post > 1:
            return "application/cloudevents-batch+json", events
        return "application/cloudevents+json", events[0]
