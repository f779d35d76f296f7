"""`callvault ingest queue` as the process that it is."""

import base64
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from azure.storage.queue import QueueClient
from temporalio.client import Client

from callvault.contracts import names
from callvault.local.azurite import Azurite
from callvault.local.processes import Process, Supervisor
from callvault.local.stack import CALLVAULT
from tests.gateway.conftest import TOPIC, Call
from tests.ingest.conftest import until


@pytest.fixture
def environment(storage: Azurite, queue_name: str, tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "callvault.toml"
    file.write_text(
        f"""
[resources.default]
endpoint = "https://acs.example"
credential.entra = true
topic = "{TOPIC}default"

[archives.main]
kind = "directory"
path = "/never-written"

[queues.grid]
queue = "{queue_name}"
connection_string = "env:TEST_STORAGE"
visibility_timeout = "1s"
poll_every = "PT0.05S"
"""
    )
    return {
        **os.environ,
        "CALLVAULT_CONFIG": str(file),
        "TEST_STORAGE": storage.connection_string,
    }


def ingesting(supervisor: Supervisor, name: str, environment: dict[str, str]) -> Process:
    process = supervisor.start(
        name, [*CALLVAULT, "ingest", "queue", "grid"], environment=environment
    )
    said = process.wait_for(lambda: process.announcement("ready"))
    assert said == {"ready": True, "queues": ["grid"]}
    return process


async def test_what_a_killed_process_held_is_taken_by_the_next_one(
    environment: dict[str, str],
    storage: Azurite,
    queue_name: str,
    temporal: Client,
    call: Call,
    tmp_path: Path,
) -> None:
    queue = QueueClient.from_connection_string(storage.connection_string, queue_name)
    content = base64.b64encode(json.dumps(call.recorded()).encode()).decode()
    nowhere = {**environment, "TEMPORAL_ADDRESS": _nobodys_address()}
    address = temporal.service_client.config.target_host
    with queue, Supervisor(tmp_path / "logs") as supervisor:
        queue.send_message(content)
        first = ingesting(supervisor, "first", nowhere)
        await until(lambda: not queue.peek_messages())
        os.killpg(first.pid, signal.SIGKILL)
        second = ingesting(supervisor, "second", {**environment, "TEMPORAL_ADDRESS": address})
        await until(lambda: queue.get_queue_properties().approximate_message_count == 0)
        second.stop()
    assert await call.names_told() == [names.FILE_STATUS_UPDATED]
    assert second.exit_status == 0
    log = first.log.read_text() + second.log.read_text()
    assert storage.account_key not in log


async def test_a_process_that_is_told_to_stop_gives_back_what_waits(
    environment: dict[str, str], storage: Azurite, queue_name: str, call: Call, tmp_path: Path
) -> None:
    queue = QueueClient.from_connection_string(storage.connection_string, queue_name)
    environment |= {
        "TEMPORAL_ADDRESS": _nobodys_address(),
        "CALLVAULT_QUEUES__GRID__VISIBILITY_TIMEOUT": "10m",
    }
    with queue, Supervisor(tmp_path / "logs") as supervisor:
        queue.send_message(json.dumps(call.recorded()))
        process = ingesting(supervisor, "only", environment)
        await until(lambda: not queue.peek_messages())
        process.stop()
        assert process.exit_status == 0
        assert len(queue.peek_messages()) == 1


def test_without_a_queue_in_the_settings_it_says_what_to_do(environment: dict[str, str]) -> None:
    settings = Path(environment["CALLVAULT_CONFIG"])
    settings.write_text(settings.read_text().partition("[queues")[0])
    ended = subprocess.run(
        [*CALLVAULT, "ingest", "queue"], env=environment, capture_output=True, check=False
    )
    assert ended.returncode == 1
    assert b"add [queues.NAME]" in ended.stderr


def _nobodys_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"
