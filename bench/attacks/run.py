"""Authentic deliveries and pauses while an attack runs, and how long they take."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.attacks.attackers import ATTACKS, Attack
from bench.attacks.target import API_KEY, Gateway, Target, target
from bench.storm.load import AUTHENTIC, BROKEN, Line, lines, post
from callvault.contracts import names

MAX_TRIES = 10
"""Times that a delivery or a pause is sent; what needs more is lost."""

RETRY_INTERVAL = 0.2
"""Seconds before the same is sent again; Event Grid waits longer."""

DELIVERY_BAR = 0.5
PAUSE_BAR = 5.0
"""Seconds within which 99 of 100 authentic deliveries, and pauses, must be answered 200."""


@dataclass(frozen=True)
class Scale:
    """Amounts for each attack."""

    seconds: float = 20
    rate: float = 20
    """Authentic deliveries a second."""
    pause_interval: float = 0.5
    calls: int = 4


SHORT = Scale(seconds=3, rate=5, pause_interval=0.5, calls=2)


@dataclass
class Answers:
    """Seconds from the due time to the answer 200, attempts in between included."""

    seconds: list[float] = field(default_factory=list)
    resent: int = 0
    lost: list[int] = field(default_factory=list)
    """The last status of those never answered 200."""

    def quantile(self, share: float) -> float:
        """Return the seconds within which this share came; infinite if any was lost."""
        if self.lost or not self.seconds:
            return float("inf")
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass
class Findings:
    """The measurements during one attack."""

    attack: str
    deliveries: Answers
    pauses: Answers
    memory: int
    """MiB of the gateway at the attack's end."""

    def problems(self) -> list[str]:
        """Say what was lost."""
        lost = {"deliveries": self.deliveries.lost, "pauses": self.pauses.lost}
        return [f"{self.attack}: {kind} lost ({said})" for kind, said in lost.items() if said]

    def above_bars(self) -> list[str]:
        """Say what took too long; a busy machine may be the reason."""
        bars = (("a delivery", self.deliveries, DELIVERY_BAR), ("a pause", self.pauses, PAUSE_BAR))
        return [
            f"{self.attack}: {what} took {answers.quantile(0.99):.2f} s (p99), the bar is {bar} s"
            for what, answers, bar in bars
            if answers.quantile(0.99) > bar
        ]


class Siege:
    """One target, and the calls that are recorded there."""

    def __init__(self, target: Target, scale: Scale) -> None:
        self._target = target
        self._scale = scale
        self._calls: list[str] = []

    async def begin(self) -> None:
        """Record some calls on the emulator."""
        gateway = f"http://127.0.0.1:{self._target.gateway.port}"
        async with httpx.AsyncClient(trust_env=False, timeout=35) as http:
            for _ in range(self._scale.calls):
                body: dict[str, Any] = {"participants": [{"displayName": "Ana"}]}
                call = (await http.post(f"{self._target.control}/calls", json=body)).json()
                wanted = {"serverCallId": call["serverCallId"], **SOUND}
                url, key = f"{gateway}/v1/recordings", {"x-api-key": API_KEY}
                (await http.post(url, json=wanted, headers=key)).raise_for_status()
                self._calls.append(call["serverCallId"])

    async def under(self, name: str, attack: Attack) -> Findings:
        """Measure while an attack runs."""
        gateway = self._target.limited if "files" in name else self._target.gateway
        attacking = asyncio.ensure_future(attack(self._target))
        try:
            # Its connections first: it is the attack at its height that is measured.
            await asyncio.sleep(1)
            deliveries, pauses = await asyncio.gather(
                self._deliveries(gateway), self._pauses(gateway)
            )
            if attacking.done():
                await attacking
            return Findings(name, deliveries, pauses, gateway.mebibytes())
        finally:
            attacking.cancel()
            await asyncio.gather(attacking, return_exceptions=True)

    async def _deliveries(self, gateway: Gateway) -> Answers:
        scale = self._scale

        def request(number: int) -> bytes:
            call = self._calls[number % len(self._calls)]
            return _participant(self._target.topic, call, number)

        count = int(scale.seconds * scale.rate)
        return await _regularly(gateway.port, count, 1 / scale.rate, request)

    async def _pauses(self, gateway: Gateway) -> Answers:
        scale = self._scale

        def call_of(number: int) -> int:
            # Of one call in order: a pause that its resume overtook is told so for ever (409).
            return number // 2 % len(self._calls)

        def request(number: int) -> bytes:
            call = self._calls[call_of(number)]
            operation = "resume" if number % 2 else "pause"
            body = {"requestId": f"{time.time_ns()}", "requestedBy": "siege"}
            path = f"/v1/recordings/{names.workflow_id(call)}:{operation}"
            return post(path, json.dumps(body).encode(), f"x-api-key: {API_KEY}\r\n")

        count = int(scale.seconds / scale.pause_interval)
        return await _regularly(gateway.port, count, scale.pause_interval, request, call_of)


async def _regularly(
    port: int,
    count: int,
    interval: float,
    request: Callable[[int], bytes],
    queue_of: Callable[[int], int] = lambda number: number,
) -> Answers:
    """Send so many requests, each when it is due, until each is answered 200.

    Of those in one queue each waits for the answer to the one before; its time counts all the same.
    """
    answers = Answers()
    free: asyncio.LifoQueue[Line] = asyncio.LifoQueue()
    queues: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def send(number: int, due: float) -> None:
        async with queues[queue_of(number)]:
            line = await free.get()
            await _until_taken(line, request(number), due, answers)
            free.put_nowait(line)

    async with lines(port, 32) as made, asyncio.TaskGroup() as group:
        for line in made:
            free.put_nowait(line)
        begin = time.monotonic()
        for number in range(count):
            due = begin + number * interval
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(send(number, due))
    return answers


async def _until_taken(line: Line, request: bytes, due: float, answers: Answers) -> None:
    status = BROKEN
    for attempt in range(MAX_TRIES):
        status = await line.ask(request)
        if status == 200:
            answers.seconds.append(time.monotonic() - due)
            answers.resent += attempt
            return
        await asyncio.sleep(RETRY_INTERVAL)
    answers.lost.append(status)


SOUND = {
    "recordingContentType": "audio",
    "recordingChannelType": "mixed",
    "recordingFormatType": "wav",
}


def _participant(topic: str, server_call_id: str, number: int) -> bytes:
    """Make an authentic delivery of one event, about a participant of a recorded call."""
    data = {
        "serverCallId": server_call_id,
        "user": {"communicationIdentifier": {"rawId": f"8:acs:{number % 7}"}},
    }
    event = {
        "id": str(number),
        "topic": topic,
        "subject": f"call/{server_call_id}/participant/8:acs:{number % 7}",
        "eventType": "Microsoft.Communication.CallParticipantAdded",
        "eventTime": "2026-07-27T15:20:20.1234567Z",
        "data": data,
    }
    return post("/v1/events", json.dumps([event]).encode(), AUTHENTIC)


def run_attacks(
    home: Path, scale: Scale, say: Callable[[str], object] = lambda attack: None
) -> list[Findings]:
    """Start everything, measure during each attack in turn, stop everything."""

    async def all_of(found: Target) -> list[Findings]:
        siege = Siege(found, scale)
        await siege.begin()
        findings = []
        for name, attack in ATTACKS.items():
            say(name)
            findings.append(await siege.under(name, attack))
        return findings

    with target(home) as found:
        return asyncio.run(all_of(found))
