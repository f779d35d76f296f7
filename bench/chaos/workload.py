"""Workload: plays the generated lives, several at a time."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bench.chaos.client import WHO, Backend, NobodyAnswers
from bench.chaos.early_deletion import Shredder
from bench.chaos.generator import Life, RecordingPlan
from bench.chaos.proxy import Road
from callvault.contracts import names

SETTLES = 20.0
"""Seconds that a life holds its place after the call's end, if it is not archived before."""


@dataclass
class Played:
    """A life that was played, and its ids at the service."""

    life: Life
    call_id: str = ""
    server_call_id: str = ""
    problem: str = ""
    """Description of the part that could not be played."""

    @property
    def workflow_id(self) -> str:
        return names.workflow_id(self.server_call_id)


@dataclass
class Player:
    backend: Backend
    road: Road
    shredder: Shredder
    played: list[Played] = field(default_factory=list)
    over: int = 0
    """Number of lives that have been played to their end."""

    async def play(self, lives: list[Life], at_once: int) -> None:
        places = asyncio.Semaphore(at_once)

        async def one(life: Life) -> None:
            async with places:
                await self._play(life)

        async with asyncio.TaskGroup() as group:
            for life in lives:
                group.create_task(one(life))

    async def _play(self, life: Life) -> None:
        played = Played(life)
        self.played.append(played)
        try:
            await self._talk(life, played)
        except NobodyAnswers as error:
            played.problem = str(error)
        self.over += 1

    async def _talk(self, life: Life, played: Played) -> None:
        call = await self.backend.call_begins(life.people)
        played.call_id, played.server_call_id = call["callId"], call["serverCallId"]
        self.road.lives |= {played.call_id: life, played.server_call_id: life}
        for number, recording in enumerate(life.recordings, start=1):
            await self._record(life, played, call, number, recording)
        await asyncio.sleep(life.talk)
        await self.backend.call_ends(call)
        if life.deleted_early:
            await self.shredder.shred(played.call_id)
        await self._settled(played)

    async def _record(
        self, life: Life, played: Played, call: dict[str, Any], number: int, plan: RecordingPlan
    ) -> None:
        content, channel, container = life.media
        request = {
            "serverCallId": played.server_call_id,
            "requestedBy": WHO,
            "requestId": f"start-{number}",
            "recordingContentType": content,
            "recordingChannelType": channel,
            "recordingFormatType": container,
        }
        await self.backend.keep(plan.way, request)
        await asyncio.sleep(life.talk)
        for index, step in enumerate(plan.steps):
            who = (life.number + index) % life.people
            await self.backend.speaks(call, who, on=index % 2 == 0)
            await asyncio.sleep(step.after)
            with suppress(NobodyAnswers):  # an unanswered pause breaks no promise about files
                request_id = f"{step.verb}-{number}-{index}"
                await self.backend.asks(step.way, played.workflow_id, step.verb, request_id)

    async def _settled(self, played: Played) -> None:
        """Hold the place until the workflow ends, so that Callvault sets the pace."""
        handle = self.backend.temporal.get_workflow_handle(played.workflow_id)
        with suppress(Exception):
            await asyncio.wait_for(handle.result(), SETTLES)
