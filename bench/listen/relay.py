"""The relay: what the service tells goes through it to the gateway, late, lost or by other clocks.

Event Grid's deliveries and ACS's callbacks come here. It notes when the gateway took each event
about a participant: from then on Callvault can know of it.
"""

import asyncio
import json
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.listen.story import Callbacks, Story
from callvault.contracts.names import EVENTS_PATH

FORWARD_TIMEOUT = 28.0
RETRY_INTERVAL = 0.5
MAX_ATTEMPTS = 40
CALLBACKS_PATH = "/v1/callbacks"
_PRESENCE = ("CallParticipantAdded", "CallParticipantRemoved")
_TIMES = ("eventTime", "time")


@dataclass
class Told:
    """An event about a participant, and when the gateway took it."""

    raw_id: str
    joined: bool
    at: float
    """Time of the change by the event's own account, in seconds since the epoch."""
    taken_at: float


@dataclass
class Relay:
    """The relay; runs on the event loop beside the main thread."""

    gateway: str = ""
    stories: dict[str, Story] = field(default_factory=dict)
    """By serverCallId."""
    told: dict[str, list[Told]] = field(default_factory=dict)
    """By serverCallId."""
    last_callback: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = field(
        default_factory=dict
    )
    """Path, headers and event of the newest callback of each call, by serverCallId."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _http: httpx.AsyncClient = field(
        default_factory=lambda: httpx.AsyncClient(trust_env=False, timeout=FORWARD_TIMEOUT)
    )

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/events", self.events, methods=["POST"]),
                Route(CALLBACKS_PATH + "/{rest:path}", self.callback, methods=["POST"]),
            ]
        )

    async def events(self, request: Request) -> Response:
        """Take a delivery of Event Grid, and pass it on after the story's delay."""
        body = await request.json()
        if request.headers.get("aeg-event-type") != "Notification":
            answer = await self._post(EVENTS_PATH, body, _grid("SubscriptionValidation"))
            return JSONResponse(answer.json(), answer.status_code)
        for event in body:
            self._begin(self._deliver(event))
        return Response(status_code=200)

    async def callback(self, request: Request) -> Response:
        """Take a callback of ACS; the token covers no body and stays valid for minutes."""
        (event,) = await request.json()
        headers = {"authorization": request.headers["authorization"]}
        call_id = event["data"]["serverCallId"]
        self.last_callback[call_id] = (request.url.path, headers, event)
        told = self.stories.get(call_id)
        if told is None or told.callbacks is Callbacks.SENT:
            answer = await self._post(request.url.path, [event], headers)
            return Response(status_code=answer.status_code)
        if told.callbacks is Callbacks.LATE:
            self._begin(self._call_later(request.url.path, event, headers, told.callback_delay))
        return Response(status_code=200)

    async def tell_falsely(self, server_call_id: str, state: str, ahead: float) -> None:
        """Send a callback of the newest recording, with another state and time."""
        if server_call_id in self.last_callback:
            path, headers, event = self.last_callback[server_call_id]
            now = datetime.fromtimestamp(time.time() + ahead).astimezone().isoformat()
            false = {**event, "time": now, "data": {**event["data"], "state": state}}
            await self._post(path, [false], headers)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._http.aclose()

    async def _deliver(self, event: dict[str, Any]) -> None:
        call_id = _call(event)
        told = self.stories.get(call_id)
        if told:
            await asyncio.sleep(told.event_delay)
            _shift(event, told.clocks.event_grid)
        for _ in range(MAX_ATTEMPTS):
            if (await self._post(EVENTS_PATH, [event], _grid("Notification"))).is_success:
                self._note(call_id, event)
                return
            await asyncio.sleep(RETRY_INTERVAL)

    def _note(self, call_id: str, event: dict[str, Any]) -> None:
        if event["eventType"].endswith(_PRESENCE):
            raw_id = event["subject"].rpartition("/participant/")[2]
            at = datetime.fromisoformat(event["eventTime"]).timestamp()
            joined = event["eventType"].endswith(_PRESENCE[0])
            self.told.setdefault(call_id, []).append(Told(raw_id, joined, at, time.time()))

    async def _call_later(
        self, path: str, event: dict[str, Any], headers: dict[str, str], delay: float
    ) -> None:
        await asyncio.sleep(delay)
        await self._post(path, [event], headers)

    async def _post(self, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        if self._http.is_closed:  # the run is over
            return httpx.Response(503)
        try:
            return await self._http.post(
                self.gateway + path,
                content=json.dumps(body),
                headers={"content-type": "application/json", **headers},
            )
        except httpx.HTTPError:
            return httpx.Response(503)

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        # An event loop holds its tasks weakly: without this reference one may vanish.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _grid(kind: str) -> dict[str, str]:
    return {"aeg-event-type": kind}


def _call(event: dict[str, Any]) -> str:
    """Return the serverCallId; the subjects of file events have it behind the callId."""
    parts = event["subject"].split("/")
    name = "serverCallId" if "serverCallId" in parts else "call"
    return str(parts[parts.index(name) + 1])


def _shift(event: dict[str, Any], ahead: float) -> None:
    """Let the sender's clock be ahead."""
    for name in _TIMES:
        if name in event:
            then = datetime.fromisoformat(event[name]) + timedelta(seconds=ahead)
            event[name] = then.isoformat()
