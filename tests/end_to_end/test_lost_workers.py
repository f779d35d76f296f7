"""Is a pause confirmed in time, and does it last, when the worker that keeps its call is lost?"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx
import pytest

from callvault.cli.demo.call import Call
from callvault.local.processes import Process
from callvault.local.stack import CALLVAULT

from .conftest import Running

pytestmark = pytest.mark.slow("ends and freezes workers, and waits for Temporal to notice")

CALLS = 6

PAUSE_CONFIRM_WITHIN = 5
"""Seconds: the default, which is the promise."""


@pytest.fixture
async def calls(running: Running) -> AsyncIterator[list[Call]]:
    async with httpx.AsyncClient(trust_env=False, timeout=35) as http:
        yield [Call(running.stack, http) for _ in range(CALLS)]


def works(running: Running, name: str) -> Process:
    """Start a worker, beside those that there are."""
    command = [*CALLVAULT, "worker"]
    worker = running.supervisor.start(name, command, environment=running.stack.environment)
    worker.wait_for(lambda: worker.announcement("ready"))
    return worker


def first_worker(running: Running) -> Process:
    return next(each for each in running.supervisor.processes if each.name == "worker")


@contextmanager
def frozen(worker: Process) -> Iterator[None]:
    """Let a worker stand still, as that of a suspended machine does."""
    os.killpg(worker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(worker.pid, signal.SIGCONT)


async def are_recorded(calls: list[Call]) -> None:
    for call in calls:
        await call.begins("Ana")
        await call.is_to_be_recorded()
        await call.becomes("active")


async def asked(calls: list[Call], verb: str, request_id: str) -> list[int]:
    """Ask for a change of every call at once; return the statuses of the answers."""
    body = {"requestedBy": "demo", "requestId": request_id}

    async def ask(call: Call) -> int:
        path = f"{call.stack.gateway}/v1/recordings/{call.workflow_id}:{verb}"
        return (await call.http.post(path, json=body)).status_code

    return await asyncio.gather(*map(ask, calls))


async def resumes(call: Call) -> int:
    """Count the requests to resume, of whichever call, that have reached ACS."""
    answer = await call.http.get(f"{call.stack.emulator.control}/request-log")
    return sum(entry.get("operation") == "resume" for entry in answer.json()["entries"])


@pytest.mark.timeout(240)
async def test_h1_a_worker_that_stood_still_does_not_resume_what_was_paused_since(
    running: Running, calls: list[Call]
) -> None:
    await are_recorded(calls)
    await asked(calls, "pause", "p1")
    with frozen(first_worker(running)):
        other = works(running, "worker-2")
        assert set(await asked(calls, "resume", "r1")) <= {200, 504}
        for call in calls:
            await call.becomes("active")
        assert set(await asked(calls, "pause", "p2")) == {200}
        before = await resumes(calls[0])
    # It wakes, and finds the tasks that it had.
    await asyncio.sleep(5)
    assert await resumes(calls[0]) == before
    assert [(await call.truth())["state"] for call in calls] == ["paused"] * CALLS
    other.stop()


@pytest.mark.timeout(240)
async def test_h4_a_pause_is_in_time_when_the_worker_that_kept_its_call_is_killed(
    running: Running, calls: list[Call]
) -> None:
    await are_recorded(calls)
    kept_by = first_worker(running)
    works(running, "worker-3")
    os.killpg(kept_by.pid, signal.SIGKILL)
    assert kept_by.wait_for_end() == -signal.SIGKILL

    async with asyncio.timeout(PAUSE_CONFIRM_WITHIN):
        assert set(await asked(calls, "pause", "p1")) == {200}

    for call in calls:
        assert (await call.truth())["state"] == "paused"
