"""The gateway is down and an event is given up: is the call kept, and kept once by all channels?"""

import asyncio
import base64
import hashlib
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas
from azure.storage.queue import QueueClient
from temporalio.client import Client

from callvault.cli.demo.call import Call
from callvault.contracts import names
from callvault.contracts.results import CallResult
from callvault.local.azurite import Azurite, add_queues
from callvault.local.processes import Supervisor
from callvault.local.stack import CALLVAULT, start_stack
from tests.emulator.webhook import Webhook

from .conftest import Running
from .test_kept import is_in_state, result_of

pytestmark = pytest.mark.slow("starts every part as a process of its own")

FILES = "RecordingFileStatusUpdated"
DEAD_LETTER_DELAY = 300


@dataclass(frozen=True)
class Roads:
    """A container for undelivered events, and Callvault's settings for it."""

    letters: ContainerClient
    url: str
    queue: QueueClient
    environment: dict[str, str]


@pytest.fixture(scope="module")
def roads(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roads]:
    with Supervisor(tmp_path_factory.mktemp("queues")) as supervisor:
        secret = add_queues(supervisor, azurite).connection_string
        with (
            ContainerClient.from_connection_string(secret, "roads") as letters,
            QueueClient.from_connection_string(secret, "roads") as queue,
        ):
            letters.create_container()
            queue.create_queue()
            environment = {
                "ROADS": secret,
                "CALLVAULT_DEAD_LETTERS__GRID": '{"container": "roads"}',
                "CALLVAULT_DEAD_LETTERS__GRID__CONNECTION_STRING": "env:ROADS",
                "CALLVAULT_QUEUES__GRID": '{"queue": "roads"}',
                "CALLVAULT_QUEUES__GRID__CONNECTION_STRING": "env:ROADS",
            }
            yield Roads(letters, _writable(azurite, letters), queue, environment)


def _writable(azurite: Azurite, container: ContainerClient) -> str:
    sas = generate_container_sas(
        azurite.account_name,
        container.container_name,
        azurite.account_key,
        permission=ContainerSasPermissions(create=True, write=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return f"{container.url}?{sas}"


@pytest.fixture(scope="module")
def running(roads: Roads, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("stack")
    with Supervisor(home / "logs") as supervisor:
        options = ("--dead-letters", roads.url)
        stack = start_stack(supervisor, home, archive=home / "archive", emulator_options=options)
        yield Running(stack, supervisor)


@pytest.fixture
async def refusing(running: Running, call: Call) -> Any:
    """Serve a subscriber that answers 400: its events are given up at once, and dead-lettered."""
    webhook = Webhook()
    webhook.answers = [400] * 100
    with webhook.open():
        subscribing = {"endpoint": webhook.url}
        control = running.stack.emulator.control
        (await call.http.post(f"{control}/subscriptions", json=subscribing)).raise_for_status()
        await happens(lambda: any(each.is_validation for each in webhook.requests))
        yield webhook


async def test_what_no_road_delivered_is_swept_and_by_every_other_road_it_is_the_same_event(
    running: Running, roads: Roads, refusing: Webhook, call: Call, client: Client
) -> None:
    await call.begins("Ana")
    await call.is_to_be_recorded()
    await is_in_state(client, call, "recording")
    kill(running, "gateway")
    await call.speaks("Ana", 1)
    await call.ends()
    await happens(lambda: refusing.of_type(FILES))
    await advance(call, DEAD_LETTER_DELAY + 1)
    await happens(lambda: FILES in dead_letters(roads.letters))

    assert "0 not understood" in await says(running, roads, "sweep")

    result = await result_of(client, call)
    assert result.outcome == "archived"
    (media,) = archived(running, ".mp4")
    truth = (await call.truth())["chunks"][0]
    assert hashlib.sha256(media.read_bytes()).hexdigest() == truth["sha256"]

    event = refusing.of_type(FILES)[0].body
    await by_queue(running, roads, event)
    await by_webhook(running, roads, call, event)
    assert call.workflow_id in await says(running, roads, "events", "deliver", "-", event=event)

    query = f"WorkflowId = '{call.workflow_id}'"
    assert len([run async for run in client.list_workflows(query)]) == 1
    assert [len(archived(running, end)) for end in (".mp4", "manifest.json")] == [1, 1]

    await an_orphan_is_kept_and_listed(running, roads, client, event, call)


async def an_orphan_is_kept_and_listed(
    running: Running, roads: Roads, client: Client, event: Any, call: Call
) -> None:
    """Make an event of the same file, for a call without a request to record it."""
    event[0]["subject"] = event[0]["subject"].replace(call.server_call_id, "nobodys-call")
    orphan = names.workflow_id("nobodys-call")
    assert orphan in await says(running, roads, "events", "deliver", "-", event=event)
    handle = client.get_workflow_handle(orphan, result_type=CallResult)
    assert (await asyncio.wait_for(handle.result(), 60)).outcome == "archived"
    query = f"WorkflowId = '{orphan}' AND {names.ORPHAN.name} = true"
    while not [run async for run in client.list_workflows(query)]:
        await asyncio.sleep(0.05)
    listed = await says(running, roads, "recordings", "list", "--orphans")
    assert orphan in listed
    assert call.workflow_id not in listed


async def by_queue(running: Running, roads: Roads, event: Any) -> None:
    roads.queue.send_message(base64.b64encode(json.dumps(event).encode()).decode())
    reader = running.supervisor.start(
        "ingest", [*CALLVAULT, "ingest", "queue"], environment=environment(running, roads)
    )
    reader.wait_for(lambda: reader.announcement("ready"))
    await happens(lambda: roads.queue.get_queue_properties().approximate_message_count == 0)
    reader.stop()
    assert reader.exit_status == 0


async def by_webhook(running: Running, roads: Roads, call: Call, event: Any) -> None:
    again = running.supervisor.start(
        "gateway-2", [*CALLVAULT, "gateway"], environment=environment(running, roads)
    )
    endpoint = again.wait_for(lambda: again.announcement("endpoint"))["endpoint"]
    answer = await call.http.post(f"{endpoint}/v1/events", json=event)
    assert answer.status_code == 200


def environment(running: Running, roads: Roads) -> dict[str, str]:
    return {**running.stack.environment, **roads.environment}


def kill(running: Running, name: str) -> None:
    process = next(each for each in running.supervisor.processes if each.name == name)
    os.killpg(process.pid, signal.SIGKILL)
    process.stop()


async def says(running: Running, roads: Roads, *arguments: str, event: Any = None) -> str:
    process = await asyncio.create_subprocess_exec(
        *CALLVAULT,
        *arguments,
        env=environment(running, roads),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(json.dumps(event).encode())
    assert process.returncode == 0, output
    return output.decode()


async def advance(call: Call, seconds: int) -> None:
    control = call.stack.emulator.control
    body = {"advanceSeconds": seconds}
    (await call.http.post(f"{control}/clock", json=body)).raise_for_status()


def dead_letters(container: ContainerClient) -> str:
    return "".join(
        container.download_blob(name).readall().decode() for name in container.list_blob_names()
    )


def archived(running: Running, ending: str) -> list[Path]:
    assert isinstance(running.stack.archive, Path)
    return list((running.stack.archive / "recordings").rglob(f"*{ending}"))


async def happens(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.05)
