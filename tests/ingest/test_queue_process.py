"""`callvault ingest queue` as the process that it is."""

import base64
import json
import os
import signal
from pathlib import Path

import httpx
import pytest
from azure.storage.queue import QueueClient

from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.errors import ConfigurationError
from callvault.ingest.process import read_queues
from callvault.local.azurite import Azurite
from callvault.local.processes import Process, Supervisor
from callvault.local.stack import CALLVAULT
from callvault.local.temporal import free_ports
from tests.gateway.conftest import Call
from tests.ingest.conftest import until


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
    call: Call,
    tmp_path: Path,
) -> None:
    queue = QueueClient.from_connection_string(storage.connection_string, queue_name)
    content = base64.b64encode(json.dumps(call.recorded()).encode()).decode()
    nowhere = {**environment, "TEMPORAL_ADDRESS": _nobodys_address()}
    with queue, Supervisor(tmp_path / "logs") as supervisor:
        queue.send_message(content)
        first = ingesting(supervisor, "first", nowhere)
        await until(lambda: not queue.peek_messages())
        os.killpg(first.pid, signal.SIGKILL)
        second = ingesting(supervisor, "second", environment)
        await until(lambda: queue.get_queue_properties().approximate_message_count == 0)
        second.stop()
    assert await call.names_received() == [names.FILE_STATUS_UPDATED]
    assert second.exit_status == 0
    log = first.log.read_text() + second.log.read_text()
    assert storage.account_key not in log


async def test_prometheus_reads_what_became_of_the_events(
    environment: dict[str, str], storage: Azurite, queue_name: str, call: Call, tmp_path: Path
) -> None:
    address = environment["CALLVAULT_INGEST__METRICS_ADDRESS"] = _nobodys_address()
    queue = QueueClient.from_connection_string(storage.connection_string, queue_name)
    with queue, Supervisor(tmp_path / "logs") as supervisor:
        queue.send_message(json.dumps(call.recorded()))
        ingesting(supervisor, "only", environment)
        await until(lambda: queue.get_queue_properties().approximate_message_count == 0)
        async with httpx.AsyncClient() as prometheus:
            exposed = (await prometheus.get(f"http://{address}/metrics")).text
    service = 'service_name="callvault-ingest"'
    for disposition, count in (("delivered", 1), ("waiting", 0)):
        labels = f'channel="queue",disposition="{disposition}",{service}'
        assert f"callvault_events_total{{{labels}}} {count}\n" in exposed


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


def test_without_a_queue_in_the_settings_it_says_what_to_do(known: Settings) -> None:
    with pytest.raises(ConfigurationError, match=r"add \[queues.NAME\]"):
        read_queues(known, {})


def _nobodys_address() -> str:
    return f"127.0.0.1:{free_ports(1)[0]}"
