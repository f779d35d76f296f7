"""Proxy between Event Grid and the gateway, and the webhook that receives Callvault's alarms.

It treats each event as the generator has drawn, and keeps a record of the gateway's answers. A 2xx
of the gateway is a promise, which the checker holds against it.
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

from bench.chaos.generator import Fate, Life
from callvault.contracts.alarms import Alarm
from callvault.contracts.names import EVENTS_PATH
from callvault.emulator.eventgrid.events import FILE_EVENT

ANSWER_WITHIN = 28.0
TRIES_AGAIN = 1.0
"""Seconds until a held event is delivered to the gateway once more."""


@dataclass
class Sighting:
    """An event that Event Grid has sent, by its id."""

    life: int
    documents: frozenset[str]
    """The files it announces; none for an event about the call."""
    fate: Fate
    seen: float
    taken: float | None = None
    """Time of the gateway's first 2xx: from then on Callvault must not lose the event."""


@dataclass
class Heard:
    """An alarm, and when it came."""

    alarm: Alarm
    at: float


@dataclass
class Road:
    """The proxy; runs on the event loop beside the main thread."""

    gateway: str
    export_window: float
    lives: dict[str, Life] = field(default_factory=dict)
    """By callId and by serverCallId: the workload registers a call before it has events."""
    sightings: dict[str, Sighting] = field(default_factory=dict)
    alarms: list[Heard] = field(default_factory=list)
    fates: Counter[Fate] = field(default_factory=Counter)
    strangers: list[str] = field(default_factory=list)
    """Events of calls unknown to the workload, as the emulator died while it answered for them."""
    _held: set[asyncio.Task[None]] = field(default_factory=set)
    _http: httpx.AsyncClient = field(
        default_factory=lambda: httpx.AsyncClient(trust_env=False, timeout=ANSWER_WITHIN)
    )

    def app(self) -> Starlette:
        routes = [
            Route("/events", self.events, methods=["POST"]),
            Route("/alarms", self.hear, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def hear(self, request: Request) -> Response:
        self.alarms.append(Heard(Alarm.model_validate((await request.json())["data"]), time.time()))
        return Response(status_code=202)

    async def events(self, request: Request) -> Response:
        """Take Event Grid's deliveries; its handshake is passed on unchanged."""
        body = await request.json()
        if request.headers.get("aeg-event-type") != "Notification":
            return await self._pass_on(body)
        (event,) = body
        # The emulator can die after it has made a call and before it answers: no life owns it.
        if _call(event) not in self.lives:
            self.strangers.append(event["subject"])
            return Response(status_code=200)
        sighting, fate = self._seen(event)
        match fate:
            case Fate.LOST:
                return Response(status_code=200)
            case Fate.REFUSED:
                return Response(status_code=403)
            case Fate.LATE | Fate.TOO_LATE:
                self._hold(event, sighting)
                return Response(status_code=200)
            case Fate.TWICE:
                self._hold(event, sighting)
        return await self._deliver(event, sighting)

    def _seen(self, event: dict[str, Any]) -> tuple[Sighting, Fate]:
        life = self.lives[_call(event)]
        is_file = event["eventType"] == FILE_EVENT
        fate = life.files if is_file else life.call_end
        documents = _documents(event) if is_file else frozenset()
        if event["id"] not in self.sightings:
            self.fates[fate] += 1
            self.sightings[event["id"]] = Sighting(life.number, documents, fate, time.time())
        return self.sightings[event["id"]], fate

    def _hold(self, event: dict[str, Any], sighting: Sighting) -> None:
        life = self.lives[_call(event)]
        lag = life.lag(len(self.sightings))
        if sighting.fate is Fate.TOO_LATE:
            lag += self.export_window
        task = asyncio.create_task(self._bring(event, sighting, lag))
        self._held.add(task)
        task.add_done_callback(self._held.discard)

    async def _bring(self, event: dict[str, Any], sighting: Sighting, lag: float) -> None:
        await asyncio.sleep(lag)
        while (await self._deliver(event, sighting)).status_code >= 300:
            await asyncio.sleep(TRIES_AGAIN)

    async def _deliver(self, event: dict[str, Any], sighting: Sighting) -> Response:
        answer = await self._pass_on([event])
        if answer.status_code < 300 and sighting.taken is None:
            sighting.taken = time.time()
        return answer

    async def _pass_on(self, body: Any) -> Response:
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
        return not self._held


def _is_handshake(body: Any) -> bool:
    return bool(body[0]["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent")


def _call(event: dict[str, Any]) -> str:
    """Read the callId, or the serverCallId, from an event's subject."""
    parts = event["subject"].split("/")
    return str(parts[parts.index("call") + 1])


def _documents(event: dict[str, Any]) -> frozenset[str]:
    chunks = event["data"]["recordingStorageInfo"]["recordingChunks"]
    return frozenset(chunk["documentId"] for chunk in chunks)
