"""Dead letters: undelivered events, written to a directory or a container minutes later."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from callvault.emulator.clock import EmulatorClock, service_time
from callvault.emulator.eventgrid import retry_schedule as schedule
from callvault.emulator.request_log import RequestLog
from callvault.emulator.scheduler import Scheduler


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """The outcome of an attempt to deliver."""

    status: int | None
    """None without an answer."""
    name: str
    """In the words of ``lastDeliveryOutcome``."""

    @classmethod
    def of(cls, status: int) -> Self:
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = "GenericError"
        return cls(status, phrase.replace(" ", "").replace("-", ""))

    @property
    def accepted(self) -> bool:
        return schedule.accepted(self.status)

    @property
    def final_reason(self) -> str:
        """``deadLetterReason`` of an event that is not tried again."""
        if schedule.is_final(self.status):
            return f"UndeliverableDueToHttp{self.name}"
        return "MaxDeliveryAttemptsExceeded"

    def dead_letter_fields(
        self, reason: str, attempts: int, published: datetime, last: datetime
    ) -> dict[str, Any]:
        """Return the fields that a dead letter adds to the event's own."""
        status = {} if self.status is None else {"lastHttpStatusCode": self.status}
        return {
            "deadLetterReason": reason,
            "deliveryAttempts": attempts,
            "lastDeliveryOutcome": self.name,
            **status,
            "publishTime": service_time(published),
            "lastDeliveryAttemptTime": service_time(last),
        }


class DeadLetterDestination:
    """Store of dead letters.

    ``destination`` is a directory, the URL of a container, or empty for none.
    """

    def __init__(
        self,
        destination: str,
        delay: timedelta,
        clock: EmulatorClock,
        scheduler: Scheduler,
        request_log: RequestLog,
    ) -> None:
        self._destination = destination
        self._delay = delay
        self._clock = clock
        self._scheduler = scheduler
        self._request_log = request_log

    def store(self, subscription: str, events: list[dict[str, Any]]) -> str:
        """Drop the events, or schedule their dead letter; return a word for the request log."""
        if not self._destination:
            return "dropped"
        due = self._clock.now() + self._delay
        self._scheduler.at(due, lambda: self._store(subscription, events))
        return "dead-lettered"

    def _store(self, subscription: str, events: list[dict[str, Any]]) -> None:
        now = self._clock.now()
        name = f"{subscription}/{now.year}/{now.month}/{now.day}/{now.hour}/{uuid4()}.json"
        body = json.dumps(events).encode()
        try:
            self._write(name, body)
        except Exception as error:
            self._request_log.failure(f"dead letter {name} could not be written: {error!r}")
        else:
            self._request_log.note("deadLetter", name)

    def _write(self, name: str, body: bytes) -> None:
        if self._destination.startswith(("http://", "https://")):
            from azure.storage.blob import ContainerClient

            with ContainerClient.from_container_url(self._destination) as container:
                container.upload_blob(name, body)
            return
        path = Path(self._destination, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
