"""Workload: plays the generated scenarios, several at a time."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bench.chaos.client import ANSWERED, REQUESTER, Backend, NoAnswer
from bench.chaos.early_deletion import EarlyDeletion
from bench.chaos.generator import RecordingPlan, Scenario, Step
from bench.chaos.proxy import Proxy
from callvault.contracts import names

BEGIN_INTERVAL = 0.1
"""Seconds until it is asked again if a scenario may begin."""
SETTLE_TIMEOUT = 20.0
"""Seconds that a scenario keeps its slot after the call's end, if it is not archived before."""


NO_ANSWER = "no answer"
REFUSED = "refused"


@dataclass(frozen=True)
class Answered:
    """A request for a change, and what its backend was told."""

    operation: str
    state: str
    """That of the answer, `NO_ANSWER` or `REFUSED`."""
    asked_at: float
    """Seconds since the epoch."""
    answered_at: float
    recording_id: str = ""


@dataclass
class PlayedScenario:
    """A scenario that was played, and its ids at the service."""

    scenario: Scenario
    call_id: str = ""
    server_call_id: str = ""
    problem: str = ""
    """Description of the part that could not be played."""
    began: float = 0.0
    """Seconds since the epoch."""
    ended: float = 0.0
    """End of the call, in seconds since the epoch; 0 while it lasts."""
    answers: list[Answered] = field(default_factory=list)
    """To the requests that are answered."""
    unstopped: int = 0
    """Stops that nothing took: what is started next meets a recording that is on."""

    @property
    def workflow_id(self) -> str:
        return names.workflow_id(self.server_call_id)


@dataclass
class Workload:
    backend: Backend
    proxy: Proxy
    early_deletion: EarlyDeletion
    played: list[PlayedScenario] = field(default_factory=list)
    finished: int = 0
    """Number of scenarios that have been played to their end."""

    async def play(
        self, scenarios: list[Scenario], concurrency: int, may_begin: Callable[[int, int], bool]
    ) -> None:
        """Play all; ``may_begin`` is asked with a scenario's number and that of the last one."""
        places = asyncio.Semaphore(concurrency)

        async def one(scenario: Scenario) -> None:
            async with places:
                while not may_begin(scenario.number, len(scenarios)):
                    await asyncio.sleep(BEGIN_INTERVAL)
                await self._play(scenario)

        async with asyncio.TaskGroup() as group:
            for scenario in scenarios:
                group.create_task(one(scenario))

    async def _play(self, scenario: Scenario) -> None:
        played = PlayedScenario(scenario, began=time.time())
        self.played.append(played)
        try:
            await self._talk(scenario, played)
        except NoAnswer as error:
            played.problem = str(error)
        self.finished += 1

    async def _talk(self, scenario: Scenario, played: PlayedScenario) -> None:
        call = await self.backend.call_begins(scenario.people)
        played.call_id, played.server_call_id = call["callId"], call["serverCallId"]
        # Before anything is asked for: the proxy drops events of calls that it does not know.
        self.proxy.scenarios |= {played.call_id: scenario, played.server_call_id: scenario}
        for number, recording in enumerate(scenario.recordings, start=1):
            await self._record(scenario, played, call, number, recording)
        await asyncio.sleep(scenario.talk)
        await self.backend.call_ends(call)
        played.ended = time.time()
        if scenario.deleted_early:
            await self.early_deletion.delete_files(played.call_id)
        await self._settled(played)

    async def _record(
        self,
        scenario: Scenario,
        played: PlayedScenario,
        call: dict[str, Any],
        number: int,
        plan: RecordingPlan,
    ) -> None:
        content, channel, container = scenario.media
        request = {
            "serverCallId": played.server_call_id,
            "requestedBy": REQUESTER,
            "requestId": f"start-{number}",
            "recordingContentType": content,
            "recordingChannelType": channel,
            "recordingFormatType": container,
        }
        await self.backend.start_recording(plan.channel, request)
        await asyncio.sleep(scenario.talk)
        for index, step in enumerate(plan.steps):
            who = (scenario.number + index) % scenario.people
            await self.backend.speaks(call, who, on=index % 2 == 0)
            await asyncio.sleep(step.after)
            answered = await self._change(played, step, f"{step.operation}-{number}-{index}")
            if step.channel in ANSWERED:
                played.answers.append(answered)

    async def _change(self, played: PlayedScenario, step: Step, request_id: str) -> Answered:
        """Request a change; an unanswered one breaks no promise about files."""
        asked_at, state, recording_id = time.time(), REFUSED, ""
        try:
            answer = await self.backend.request_change(
                step.channel, played.workflow_id, step.operation, request_id
            )
        except NoAnswer:
            state = NO_ANSWER
            played.unstopped += step.operation == "stop"
        else:
            if answer is not None:
                state, recording_id = answer["state"], answer.get("recordingId") or ""
        return Answered(step.operation, state, asked_at, time.time(), recording_id)

    async def _settled(self, played: PlayedScenario) -> None:
        """Keep the slot until the workflow ends, so that Callvault sets the pace."""
        handle = self.backend.temporal.get_workflow_handle(played.workflow_id)
        # A matter of pace alone: the checker judges how the workflow ended.
        with suppress(Exception):
            await asyncio.wait_for(handle.result(), SETTLE_TIMEOUT)
