"""Is a call kept when every part is a process of its own, also when parts are killed?"""

import asyncio
import hashlib
import json
import os
import signal
from typing import Any

import httpx
import pytest
from azure.storage.blob import ContainerClient
from rich.console import Console
from temporalio.client import Client

from callvault.cli.demo.call import Call
from callvault.cli.demo.scenarios import acs_outage, card_payment, consent
from callvault.cli.demo.scenarios.scenario import PlayedCall
from callvault.cli.demo.voice_detection import detect_voices, probe
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus
from callvault.local.azurite import Azurite
from callvault.local.processes import Process, Supervisor
from callvault.local.stack import CALLVAULT, Stack
from callvault.local.stack_settings import CONTAINER

from .conftest import Running

pytestmark = pytest.mark.slow("starts every part as a process of its own, and calls last seconds")

FRAME = 1 / 8


async def test_a_call_is_kept_without_its_paused_part(
    running: Running, call: Call, client: Client
) -> None:
    await call.begins("Ana", "Ben")
    await call.is_to_be_recorded()
    await is_in_state(client, call, "recording")
    await call.speaks("Ben", 1)
    await call.asks("pause", "card number")
    await call.speaks("Ana", 1)
    await call.asks("resume", "done")
    await call.speaks("Ben", 1)
    await call.asks("stop", "over")
    await call.ends()

    result = await result_of(client, call)

    assert result.outcome == "archived"
    truth = await call.truth()
    content = archived(running.stack, result)
    assert hashlib.sha256(content).hexdigest() == truth["chunks"][0]["sha256"]
    asked = (await call.status())["requests"]["pause-1"]
    assert asked["requestedAt"] <= asked["acceptedAt"] <= asked["settledAt"]
    assert asked["notifiedAt"], "ACS's own word, to the gateway"
    media = probe(content)
    assert media.description == "h264 1920x1080 8 FPS, aac 16000 Hz mono"
    paused = result.recordings[0].chunks[0].archived.pauses  # type: ignore[union-attr]
    assert len(paused) == 1
    assert abs(media.seconds * 1000 - truth["durationMs"]) <= 1000 * FRAME
    assert 0.9 <= paused[0].duration_ms / 1000 <= 3


async def test_not_one_frame_of_what_nobody_agreed_to_is_in_the_archived_media(
    running: Running, call: Call, client: Client
) -> None:
    """By ear: Ben and Cem speak only while a consent is missing, Ana while all have agreed."""
    await consent.story(call, lambda _: None)
    result = await result_of(client, call)
    assert result.outcome == "archived"
    content = archived(running.stack, result)
    detected = detect_voices(content, call.voices)
    assert detected[consent.ANA].seconds >= consent.SPEAKS
    assert detected[consent.BEN].windows == detected[consent.CEM].windows == ()
    assert consent.verify(await kept(call, result, content), Console(quiet=True))
    [recording] = (await call.status())["recordings"]
    assert [mark["until"] is not None for mark in recording["marked"]] == [True]
    # Missing at first, as Cem joins, as Ana withdraws; and perhaps as the last ones hang up.
    assert len(recording["holds"]) in (3, 4)


async def test_a_card_number_is_not_recorded_where_a_pause_fails(
    running: Running, call: Call, client: Client
) -> None:
    """By ear: Ana speaks only in a pause, and after the recording was stopped for want of one."""
    await card_payment.story(call, lambda _: None)
    result = await result_of(client, call)
    content = archived(running.stack, result)
    assert detect_voices(content, call.voices)[card_payment.ANA].windows == ()
    assert card_payment.verify(await kept(call, result, content), Console(quiet=True))


async def test_what_an_outage_let_through_is_marked_in_the_manifest(
    running: Running, call: Call, client: Client
) -> None:
    try:
        await acs_outage.story(call, lambda _: None)
    finally:
        await call.acs_recovers()
    result = await result_of(client, call)
    content = archived(running.stack, result)
    assert acs_outage.verify(await kept(call, result, content), Console(quiet=True))


async def kept(call: Call, result: CallResult, content: bytes) -> PlayedCall:
    status = CallStatus.model_validate(await call.status())
    return PlayedCall(call, result, status, {}, [content])


async def test_a_worker_that_is_killed_mid_call_is_replaced_without_loss(
    running: Running, call: Call, client: Client
) -> None:
    worker = next(each for each in running.supervisor.processes if each.name == "worker")
    await call.begins("Cy", "Di")
    await call.is_to_be_recorded()
    await is_in_state(client, call, "recording")
    os.killpg(worker.pid, signal.SIGKILL)
    await call.speaks("Cy", 1)
    await call.ends()
    await asyncio.sleep(0.5)
    replace(running.supervisor, worker, running.stack)

    result = await result_of(client, call)

    assert result.outcome == "archived"
    truth = await call.truth()
    content = archived(running.stack, result)
    assert hashlib.sha256(content).hexdigest() == truth["chunks"][0]["sha256"]


async def test_a_start_of_no_call_is_the_callers_fault_and_no_recording_that_is_missing(
    running: Running, call: Call, client: Client
) -> None:
    call.server_call_id = "bWlzdHlwZWQ"
    with pytest.raises(httpx.HTTPStatusError) as refused:
        await call.is_to_be_recorded()
    error = refused.value.response.json()["error"]
    assert (refused.value.response.status_code, error["code"]) == (422, "unknown_call")
    assert "Pass the call's serverCallId" in error["message"]
    assert (await result_of(client, call)).outcome == "failed_to_start"
    [gap] = [
        each for each in (await report(running.stack))["gaps"] if "no call of ACS" in each["what"]
    ]
    assert (gap["workflowId"], gap["verdict"]) == (call.workflow_id, "no_such_call")


async def test_a_call_of_teams_is_refused_with_the_reason(call: Call, client: Client) -> None:
    await call.begins("Eve", kind="teamsInterop")
    with pytest.raises(httpx.HTTPStatusError) as refused:
        await call.is_to_be_recorded()
    assert refused.value.response.status_code == 502
    assert "Teams" in refused.value.response.json()["error"]["message"]
    result = await result_of(client, call)
    assert result.outcome == "failed_to_start"
    assert "Teams" in result.recordings[0].problem


async def test_the_command_line_shows_and_controls_a_call(
    running: Running, call: Call, client: Client
) -> None:
    await call.begins("Flo")

    async def tries(*arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(*CALLVAULT, "recordings", *arguments),
            env=dict(running.stack.environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, problem = await process.communicate()
        return process.returncode, (problem if process.returncode else output).decode()

    async def says(*arguments: str) -> str:
        status, said = await tries(*arguments)
        assert status == 0, said
        return said

    async def refuses(*arguments: str) -> str:
        status, said = await tries(*arguments)
        assert status
        return said

    assert (await says("start", call.server_call_id)).strip() == call.workflow_id
    await is_in_state(client, call, "recording")
    assert "is on already" in await refuses("start", call.server_call_id)
    assert "there is no recording" in await refuses("pause", "no-such-call")
    assert "pause: confirmed" in await says("pause", call.workflow_id, "--reason", "card")
    assert "card" in await says("show", call.server_call_id)
    assert "card" in await says("evidence", call.workflow_id)
    assert '"reason": "card"' in await says("evidence", call.workflow_id, "--json")
    assert "consent given by" in await says("consent", call.workflow_id, "8:acs:flo")
    of_flo = await says("evidence", call.workflow_id, "--participant", "8:acs:flo")
    hashed = of_flo.partition("8:acs:flo is ")[2][:16]
    assert of_flo.count(hashed) == 2, "once as whose it is, once in the table"
    assert call.workflow_id in await says("list")
    await call.asks("pause", "diagnosis")
    held = await refuses("resume", call.workflow_id)
    assert "stays paused by demo" in held
    assert "resume: confirmed" in await says("resume", call.workflow_id, "--force")
    assert "pause_forced" in await says("show", call.workflow_id, "--json")
    assert "stop: confirmed" in await says("stop", call.workflow_id)
    await call.ends()
    await result_of(client, call)
    assert "has ended" in await refuses("resume", call.workflow_id)


async def test_a_file_taken_from_the_archive_is_found_by_reconciling(
    running: Running, call: Call, client: Client
) -> None:
    await call.begins("Gus")
    await call.is_to_be_recorded()
    await is_in_state(client, call, "recording")
    await call.ends()
    chunk = (await result_of(client, call)).recordings[0].chunks[0].archived
    assert chunk is not None

    assert call.workflow_id not in await reconciled(running.stack)
    assert isinstance(running.stack.archive, Azurite)
    with ContainerClient.from_connection_string(
        running.stack.archive.connection_string, CONTAINER
    ) as container:
        container.delete_blob(chunk.object_name)

    gaps = await reconciled(running.stack)
    assert gaps[call.workflow_id] == [f"{chunk.archive}/{chunk.object_name}"]


async def reconciled(stack: Stack) -> dict[str, list[str]]:
    """Return the gaps that the command reports: workflow ids, and the missing objects."""
    return {gap["workflowId"]: gap["objects"] for gap in (await report(stack))["gaps"]}


async def report(stack: Stack) -> Any:
    """Reconcile the last hour by the command."""
    process = await asyncio.create_subprocess_exec(
        *(*CALLVAULT, "reconcile", "--since", "1h", "--json"),
        env=dict(stack.environment),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    told = json.loads(output)
    assert process.returncode == (0 if told["isMet"] else 1)
    return told


async def is_in_state(client: Client, call: Call, state: str) -> None:
    """Wait until the workflow says so."""
    handle = client.get_workflow_handle(call.workflow_id)
    async with asyncio.timeout(20):
        while (await handle.query("status"))["recordings"][0]["state"] != state:
            await asyncio.sleep(0.05)


async def result_of(client: Client, call: Call) -> CallResult:
    handle = client.get_workflow_handle(call.workflow_id, result_type=CallResult)
    return await asyncio.wait_for(handle.result(), 60)


def archived(stack: Stack, result: CallResult) -> bytes:
    """Read the media file from Azurite with the storage SDK."""
    chunk = result.recordings[0].chunks[0].archived
    assert chunk is not None
    assert isinstance(stack.archive, Azurite)
    with ContainerClient.from_connection_string(
        stack.archive.connection_string, CONTAINER
    ) as container:
        return container.download_blob(chunk.object_name).readall()


def replace(supervisor: Supervisor, worker: Process, stack: Stack) -> None:
    """Start another worker in place of a dead one."""
    assert worker.exit_status is not None
    again = supervisor.start("worker-2", [*CALLVAULT, "worker"], environment=stack.environment)
    again.wait_for(lambda: again.announcement("ready"))
