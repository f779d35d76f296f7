"""Is a pause answered in time, by what is known, when every part is a process of its own?"""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from callvault.cli.demo.call import Call
from callvault.local.processes import Process
from callvault.local.stack import CALLVAULT

from .conftest import Running

pytestmark = pytest.mark.slow("starts every part as a process of its own, and waits in real time")

WITHIN = 5.0
"""Seconds that a pause may take, by default."""
LOAD = 1.5
"""Seconds that the way to the answer may take on a machine that has other work."""


async def answered(call: Call, verb: str = "pause", **body: Any) -> tuple[int, dict[str, Any]]:
    """Ask for a pause; return the status and the body of an answer that comes in time."""
    asked_at = time.monotonic()
    path = f"{call.stack.gateway}/v1/recordings/{call.workflow_id}:{verb}"
    answer = await call.http.post(path, json={"requestedBy": "demo", "requestId": "p1", **body})
    assert time.monotonic() - asked_at < WITHIN + LOAD
    return answer.status_code, answer.json()


async def is_confirmed(call: Call, request_id: str = "p1") -> dict[str, Any]:
    """Wait until the status says that a request is confirmed."""
    async with asyncio.timeout(50):
        while (record := (await call.status())["requests"][request_id])["state"] != "confirmed":
            await asyncio.sleep(0.2)
    return dict(record)


async def is_recorded(call: Call) -> None:
    await call.begins("Ana")
    await call.is_to_be_recorded()
    await call.becomes("active")


@contextmanager
def frozen(worker: Process) -> Iterator[None]:
    os.killpg(worker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(worker.pid, signal.SIGCONT)


@pytest.mark.parametrize("fault", ["unavailable", "hang"])
async def test_a_pause_that_acs_does_not_do_is_answered_in_time_and_done_later(
    call: Call, fault: str
) -> None:
    await is_recorded(call)
    await call.acs_fails(fault)
    try:
        status, answer = await answered(call)
    finally:
        await call.acs_recovers()
    error = answer["error"]
    assert (status, error["code"], error["mayBeRecording"]) == (504, "pause_unconfirmed", True)
    assert "ACS" in error["message"]
    assert (
        "it may be recording, and ACS is asked again until it is proven to pause"
        in (error["message"])
    )
    assert (await is_confirmed(call))["isOverdue"]
    assert (await call.truth())["state"] == "paused"
    status, answer = await answered(call)
    assert (status, answer["state"]) == (200, "confirmed"), "the same request, once it is done"
    await call.ends()


async def test_a_pause_right_after_the_start_is_answered_in_time_and_proven_later(
    call: Call,
) -> None:
    await call.begins("Ana")
    await call.is_to_be_recorded()
    status, answer = await answered(call)
    if status == 200:
        pytest.skip("ACS had told that it records before the pause came")
    error = answer["error"]
    assert (status, error["code"], error["mayBeRecording"]) == (504, "pause_unconfirmed", True)
    assert "may also mean that sound is still to come" in error["message"]
    await is_confirmed(call)
    await call.ends()


async def test_the_command_line_is_answered_in_time(running: Running, call: Call) -> None:
    await is_recorded(call)
    await call.acs_fails("unavailable")
    try:
        status, out, err = await tried(running, "recordings", "pause", call.workflow_id)
    finally:
        await call.acs_recovers()
    assert (status, out.strip()) == (1, "pause: pending")
    assert "ACS is asked again until it is proven to pause. ACS may be recording" in err
    await call.ends()


async def test_where_no_worker_answers_that_is_said_and_not_acs_blamed(
    running: Running, call: Call
) -> None:
    await is_recorded(call)
    worker = next(each for each in running.supervisor.processes if each.name == "worker")
    with frozen(worker):
        status, answer = await answered(call)
        exit_status, _, err = await tried(running, "recordings", "pause", call.workflow_id)
    error = answer["error"]
    assert (status, error["code"], error["mayBeRecording"]) == (504, "not_confirmed", True)
    assert error["message"].startswith("no worker has answered within 5 s: start workers")
    assert exit_status == 1
    assert "no worker has answered within 5 s" in err
    assert "ACS may be recording" in err
    await is_confirmed(call)
    await call.ends()


async def tried(running: Running, *arguments: str) -> tuple[int | None, str, str]:
    """Run a command; return its exit status, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(*CALLVAULT, *arguments),
        env=dict(running.stack.environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), " ".join(err.decode().split())
