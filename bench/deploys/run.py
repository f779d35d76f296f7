"""A deploy with calls open: ramp, roll back, ramp again, make current, stop the old workers."""

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client

from bench.deploys.findings import ALARM_BAR, Findings, Move, lives_of
from bench.deploys.operator import DEPLOYMENT, Operator
from bench.deploys.receiver import Alarms, receiving
from bench.deploys.traffic import Traffic
from callvault.contracts import names
from callvault.local.processes import Process, Supervisor
from callvault.local.stack import CALLBACK_URL, CALLVAULT, Stack, start_stack
from callvault.temporal.converter import data_converter

VERSION_MODULE = "bench.deploys.version"
DRAIN_TIMEOUT = timedelta(seconds=45)
"""From SIGTERM to SIGKILL: longer than a worker takes to end well."""
STANDSTILL = 10.0
"""Seconds without a call that hands over, after which those that are left are woken again."""

FIRST, NEXT = "1", "2"
"""The build ids of the version that calls begin on, and of the next one."""


@dataclass(frozen=True)
class Scale:
    """The amounts of a run."""

    calls: int = 1_000
    rate: float = 4.0
    """Pauses a second."""
    max_pause: timedelta = timedelta(seconds=6)
    """Length of a pause after which an alarm is due."""
    lingers: float = ALARM_BAR + 0.5
    """Seconds for which such a pause goes on after that."""
    ramps: tuple[int, ...] = (10, 50)
    """Percentages of the calls that the next version has before it has all."""
    phase: float = 15.0
    """Seconds for which a share of the calls stays on the next version."""
    move: float = 600.0
    """Seconds within which all calls are on the version that they should be on."""
    run: float = 3_600.0
    """Seconds for all of it."""


SHORT = Scale(
    calls=10,
    rate=4.0,
    max_pause=timedelta(seconds=2),
    lingers=2.0,
    ramps=(),
    phase=0.5,
    move=120.0,
    run=600.0,
)


@dataclass
class Deploy:
    """One deploy, step by step."""

    client: Client
    operator: Operator
    traffic: Traffic
    scale: Scale
    start: Callable[[str], Process]
    """Starts the worker of a version."""
    found: Findings

    async def run(self) -> None:
        """Deploy the next version while people pause recordings; leave it alone in the end."""
        first = self.start(FIRST)
        await self.operator.make_current(FIRST)
        _say(f"opening {self.scale.calls} recordings ...")
        await self.traffic.open(self.scale.calls)
        self.start(NEXT)
        async with self._traffic():
            await self._ramp(50)
            await self._move("roll back the ramp", self.operator.roll_back(NEXT), FIRST)
            await self._roll_out()
            await self._move("roll back", self.operator.make_current(FIRST), FIRST)
            await self._roll_out()
            if not self.found.moves[-1].problem:
                # No call needs it any more.
                await asyncio.to_thread(first.stop, DRAIN_TIMEOUT)
            await asyncio.sleep(self.scale.phase)

    async def _roll_out(self) -> None:
        for percentage in self.scale.ramps:
            await self._ramp(percentage)
        await self._move("make current", self.operator.make_current(NEXT), NEXT)

    async def _ramp(self, percentage: int) -> None:
        begun = time.monotonic()
        await self.operator.ramp(NEXT, percentage)
        await self.operator.hand_over(FIRST)
        await asyncio.sleep(self.scale.phase)
        self._moved(f"ramp to {percentage} %", begun, await self._count(NEXT))

    async def _move(self, what: str, step: Coroutine[Any, Any, None], build: str) -> None:
        """Do a step after which all calls are to be on one version, and wait until they are."""
        begun = time.monotonic()
        await step
        there = await self._until_all_are_on(build, begun + self.scale.move)
        left = self.scale.calls - there
        problem = f"{left} calls are not on version {build}" if left else ""
        self._moved(what, begun, there if build == NEXT else left, problem)

    async def _until_all_are_on(self, build: str, end: float) -> int:
        """Have calls hand over, again where no more do; return how many are on a version."""
        there, quiet_since = await self._count(build), 0.0
        while there < self.scale.calls and time.monotonic() < end:
            if time.monotonic() - quiet_since > STANDSTILL:
                await self.operator.hand_over(FIRST if build == NEXT else NEXT)
                quiet_since = time.monotonic()
            await asyncio.sleep(0.25)
            before, there = there, await self._count(build)
            if there != before:
                quiet_since = time.monotonic()
        return there

    def _moved(self, what: str, begun: float, on_next: int, problem: str = "") -> None:
        move = Move(what, time.monotonic() - begun, on_next, problem)
        self.found.moves.append(move)
        _say(f"{what}: {on_next} calls on the next version after {move.seconds:.0f} s {problem}")

    async def _count(self, build: str) -> int:
        """Count the open calls on a version; the list is a second late."""
        version = f"TemporalWorkerDeploymentVersion = '{DEPLOYMENT}:{build}'"
        kind = f"WorkflowType = '{names.WORKFLOW_TYPE}' AND ExecutionStatus = 'Running'"
        return (await self.client.count_workflows(f"{kind} AND {version}")).count

    @asynccontextmanager
    async def _traffic(self) -> AsyncIterator[None]:
        stopping = asyncio.Event()
        pausing = asyncio.create_task(self.traffic.run(stopping))
        try:
            yield
        finally:
            stopping.set()
            await pausing


def deploy(home: Path, scale: Scale, seed: int = 1, changes: str = "") -> Findings:
    """Start everything, deploy, and stop everything; ``changes`` are made to both versions."""
    with receiving() as alarms, Supervisor(home / "logs") as supervisor:
        stack = start_stack(
            supervisor,
            home,
            archive=home / "archive",
            emulator_options=["--media", "sparse", "--seed", str(seed)],
            workers=(),
        )

        def start(build: str) -> Process:
            own = f"{changes},another-order" if build == NEXT else changes
            command = [CALLVAULT[0], "-m", VERSION_MODULE, own, "worker"]
            environment = _environment(stack, alarms, build)
            worker = supervisor.start(f"worker-{build}", command, environment=environment)
            worker.wait_for(lambda: worker.announcement("ready"))
            return worker

        return asyncio.run(_deploy(stack, scale, seed, alarms, start))


async def _deploy(
    stack: Stack, scale: Scale, seed: int, alarms: Alarms, start: Callable[[str], Process]
) -> Findings:
    temporal = stack.temporal
    client = await Client.connect(
        temporal.address, namespace=temporal.namespace, data_converter=data_converter
    )
    # Seeded, so that a run can be repeated; no secret is made of it.
    traffic = Traffic(
        client,
        stack.emulator.control,
        scale.rate,
        scale.max_pause,
        scale.lingers,
        random.Random(seed),
    )
    found = Findings(scale.calls)
    operator = Operator(stack.environment)
    begun = time.monotonic()
    async with asyncio.timeout(scale.run):
        await Deploy(client, operator, traffic, scale, start, found).run()
        found.seconds = time.monotonic() - begun
        found.lives = await lives_of(client, traffic.calls)
    found.pauses, found.alarms = traffic.pauses, list(alarms)
    found.others += traffic.problems
    return found


def _environment(stack: Stack, alarms: Alarms, build: str) -> Mapping[str, str]:
    return {
        **stack.environment,
        CALLBACK_URL: stack.gateway,
        "CALLVAULT_ALARMS__WEBHOOK_URL": "env:ALARMS",
        "ALARMS": alarms.url,
        "CALLVAULT_WORKER__DEPLOYMENT_NAME": DEPLOYMENT,
        "CALLVAULT_WORKER__BUILD_ID": build,
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
