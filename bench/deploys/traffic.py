"""Open recordings, and what people ask of them while their workers are deployed anew."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from temporalio.client import Client

from callvault.contracts import names
from callvault.contracts.requests import ControlRequest, RecordingRequest
from callvault.contracts.status import ControlRecord
from callvault.temporal import updates
from callvault.temporal.updates import start_confirmed

SOUND = {
    "recording_content_type": "audio",
    "recording_channel_type": "mixed",
    "recording_format_type": "wav",
}
SHORT_PAUSE = 0.5
"""Seconds of a pause that is not alarmed."""

LONG_SHARE = 0.25
"""Share of the pauses that last until an alarm is due."""

ANSWER_TIMEOUT = 20.0
"""Seconds after which no answer is waited for any more."""

STARTS_AT_ONCE = 10


@dataclass
class Pause:
    """A pause that somebody asked for, and its answer."""

    workflow_id: str
    asked_at: float
    """Seconds since the epoch."""
    seconds: float
    """Until the answer, or until none was waited for any more."""
    problem: str = ""
    """Why it was not confirmed in time; empty if it was."""
    error: str = ""
    """Why there was no answer at all; empty if there was one."""
    alarm_due_at: float | None = None
    """Time at which the alarm falls due that it lasts too long; None if it is ended before."""


@dataclass
class Traffic:
    """The people of the open calls."""

    client: Client
    control: str
    """Base URL of the emulator's control API."""
    rate: float
    """Pauses a second."""
    max_pause: timedelta
    """Length of a pause after which an alarm is due."""
    lingers: float
    """Seconds for which a long pause goes on after that."""
    dice: random.Random
    calls: list[str] = field(default_factory=list)
    """The workflows of the open recordings."""
    pauses: list[Pause] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _busy: set[str] = field(default_factory=set)

    async def open(self, count: int) -> None:
        """Begin recordings that stay open."""
        room = asyncio.Semaphore(STARTS_AT_ONCE)
        # A connection for each request: the emulator closes those that were idle.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as http:

            async def one() -> None:
                async with room:
                    self.calls.append(await self._record(http))

            await asyncio.gather(*(one() for _ in range(count)))

    async def _record(self, http: httpx.AsyncClient) -> str:
        body = {"participants": [{"displayName": "Ana"}]}
        answer = await http.post(f"{self.control}/calls", json=body)
        answer.raise_for_status()
        server_call_id: str = answer.json()["serverCallId"]
        request = RecordingRequest.model_validate(
            {"server_call_id": server_call_id, "requested_by": "bench", **SOUND}
            | {"max_pause": self.max_pause}
        )
        await start_confirmed(self.client, request)
        return names.workflow_id(server_call_id)

    async def run(self, stopping: asyncio.Event) -> None:
        """Pause and resume recordings, one after the other and many at once, until it stops."""
        async with asyncio.TaskGroup() as group:
            while not stopping.is_set():
                free = [call for call in self.calls if call not in self._busy]
                if free:
                    group.create_task(self._pause(self.dice.choice(free)))
                await asyncio.sleep(1 / self.rate)

    async def _pause(self, workflow_id: str) -> None:
        self._busy.add(workflow_id)
        is_long = self.dice.random() < LONG_SHARE
        pause = Pause(workflow_id, time.time(), 0.0)
        try:
            record = await self._ask(names.PAUSE, workflow_id)
            pause.problem = "" if record.state == "confirmed" else record.problem or record.state
            if is_long:
                pause.alarm_due_at = (record.requested_at + self.max_pause).timestamp()
        except Exception as error:  # whatever it is, it is a finding
            pause.error = f"{type(error).__name__}: {error}"
        pause.seconds = time.time() - pause.asked_at
        self.pauses.append(pause)
        if not pause.error:
            longest = self.max_pause.total_seconds() + self.lingers
            await asyncio.sleep(longest if is_long else SHORT_PAUSE)
            await self._resume(workflow_id)
        self._busy.discard(workflow_id)

    async def _resume(self, workflow_id: str) -> None:
        try:
            await self._ask(names.RESUME, workflow_id)
        except Exception as error:
            self.problems.append(f"{workflow_id} is not resumed: {type(error).__name__}: {error}")

    async def _ask(self, operation: str, workflow_id: str) -> ControlRecord:
        request: Any = ControlRequest(requested_by="bench")
        async with asyncio.timeout(ANSWER_TIMEOUT):
            return await updates.update(self.client, workflow_id, operation, request, ControlRecord)
