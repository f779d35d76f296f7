"""One event on its way to one webhook: attempts, until it is accepted or dropped."""

import json
from dataclasses import dataclass
from datetime import datetime

import httpx

from callvault.emulator.agenda import Agenda
from callvault.emulator.clock import EmulatorClock
from callvault.emulator.journal import Journal
from callvault.emulator.settings import EventGridEndpoint, EventSchema

from . import schedule
from .events import GridEvent


@dataclass
class Delivery:
    event: GridEvent
    endpoint: EventGridEndpoint
    subscription: str
    published: datetime
    attempts: int = 0


class Courier:
    """Posts deliveries and puts the failed ones back on the agenda."""

    def __init__(
        self,
        http: httpx.Client,
        topic: str,
        clock: EmulatorClock,
        agenda: Agenda,
        journal: Journal,
    ) -> None:
        self._http = http
        self._topic = topic
        self._clock = clock
        self._agenda = agenda
        self._journal = journal

    def dispatch(self, delivery: Delivery) -> None:
        self._agenda.soon(lambda: self._attempt(delivery))

    def _attempt(self, delivery: Delivery) -> None:
        try:
            status = self._post(delivery)
        except httpx.HTTPError:
            status = None
        delivery.attempts += 1
        event = delivery.event.event_type.rpartition(".")[2]
        note = f"{event} {self._follow_up(delivery, status)}"
        self._journal.event_grid("delivery", delivery.endpoint.url, status, note)

    def _follow_up(self, delivery: Delivery, status: int | None) -> str:
        """Decide what comes after an attempt, and say it."""
        if schedule.accepted(status):
            return "delivered"
        delay = schedule.next_delay(delivery.attempts, status)
        if delay is None:
            return f"dropped after attempt {delivery.attempts}: it is not retried"
        again = self._clock.now() + delay
        if again > delivery.published + schedule.TIME_TO_LIVE:
            return f"dropped after attempt {delivery.attempts}: its time to live is over"
        self._agenda.at(again, lambda: self._attempt(delivery))
        return f"failed, tried again in {delay.total_seconds():.0f} s"

    def _post(self, delivery: Delivery) -> int:
        schema = delivery.endpoint.schema
        content_type = (
            "application/cloudevents+json"
            if schema is EventSchema.CLOUD_EVENTS
            else "application/json"
        )
        answer = self._http.post(
            delivery.endpoint.url,
            content=json.dumps(delivery.event.body(self._topic, schema)),
            headers={
                "Content-Type": f"{content_type}; charset=utf-8",
                "aeg-event-type": "Notification",
                "aeg-subscription-name": delivery.subscription,
                "aeg-delivery-count": str(delivery.attempts),
                "aeg-data-version": "1.0",
                "aeg-metadata-version": "1",
                "aeg-output-event-id": delivery.event.event_id,
            },
        )
        return answer.status_code
