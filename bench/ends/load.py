"""The load: calls that are recorded and then end, and pauses of other calls meanwhile."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bench.latency import SOUND, Backend
from callvault.contracts import names
from callvault.contracts.requests import RecordingRequest
from callvault.temporal.updates import start_confirmed

MAX_STARTS_AT_ONCE = 10

WINDOWS = {
    "default": timedelta(hours=48),
    "day": timedelta(hours=24),
    "hours": timedelta(hours=3),
}
"""The export windows, by resource: files of three priorities."""

_SHARES = (6, 3, 1)
"""Parts of the calls that each resource has."""

_ROUND = 10
"""Calls that are paused in a round: so many arrivals are then looked up at once."""

_BETWEEN = 0.2
"""Seconds between two pauses."""


@dataclass(frozen=True)
class Call:
    """A call that is recorded."""

    call_id: str
    """The emulator's id, by which it is ended."""
    workflow_id: str
    recording_id: str
    resource: str


@dataclass
class Pauses:
    """Milliseconds from the request for a pause to its arrival at ACS, in turn with bare calls."""

    callvault: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


async def open_calls(backend: Backend, count: int, seed: int, media_bytes: int) -> list[Call]:
    """Record calls that stay open, of all resources; return them, in no order of resources."""
    rng, room = random.Random(seed), asyncio.Semaphore(MAX_STARTS_AT_ONCE)

    async def one(resource: str) -> Call:
        async with room:
            return await _open(backend, resource, media_bytes)

    return await asyncio.gather(*map(one, rng.choices(list(WINDOWS), _SHARES, k=count)))


async def _open(backend: Backend, resource: str, media_bytes: int) -> Call:
    body = {"participants": [{"displayName": "Ana"}], "mediaBytes": media_bytes}
    answer = await backend.http.post(f"{backend.stack.emulator.control}/calls", json=body)
    call: dict[str, Any] = answer.raise_for_status().json()
    server_call_id = call["serverCallId"]
    wanted = {"server_call_id": server_call_id, "resource": resource, "requested_by": "bench"}
    request = RecordingRequest.model_validate({**wanted, **SOUND})
    record = await start_confirmed(backend.client, request)
    workflow_id = names.workflow_id(server_call_id)
    return Call(call["callId"], workflow_id, record.recording_id or "", resource)


async def end_calls(backend: Backend, calls: Sequence[Call], seconds: float) -> None:
    """End all calls, spread evenly over some time."""
    begin = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number, call in enumerate(calls):
            await asyncio.sleep(begin + number * seconds / len(calls) - time.monotonic())
            group.create_task(_end(backend, call))


async def _end(backend: Backend, call: Call) -> None:
    url = f"{backend.stack.emulator.control}/calls/{call.call_id}"
    (await backend.http.delete(url)).raise_for_status()


async def pause_others(backend: Backend, others: Sequence[Call]) -> AsyncIterator[Pauses]:
    """Pause and resume calls that go on, in turn with bare calls; yield what each round took."""
    bare = [await backend.record_bare() for _ in others]
    while True:
        for begin in range(0, len(others), _ROUND):
            end = begin + _ROUND
            yield await _round(backend, others[begin:end], bare[begin:end])


async def _round(
    backend: Backend, others: Sequence[Call], bare: Sequence[tuple[str, str]]
) -> Pauses:
    ours, theirs = {}, {}
    for call, (server_call_id, recording_id) in zip(others, bare, strict=True):
        ours[call.recording_id] = time.time()
        await backend.request_change(names.PAUSE, call.workflow_id)
        theirs[recording_id] = time.time()
        await asyncio.to_thread(backend.acs.pause, recording_id, server_call_id)
        await asyncio.sleep(_BETWEEN)
    arrived = await backend.pauses()
    for call, (server_call_id, recording_id) in zip(others, bare, strict=True):
        await backend.request_change(names.RESUME, call.workflow_id)
        await asyncio.to_thread(backend.acs.resume, recording_id, server_call_id)
    # The emulator's log holds the newest requests only.
    return Pauses(_took(ours, arrived), _took(theirs, arrived))


def _took(asked: dict[str, float], arrived: dict[str, float]) -> list[float]:
    return [(arrived[each] - at) * 1e3 for each, at in asked.items() if each in arrived]
