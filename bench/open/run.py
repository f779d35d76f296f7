"""One measurement: many recordings that are open at once, on one server and one worker process."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from bench.latency import Backend
from bench.process_usage import cpu_seconds, resident
from callvault.contracts import names
from callvault.local.processes import Process, Supervisor
from callvault.local.stack import CALLBACK_URL, CALLVAULT, Stack

Item = TypeVar("Item")

CACHE_SETTING = "CALLVAULT_WORKER__MAX_CACHED_WORKFLOWS"
AT_ONCE = 10
"""Starts, or questions, on their way at a time."""

CALM = 0.05
"""Share of a core below which a process has done its work."""

CALM_INTERVAL = 2.0
MAX_CALMING = 120.0
"""Seconds after which a process that is not calm is measured all the same."""


@dataclass(frozen=True)
class Scale:
    """Amounts of one measurement."""

    recordings: int
    first: int = 100
    """Recordings that a worker has had before its memory is read for the first time."""
    small_cache: int = 50
    samples: int = 100
    idle_seconds: float = 60
    seed: int = 1


@dataclass(frozen=True)
class Side:
    """One worker process, with every open recording in its cache, or nearly none."""

    each: float
    """KiB of memory for each recording."""
    resident: int
    """KiB of the process."""
    idle: float
    """Share of a core while nothing happens."""
    pauses: list[float]
    """Milliseconds from the request for a pause to its arrival at ACS."""
    seconds: float
    """Time in which the process got to know all recordings."""


@dataclass(frozen=True)
class Found:
    """The measurements of one number of recordings."""

    recordings: int
    cached: Side
    uncached: Side
    server_idle: float
    """Share of a core that Temporal's server used, while nothing happened."""


class Measurement:
    """Opens recordings, and looks at the worker that keeps them."""

    def __init__(
        self, supervisor: Supervisor, stack: Stack, backend: Backend, scale: Scale
    ) -> None:
        self._supervisor = supervisor
        self._stack = stack
        self._backend = backend
        self._scale = scale
        self._random = random.Random(scale.seed)
        self._opened: list[tuple[str, str]] = []
        """Workflow and recording of each, in the order in which the worker had them last."""
        self._server_idle = 0.0

    async def run(self) -> Found:
        """Measure with a cache for all, then with a small one."""
        cached = await self._side(2 * self._scale.recordings, self._open)
        uncached = await self._side(self._scale.small_cache, self._ask)
        return Found(self._scale.recordings, cached, uncached, self._server_idle)

    async def _side(self, cache: int, meet: Callable[[int, int], Awaitable[None]]) -> Side:
        """Start a worker, let it meet the first recordings and then all, and look at it."""
        worker, first, count = self._worker(cache), self._scale.first, self._scale.recordings
        await meet(0, first)
        await _calm(worker)
        before, since = resident(worker.pid), time.monotonic()
        await meet(first, count)
        seconds = time.monotonic() - since
        await _calm(worker)
        now = resident(worker.pid)
        side = Side(
            each=(now - before) / (count - first),
            resident=now,
            idle=await self._idle(worker),
            pauses=await self._pauses(),
            seconds=seconds * count / (count - first),
        )
        worker.stop()
        return side

    def _worker(self, cache: int) -> Process:
        environment = {
            **self._stack.environment,
            CALLBACK_URL: self._stack.gateway,
            CACHE_SETTING: str(cache),
        }
        command = [*CALLVAULT, "worker"]
        worker = self._supervisor.start(f"worker-{cache}", command, environment=environment)
        worker.wait_for(lambda: worker.announcement("ready"))
        return worker

    async def _open(self, begin: int, end: int) -> None:
        async def one(_: int) -> None:
            self._opened.append(await self._backend.record())

        await _for_each(range(begin, end), one)

    async def _ask(self, begin: int, end: int) -> None:
        """Ask each call for its status, for which its history is replayed."""

        async def one(opened: tuple[str, str]) -> None:
            await self._backend.client.get_workflow_handle(opened[0]).query(names.STATUS)

        await _for_each(self._opened[begin:end], one)

    async def _idle(self, worker: Process) -> float:
        """Return the share of a core that the worker needs while nothing happens."""
        server = next(each for each in self._supervisor.processes if each.name == "temporal")
        before, of_server = cpu_seconds(worker.pid), cpu_seconds(server.pid)
        await asyncio.sleep(self._scale.idle_seconds)
        self._server_idle = (cpu_seconds(server.pid) - of_server) / self._scale.idle_seconds
        return (cpu_seconds(worker.pid) - before) / self._scale.idle_seconds

    async def _pauses(self) -> list[float]:
        """Pause some recordings once each, but for the last ones, which a small cache may hold."""
        untouched = self._opened[: -2 * self._scale.small_cache]
        chosen = self._random.sample(untouched, min(self._scale.samples, len(untouched)))
        asked = {}
        for workflow_id, recording_id in chosen:
            asked[recording_id] = time.time()
            await self._backend.request_change(names.PAUSE, workflow_id)
        arrived = await self._backend.pauses()
        for workflow_id, _ in chosen:
            await self._backend.request_change(names.RESUME, workflow_id)
        return [(arrived[recording_id] - at) * 1e3 for recording_id, at in asked.items()]


async def _calm(worker: Process) -> None:
    """Wait until a process has nothing to do."""
    end = time.monotonic() + MAX_CALMING
    while time.monotonic() < end:
        before = cpu_seconds(worker.pid)
        await asyncio.sleep(CALM_INTERVAL)
        if cpu_seconds(worker.pid) - before < CALM * CALM_INTERVAL:
            return


async def _for_each(items: Iterable[Item], do: Callable[[Item], Awaitable[None]]) -> None:
    """Do something with every item, a few at a time."""
    waiting = iter(items)

    async def take() -> None:
        for item in waiting:
            await do(item)

    await asyncio.gather(*(take() for _ in range(AT_ONCE)))
