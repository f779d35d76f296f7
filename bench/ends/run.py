"""A storm of ends: the stack, its phases, and what the histories tell afterwards."""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client, WorkflowHistory

from bench.ends.findings import Export, Findings, Scale
from bench.ends.load import WINDOWS, Call, Pauses, end_calls, open_calls, pause_others
from bench.latency import Backend
from bench.process_usage import KIBIBYTE, peak
from callvault.contracts import names
from callvault.local.ports import Ports
from callvault.local.processes import Supervisor
from callvault.local.stack import Stack, start_stack
from callvault.local.stack_settings import ARCHIVE, RESOURCE
from callvault.local.temporal import HOST, free_ports
from callvault.temporal.converter import data_converter

_ARCHIVED = (
    f"WorkflowType = '{names.WORKFLOW_TYPE}' AND ExecutionStatus = 'Completed'"
    f" AND {names.STATE.name} = 'archived'"
)
_LOOK_INTERVAL = 2.0

_ONE_PARTITION = {
    "matching.numTaskqueueReadPartitions": 1,
    "matching.numTaskqueueWritePartitions": 1,
}
"""Temporal gives out by priority within a partition of a task queue, of which it makes four."""


class Storm:
    """Calls that end at once, on one stack."""

    def __init__(self, supervisor: Supervisor, stack: Stack, backend: Backend) -> None:
        self._supervisor = supervisor
        self._stack = stack
        self._backend = backend

    async def run(self, scale: Scale, archive: Path) -> Findings:
        """Open the calls, let them end, and wait until all is archived."""
        _say(f"opening {scale.calls + scale.others} calls")
        bytes_, seed = scale.media_bytes, scale.seed
        others = await open_calls(self._backend, scale.others, seed, bytes_)
        calls = await open_calls(self._backend, scale.calls, seed + 1, bytes_)
        _say("ending them")
        pauses, since = Pauses(), time.monotonic()
        pausing = asyncio.create_task(self._pause(others, pauses))
        await end_calls(self._backend, calls, scale.seconds)
        archived = await self._wait(scale)
        seconds = time.monotonic() - since
        pausing.cancel()
        _say("reading the histories")
        return Findings(
            calls=scale.calls,
            archived=archived,
            files=await asyncio.to_thread(_count_files, archive),
            seconds=seconds,
            exports=[each for call in calls for each in await self._exports(call)],
            pauses=pauses,
            memory={
                each.name: peak(each.pid) // KIBIBYTE
                for each in self._supervisor.processes
                if each.name.startswith("worker")
            },
        )

    async def _pause(self, others: Sequence[Call], pauses: Pauses) -> None:
        async for took in pause_others(self._backend, others):
            pauses.callvault += took.callvault
            pauses.bare += took.bare

    async def _wait(self, scale: Scale) -> int:
        """Wait until all are archived, and return how many are."""
        end, archived = time.monotonic() + scale.timeout, 0
        while archived < scale.calls and time.monotonic() < end:
            await asyncio.sleep(_LOOK_INTERVAL)
            archived = (await self._backend.client.count_workflows(_ARCHIVED)).count
            self._supervisor.check()
        return archived

    async def _exports(self, call: Call) -> list[Export]:
        handle = self._backend.client.get_workflow_handle(call.workflow_id)
        return list(_exports_of(call, await handle.fetch_history()))


def _count_files(archive: Path) -> int:
    return sum(1 for _ in archive.rglob("*.wav"))


def _exports_of(call: Call, history: WorkflowHistory) -> Iterator[Export]:
    """Yield the exports that were completed, with the time of their last attempt."""
    scheduled, started = {}, {}
    for event in history.events:
        at = event.event_time.ToDatetime()
        if event.activity_task_scheduled_event_attributes.activity_type.name == "export_chunk":
            scheduled[event.event_id] = at
        elif event.HasField("activity_task_started_event_attributes"):
            started[event.activity_task_started_event_attributes.scheduled_event_id] = at
        elif event.HasField("activity_task_completed_event_attributes"):
            begun = event.activity_task_completed_event_attributes.scheduled_event_id
            if begun in scheduled:
                # Scheduled as the service tells of the file, from when on its window counts.
                deadline = scheduled[begun] + WINDOWS[call.resource]
                yield Export(call.resource, deadline, scheduled[begun], started[begun], at)


@contextmanager
def _stack(supervisor: Supervisor, home: Path, scale: Scale) -> Iterator[Stack]:
    port, content = free_ports(2)
    yield start_stack(
        supervisor,
        home,
        archive=home / "archive",
        emulator_options=["--media", "sparse"],
        workers=(("--only", "control"), ("--only", "exports")),
        dynamic_config=_ONE_PARTITION,
        ports=Ports(emulator=port, emulator_content=content),
        settings=_settings(home, f"http://{HOST}:{port}", scale),
    )


def _settings(home: Path, endpoint: str, scale: Scale) -> Mapping[str, str]:
    """Return the settings of further resources at the same service, with other windows."""
    settings = {"CALLVAULT_WORKER__MAX_CONCURRENT_EXPORTS": str(scale.exports_at_once)}
    for name, window in WINDOWS.items():
        prefix = f"CALLVAULT_RESOURCES__{name.upper()}__"
        settings[f"{prefix}EXPORT_WINDOW"] = f"{window.total_seconds():.0f}s"
        if name == RESOURCE:
            continue
        # All events come with the topic of the first, and find a workflow that runs by its call.
        own: dict[str, Any] = {
            "ENDPOINT": endpoint,
            "TOPIC": f"/{name}",
            "ARCHIVE": ARCHIVE,
            "CREDENTIAL__CONNECTION_STRING": f"file:{home}/acs-connection-string",
        }
        settings |= {f"{prefix}{key}": value for key, value in own.items()}
    return settings


def run_storm(home: Path, scale: Scale) -> Findings:
    """Start everything, run the storm, stop everything."""
    with Supervisor(home / "logs") as supervisor, _stack(supervisor, home, scale) as stack:
        return asyncio.run(_run(supervisor, stack, scale, home / "archive"))


async def _run(supervisor: Supervisor, stack: Stack, scale: Scale, archive: Path) -> Findings:
    temporal = stack.temporal
    client = await Client.connect(
        temporal.address, namespace=temporal.namespace, data_converter=data_converter
    )
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        backend = Backend(stack, client, http)
        try:
            return await Storm(supervisor, stack, backend).run(scale, archive)
        finally:
            backend.acs.close()


def _say(phase: str) -> None:
    print(f"{phase} ...", file=sys.stderr, flush=True)
