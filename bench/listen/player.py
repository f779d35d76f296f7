"""Plays the story of one call: its participants, its backend, and the moods of the service."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
from temporalio.client import Client

from bench.listen.record import Deed, Played, short
from bench.listen.relay import Relay
from bench.listen.requests import Requests
from bench.listen.stack import BEARER
from bench.listen.story import REQUESTS, WORKER_STEPS, Step, Story, Verb
from bench.listen.storyteller import GUESTS
from callvault.contracts import names

ANSWER_TIMEOUT = 30.0
"""Seconds for which an answer is awaited."""
LAST_ANSWERS = 5.0
"""Seconds after a call's end for which its last answers are awaited."""
API = "api-version=2026-03-12"


@dataclass
class World:
    """The addresses and clients that all calls share."""

    gateway: str
    control: str
    """Base URL of the emulator's control API."""
    acs: str
    """Base URL of the emulated service."""
    participant_key: str
    http: httpx.AsyncClient
    temporal: Client
    relay: Relay

    def hashed(self, raw_id: str) -> str:
        """Hash a participant as the contracts say."""
        return hmac.digest(self.participant_key.encode(), raw_id.encode(), hashlib.sha256).hex()


class Player:
    """Plays one story."""

    def __init__(self, world: World, story: Story) -> None:
        self.world = world
        self.played = Played(story)
        self.played.participants = {
            number: f"8:acs:{uuid4()}_{uuid4()}" for number in range(story.people + GUESTS)
        }
        self._requests = Requests(world, self.played)
        self._pending: list[asyncio.Task[None]] = []

    async def play(self, begins: float) -> Played:
        """Play the story from the moment ``begins`` until the call has ended."""
        await _until(begins)
        await self._create_call()
        try:
            for step in self.played.story.steps:
                await _until(self.played.began + step.at)
                self._pending.append(asyncio.create_task(self._carry_out(step)))
            await _until(self.played.began + self.played.story.length)
            await self._end_call()
        finally:
            for task in self._pending:
                task.cancel()
            await asyncio.gather(*self._pending, return_exceptions=True)
        return self.played

    async def _create_call(self) -> None:
        played, story = self.played, self.played.story
        people = [self._person(number) for number in range(story.people)]
        body = {
            "participants": people,
            "clockOffsetSeconds": story.clocks.service,
            "startDelaySeconds": story.start_delay,
        }
        call = await self._control("POST", "/calls", body)
        played.began = time.time()
        played.server_call_id, played.call_id = call["serverCallId"], call["callId"]
        played.workflow_id = names.workflow_id(played.server_call_id)
        self.world.relay.stories[played.server_call_id] = story
        for number in range(story.people):
            played.presence[number] = [(played.began, float("inf"))]

    async def _carry_out(self, step: Step) -> None:
        if step.verb in WORKER_STEPS:
            return  # the main thread does that
        deed = Deed(step, time.time())
        self.played.deeds.append(deed)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self._done(step)(deed)
        except (httpx.HTTPError, TimeoutError) as error:
            deed.answer = deed.answer or f"no answer: {type(error).__name__}"

    def _done(self, step: Step) -> Callable[[Deed], Awaitable[None]]:
        if step.verb in REQUESTS:
            return self._requests.send
        return {
            Verb.JOIN: self._join,
            Verb.LEAVE: self._leave,
            Verb.FAULT: self._fault,
            Verb.FOREIGN_RESUME: self._foreign("resume"),
            Verb.FOREIGN_PAUSE: self._foreign("pause"),
            Verb.FALSE_CALLBACK: self._false_callback,
        }[step.verb]

    async def _join(self, deed: Deed) -> None:
        number, played = deed.step.who, self.played
        if played.presence.get(number) and played.presence[number][-1][1] == float("inf"):
            return
        await self._control("POST", f"/calls/{played.call_id}/participants", self._person(number))
        played.presence.setdefault(number, []).append((deed.sent, float("inf")))

    async def _leave(self, deed: Deed) -> None:
        number, played = deed.step.who, self.played
        spans = played.presence.get(number)
        if not spans or spans[-1][1] != float("inf"):
            return
        raw_id = quote(played.participants[number], safe="")
        await self._control("DELETE", f"/calls/{played.call_id}/participants/{raw_id}")
        spans[-1] = (spans[-1][0], time.time())

    async def _fault(self, deed: Deed) -> None:
        rule = {"callId": self.played.call_id, **deed.step.more}
        await self._control("POST", "/faults", rule)

    def _foreign(self, operation: str) -> Callable[[Deed], Awaitable[None]]:
        async def change(deed: Deed) -> None:
            truth = await self._control("GET", f"/calls/{self.played.call_id}")
            running = [each for each in truth["recordings"] if each["endedAt"] is None]
            if not running:
                return
            deed.sent = time.time()
            path = f"/calling/recordings/{running[-1]['recordingId']}:{operation}?{API}"
            answer = await self.world.http.post(
                self.world.acs + path, headers={"authorization": f"Bearer {BEARER}"}
            )
            deed.answered, deed.is_done = time.time(), True
            deed.answer = f"HTTP {answer.status_code}"

        return change

    async def _false_callback(self, deed: Deed) -> None:
        more = deed.step.more
        relay = self.world.relay
        await relay.tell_falsely(self.played.server_call_id, more["state"], more["ahead"])

    async def _end_call(self) -> None:
        played = self.played
        await self._control("DELETE", f"/calls/{played.call_id}")
        played.ended = time.time()
        if self._pending:
            await asyncio.wait(self._pending, timeout=LAST_ANSWERS)
        played.told = self.world.relay.told.get(played.server_call_id, [])

    def _person(self, number: int) -> dict[str, Any]:
        raw_id = self.played.participants[number]
        return {"displayName": f"P{number}", "rawId": raw_id, "tellsTime": True}

    async def _control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.world.http.request(method, self.world.control + path, json=body)
        if answer.status_code >= 400:
            raise httpx.RequestError(f"{method} {path}: {short(answer.text)}")
        return answer.json() if answer.content else None


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.time()))
