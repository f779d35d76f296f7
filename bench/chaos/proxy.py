"""Proxy between Event Grid and the gateway, and the webhook that receives Callvault's alarms.

It treats each event as the generator has drawn, and records the gateway's answers. After a 2xx of
the gateway the event must not be lost, which the checker verifies.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.chaos.alarm_receiver import AlarmReceiver
from bench.chaos.generator import DeliveryMode, Scenario
from callvault.contracts.alarms import Alarm
from callvault.contracts.names import EVENTS_PATH
from callvault.emulator.eventgrid.events import FILE_EVENT

# Below the 30 s for which Event Grid waits: the proxy has to answer before.
FORWARD_TIMEOUT = 28.0
RETRY_INTERVAL = 1.0
"""Seconds until a delayed event that the gateway did not accept is delivered again."""


@dataclass
class SentEvent:
    """An event that Event Grid has sent, by its id."""

    scenario: int
    documents: frozenset[str]
    """The files it announces; none for an event about the call."""
    mode: DeliveryMode
    sent_at: float
    accepted_at: float | None = None
    """Time of the gateway's first 2xx: from then on Callvault must not lose the event."""
    body: dict[str, Any] = field(default_factory=dict)
    """The event itself, as an operator has it in a copy."""


@dataclass
class ReceivedAlarm:
    """An alarm and its time of receipt."""

    alarm: Alarm
    at: float


@dataclass(frozen=True)
class RefusedAlarm:
    """An alarm that its receiver did not believe, and why."""

    why: str
    at: float


@dataclass
class Proxy:
    """The proxy; runs on the event loop beside the main thread."""

    gateway: str
    export_window: float
    scenarios: dict[str, Scenario] = field(default_factory=dict)
    """By callId and by serverCallId: the workload registers a call before it has events."""
    sent_events: dict[str, SentEvent] = field(default_factory=dict)
    alarms: list[ReceivedAlarm] = field(default_factory=list)
    refused_alarms: list[RefusedAlarm] = field(default_factory=list)
    receiver: AlarmReceiver = field(default_factory=AlarmReceiver)
    modes: Counter[DeliveryMode] = field(default_factory=Counter)
    unknown_calls: list[str] = field(default_factory=list)
    """Events of calls unknown to the workload: the emulator was killed before its answer."""
    _delayed: set[asyncio.Task[None]] = field(default_factory=set)
    _http: httpx.AsyncClient = field(
        default_factory=lambda: httpx.AsyncClient(trust_env=False, timeout=FORWARD_TIMEOUT)
    )

    def app(self) -> Starlette:
        routes = [
            Route("/events", self.events, methods=["POST"]),
            Route("/alarms", self.receive_alarm, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def receive_alarm(self, request: Request) -> Response:
        if problem := self.receiver.problem(request.headers, await request.body(), time.time()):
            self.refused_alarms.append(RefusedAlarm(problem, time.time()))
            return Response(status_code=401)
        self.alarms.append(
            ReceivedAlarm(Alarm.model_validate((await request.json())["data"]), time.time())
        )
        return Response(status_code=202)

    async def events(self, request: Request) -> Response:
        """Take Event Grid's deliveries; its handshake is passed on unchanged."""
        body = await request.json()
        if request.headers.get("aeg-event-type") != "Notification":
            return await self._forward(body)
        (event,) = body
        # The emulator can be killed between making a call and answering: no scenario has that call.
        if _call(event) not in self.scenarios:
            self.unknown_calls.append(event["subject"])
            return Response(status_code=200)
        sent_event, mode = self._seen(event)
        match mode:
            case DeliveryMode.LOST:
                # Accepted, so that Event Grid never brings it again.
                return Response(status_code=200)
            case DeliveryMode.REFUSED:
                # Event Grid retries no 403: the event becomes a dead letter at once.
                return Response(status_code=403)
            case DeliveryMode.LATE | DeliveryMode.TOO_LATE:
                self._delay(event, sent_event)
                return Response(status_code=200)
            case DeliveryMode.TWICE:
                self._delay(event, sent_event)
        return await self._deliver(event, sent_event)

    def _seen(self, event: dict[str, Any]) -> tuple[SentEvent, DeliveryMode]:
        scenario = self.scenarios[_call(event)]
        is_file = event["eventType"] == FILE_EVENT
        mode = scenario.files if is_file else scenario.call_end
        documents = _documents(event) if is_file else frozenset()
        # An event that was not accepted comes again under the same id, and is counted once.
        if event["id"] not in self.sent_events:
            self.modes[mode] += 1
            self.sent_events[event["id"]] = SentEvent(
                scenario.number, documents, mode, time.time(), body=event
            )
        return self.sent_events[event["id"]], mode

    def _delay(self, event: dict[str, Any], sent_event: SentEvent) -> None:
        scenario = self.scenarios[_call(event)]
        lag = scenario.lag(len(self.sent_events))
        if sent_event.mode is DeliveryMode.TOO_LATE:
            lag += self.export_window
        task = asyncio.create_task(self._deliver_late(event, sent_event, lag))
        # An event loop holds its tasks weakly: without this reference one may vanish.
        self._delayed.add(task)
        task.add_done_callback(self._delayed.discard)

    async def _deliver_late(self, event: dict[str, Any], sent_event: SentEvent, lag: float) -> None:
        await asyncio.sleep(lag)
        while (await self._deliver(event, sent_event)).status_code >= 300:
            await asyncio.sleep(RETRY_INTERVAL)

    async def _deliver(self, event: dict[str, Any], sent_event: SentEvent) -> Response:
        answer = await self._forward([event])
        if answer.status_code < 300 and sent_event.accepted_at is None:
            sent_event.accepted_at = time.time()
        return answer

    async def _forward(self, body: Any) -> Response:
        kind = "SubscriptionValidation" if _is_handshake(body) else "Notification"
        try:
            answer = await self._http.post(
                self.gateway + EVENTS_PATH, json=body, headers={"aeg-event-type": kind}
            )
        except httpx.HTTPError:
            return Response(status_code=502)
        if kind == "SubscriptionValidation" and answer.is_success:
            return JSONResponse(answer.json())
        return Response(status_code=answer.status_code)

    async def close(self) -> None:
        await self._http.aclose()

    @property
    def is_empty(self) -> bool:
        """True if the proxy holds no event."""
        return not self._delayed


def _is_handshake(body: Any) -> bool:
    return bool(body[0]["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent")


def _call(event: dict[str, Any]) -> str:
    """Read the callId, or the serverCallId, from an event's subject."""
    parts = event["subject"].split("/")
    return str(parts[parts.index("call") + 1])


def _documents(event: dict[str, Any]) -> frozenset[str]:
    chunks = event["data"]["recordingStorageInfo"]["recordingChunks"]
    return frozenset(chunk["documentId"] for chunk in chunks)
