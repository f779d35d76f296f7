"""Whole lives on a stack of real processes, in turn with those of the floor."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client

from bench.costs import costs_of
from bench.lives import floor as empty
from bench.lives.floor import Plan
from callvault.contracts import names
from callvault.contracts.requests import ControlRequest, RecordingRequest
from callvault.contracts.status import ControlRecord
from callvault.local.processes import Process, Supervisor
from callvault.local.stack import Stack, start_stack
from callvault.temporal import updates
from callvault.temporal.converter import data_converter

MEDIA_BYTES = 200_000
PARTS = ("worker", "temporal", "gateway", "emulator")
"""The processes whose time is told, by the beginning of their names."""

TALK = 0.6
"""Seconds from the start until the pause: what is not recorded for a moment has no file."""

LIFE_TIMEOUT = 120
"""Seconds after which a life is stuck."""

Live = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Scale:
    """The amounts of a run."""

    lives: int = 150
    """Lives in one block."""
    repeats: int = 5
    """Blocks of each of the two, in turn."""
    at_once: int = 16


@dataclass(frozen=True)
class Block:
    """What some lives took."""

    lives: int
    seconds: float
    cpu: dict[str, float]
    """Seconds of processor time, by part."""


@dataclass(frozen=True)
class Findings:
    """The measurements: blocks of Callvault, and of the floor."""

    plan: Plan
    callvault: list[Block]
    floor: list[Block]


class Lives:
    """Lives calls of both kinds on one stack."""

    def __init__(self, stack: Stack, client: Client, http: httpx.AsyncClient) -> None:
        self._stack = stack
        self._client = client
        self._http = http
        self._floors = 0

    async def callvault(self) -> str:
        """Have a call recorded, paused, resumed, stopped, archived and sealed; return its id."""
        body = {"mediaBytes": MEDIA_BYTES}
        answer = await self._http.post(f"{self._stack.emulator.control}/calls", json=body)
        answer.raise_for_status()
        request = RecordingRequest.model_validate(
            {
                "server_call_id": answer.json()["serverCallId"],
                "requested_by": "bench",
                "recording_content_type": "audio",
                "recording_format_type": "mp3",
            }
        )
        await updates.start_confirmed(self._client, request)
        workflow_id = names.workflow_id(request.server_call_id)
        await asyncio.sleep(TALK)
        for operation in (names.PAUSE, names.RESUME, names.STOP):
            asked = ControlRequest(requested_by="bench")
            await updates.update(self._client, workflow_id, operation, asked, ControlRecord)
        await self._client.get_workflow_handle(workflow_id).result()
        return workflow_id

    async def floor(self, plan: Plan) -> None:
        """Live the same with a workflow that does nothing."""
        self._floors += 1
        handle = await self._client.start_workflow(
            empty.WORKFLOW, plan, id=f"floor-{self._floors}", task_queue=empty.CONTROL_QUEUE
        )
        for operation in (names.START, names.PAUSE, names.RESUME, names.STOP):
            await handle.execute_update(operation, "bench")
            if operation == names.START:
                await asyncio.sleep(TALK)
        for _ in range(plan.signals):
            await handle.signal(empty.TOLD, "x")
        await handle.result()

    async def plan(self) -> Plan:
        """Count what happens in a life."""
        handle = self._client.get_workflow_handle(await self.callvault())
        actions = costs_of(await handle.fetch_history()).actions
        return Plan(actions["signal"], actions["timer"], actions["search attributes"])


async def run(stack: Stack, parts: dict[str, list[int]], scale: Scale) -> Findings:
    """Live, in turn, as many lives as the scale says; ``parts`` are process ids by part."""
    temporal = stack.temporal
    client = await Client.connect(
        temporal.address, namespace=temporal.namespace, data_converter=data_converter
    )
    limits = httpx.Limits(max_connections=scale.at_once)
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as http:
        lives = Lives(stack, client, http)
        plan = await lives.plan()
        _say(f"the floor has {plan}")
        both: dict[str, Live] = {
            "callvault": lives.callvault,
            "floor": lambda: lives.floor(plan),
        }
        found: dict[str, list[Block]] = {name: [] for name in both}
        for live in both.values():
            await _many(live, scale.at_once, scale.at_once)  # code and connections get warm
        for repeat in range(scale.repeats):
            for name, live in both.items():
                _say(f"{name} {repeat + 1} ...")
                found[name].append(await _block(live, parts, scale))
    return Findings(plan, found["callvault"], found["floor"])


async def _block(live: Live, parts: dict[str, list[int]], scale: Scale) -> Block:
    before, since = _cpu(parts), time.monotonic()
    await _many(live, scale.lives, scale.at_once)
    seconds, after = time.monotonic() - since, _cpu(parts)
    return Block(scale.lives, seconds, {part: after[part] - before[part] for part in parts})


async def _many(live: Live, count: int, at_once: int) -> None:
    waiting = iter(range(count))

    async def one_after_the_other() -> None:
        for _ in waiting:
            async with asyncio.timeout(LIFE_TIMEOUT):
                await live()

    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))


def _cpu(parts: dict[str, list[int]]) -> dict[str, float]:
    """Read how long the processes have had a processor, in seconds (Linux)."""
    return {part: sum(map(_cpu_of, pids)) for part, pids in parts.items()}


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _parts(processes: tuple[Process, ...]) -> dict[str, list[int]]:
    return {part: [p.pid for p in processes if p.name.startswith(part)] for part in PARTS}


@contextmanager
def _stack(home: Path) -> Iterator[tuple[Stack, dict[str, list[int]]]]:
    with Supervisor(home / "logs") as supervisor:
        stack = start_stack(
            supervisor,
            home,
            archive=home / "archive",
            emulator_options=["--media", "sparse"],
            workers=(("--only", "control"), ("--only", "exports")),
        )
        for role in ("control", "exports"):
            command = [sys.executable, "-m", "bench.lives.floor", role]
            started = supervisor.start(
                f"worker-floor-{role}", command, environment=stack.environment
            )
            started.wait_for(lambda started=started: started.announcement("ready"))  # type: ignore[misc]
        yield stack, _parts(supervisor.processes)


def run_lives(home: Path, scale: Scale) -> Findings:
    """Start everything, live, stop everything."""
    with _stack(home) as (stack, parts):
        return asyncio.run(run(stack, parts, scale))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
