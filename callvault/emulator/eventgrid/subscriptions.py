"""One Event Grid topic and its subscriptions: handshake, delivery, and faults of delivery."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from threading import Lock
from uuid import uuid4

import httpx

from callvault.emulator.behaviours import LiveBehaviours
from callvault.emulator.clock import EmulatorClock, service_time
from callvault.emulator.eventgrid.dead_letters import DeadLetterDestination
from callvault.emulator.eventgrid.delivery import Delivery, DeliveryWorker, Route
from callvault.emulator.eventgrid.events import GridEvent
from callvault.emulator.request_log import RequestLog
from callvault.emulator.scheduler import Scheduler
from callvault.emulator.settings import EmulatorSettings, EventGridEndpoint, EventSchema

_DELIVERY_TIMEOUT = 30.0
"""Seconds Event Grid waits for a webhook."""
_MAX_HANDSHAKES = 12
_FIRST_HANDSHAKE_DELAY, _MAX_HANDSHAKE_DELAY = timedelta(seconds=0.2), timedelta(seconds=5)
"""Between handshakes. The service waits 5 s; a webhook that starts beside the emulator is up
sooner."""
_DISORDER_DELAY = timedelta(seconds=10)
_DUPLICATE_DELAY = timedelta(seconds=1)
ORIGIN = "eventgrid.azure.net"
_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"


class SubscriptionState(StrEnum):
    """State of a subscription's handshake."""

    VALIDATING = "validating"
    ACTIVE = "active"
    FAILED = "failed"


@dataclass
class Subscription:
    route: Route
    state: SubscriptionState = SubscriptionState.VALIDATING
    waiting: list[Delivery] = field(default_factory=list)
    """Events published before the handshake was done."""

    @property
    def name(self) -> str:
        return self.route.name

    @property
    def endpoint(self) -> EventGridEndpoint:
        return self.route.endpoint

    def wants(self, event: GridEvent) -> bool:
        return not self.endpoint.event_types or event.event_type in self.endpoint.event_types


class DeliveryFaults:
    """Duplicates, disorder, delay and loss of events, drawn from the seed in publishing order."""

    def __init__(self, seed: int, behaviours: LiveBehaviours) -> None:
        self._random = Random(f"deliveries {seed}")  # noqa: S311 - reproducible chance is wanted
        self._behaviours = behaviours

    def delays(self) -> tuple[timedelta, ...]:
        """Draw the delays of the next event's deliveries: none if lost, two if duplicated."""
        wanted = self._behaviours.now
        # Always three draws, so that one behaviour does not shift the chances of the others.
        lost, late, twice = (self._random.random() for _ in range(3))
        if lost < wanted.event_loss:
            return ()
        held_back = _DISORDER_DELAY if late < wanted.event_disorder else timedelta(0)
        delay = timedelta(seconds=wanted.event_lag_seconds) + held_back
        return (delay, delay + _DUPLICATE_DELAY) if twice < wanted.event_duplicates else (delay,)


class EventGrid:
    """The topic; every handshake and every delivery is a job of the scheduler."""

    def __init__(
        self,
        settings: EmulatorSettings,
        behaviours: LiveBehaviours,
        clock: EmulatorClock,
        scheduler: Scheduler,
        request_log: RequestLog,
    ) -> None:
        self._topic = settings.topic
        self._clock = clock
        self._scheduler = scheduler
        self._request_log = request_log
        # No proxies of the environment: webhooks are on this machine or named by its user.
        self._http = httpx.Client(timeout=_DELIVERY_TIMEOUT, trust_env=False)
        self._faults = DeliveryFaults(settings.seed, behaviours)
        dead_letters = DeadLetterDestination(
            settings.dead_letters.get_secret_value(),
            settings.dead_letter_delay,
            clock,
            scheduler,
            request_log,
        )
        self._delivery_worker = DeliveryWorker(
            self._http, self._topic, clock, scheduler, request_log, behaviours, dead_letters
        )
        self._lock = Lock()
        self._subscriptions: list[Subscription] = []

    @property
    def subscriptions(self) -> list[Subscription]:
        with self._lock:
            return list(self._subscriptions)

    def subscribe(self, endpoint: EventGridEndpoint) -> Subscription:
        """Subscribe a webhook; its handshake runs in the background."""
        with self._lock:
            # In upper case, as Event Grid writes the names of subscriptions into its headers.
            name = f"CALLVAULT-EMULATOR-{len(self._subscriptions) + 1}"
            subscription = Subscription(Route(name, endpoint))
            self._subscriptions.append(subscription)
        self._scheduler.soon(lambda: self._validate(subscription, 1))
        return subscription

    def publish(self, event: GridEvent) -> None:
        """Deliver an event to the subscriptions that want it, with the faults of the behaviours."""
        delivery = Delivery(event, self._clock.now())
        for subscription in self.subscriptions:
            if subscription.wants(event):
                self._deliver(subscription, delivery)

    def _deliver(self, subscription: Subscription, delivery: Delivery) -> None:
        delays = self._faults.delays()
        if not delays:
            event = delivery.event
            self._request_log.note(
                "lost", f"{event.event_type} {event.event_id} as event_loss says"
            )
        for delay in delays:
            if delay:
                due = delivery.published + delay
                self._scheduler.at(due, lambda: self._enqueue(subscription, delivery))
            else:
                self._enqueue(subscription, delivery)

    def close(self) -> None:
        self._http.close()

    def _enqueue(self, subscription: Subscription, delivery: Delivery) -> None:
        with self._lock:
            if subscription.state is SubscriptionState.VALIDATING:
                subscription.waiting.append(delivery)
            elif subscription.state is SubscriptionState.ACTIVE:
                self._delivery_worker.dispatch(subscription.route, delivery)

    def _validate(self, subscription: Subscription, attempt: int) -> None:
        agreed, status = self._ask(subscription)
        note = "validated" if agreed else f"attempt {attempt} of {_MAX_HANDSHAKES} failed"
        self._request_log.event_grid("handshake", subscription.endpoint.url, status, note)
        if agreed:
            self._settle(subscription, SubscriptionState.ACTIVE)
        elif attempt == _MAX_HANDSHAKES:
            self._settle(subscription, SubscriptionState.FAILED)
        else:
            delay = min(_FIRST_HANDSHAKE_DELAY * 2 ** (attempt - 1), _MAX_HANDSHAKE_DELAY)
            again = self._clock.now() + delay
            self._scheduler.at(again, lambda: self._validate(subscription, attempt + 1))

    def _ask(self, subscription: Subscription) -> tuple[bool, int | None]:
        now = self._clock.now()
        try:
            return perform_handshake(
                self._http, subscription.endpoint, subscription.name, self._topic, now
            )
        except httpx.HTTPError:
            return False, None

    def _settle(self, subscription: Subscription, state: SubscriptionState) -> None:
        with self._lock:
            subscription.state = state
            waiting, subscription.waiting = subscription.waiting, []
        # Without the lock, which `_enqueue` takes.
        for delivery in waiting:
            self._enqueue(subscription, delivery)


def perform_handshake(
    http: httpx.Client, endpoint: EventGridEndpoint, name: str, topic: str, now: datetime
) -> tuple[bool, int]:
    """Validate a webhook once, in the form of its schema; return its consent and status."""
    if endpoint.schema is EventSchema.CLOUD_EVENTS:
        return _by_options(http, endpoint.url)
    return _by_echo(http, endpoint.url, name, topic, now)


def _by_options(http: httpx.Client, url: str) -> tuple[bool, int]:
    answer = http.options(url, headers={"WebHook-Request-Origin": ORIGIN})
    allowed = answer.headers.get("WebHook-Allowed-Origin", "")
    return answer.status_code == httpx.codes.OK and allowed in {ORIGIN, "*"}, answer.status_code


def _by_echo(
    http: httpx.Client, url: str, name: str, topic: str, now: datetime
) -> tuple[bool, int]:
    code = str(uuid4()).upper()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "aeg-event-type": "SubscriptionValidation",
        "aeg-subscription-name": name,
        "aeg-delivery-count": "0",
        "aeg-data-version": "1",
        "aeg-metadata-version": "1",
    }
    event = {
        "id": str(uuid4()),
        "topic": topic,
        "subject": "",
        "data": {"validationCode": code},
        "eventType": _VALIDATION,
        "eventTime": service_time(now),
        "metadataVersion": "1",
        "dataVersion": "1",
    }
    answer = http.post(url, content=json.dumps([event]), headers=headers)
    # Of all 2xx, Event Grid takes 200 alone for consent.
    return answer.status_code == httpx.codes.OK and _echo(answer) == code, answer.status_code


def _echo(answer: httpx.Response) -> str | None:
    try:
        body = answer.json()
    except ValueError:
        return None
    return body.get("validationResponse") if isinstance(body, dict) else None
