"""The gateway as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from temporalio.client import Client

from callvault.contracts import names
from callvault.local.temporal import free_ports
from tests.gateway.conftest import Call
from tests.patience import PROCESS

SERVE = (
    "from callvault.config.settings import load_settings;from callvault.gateway.server import serve"
)

CONFIGURATION = """
[resources.default]
endpoint = "https://acs.example"
credential = {{ entra = true }}
[archives.main]
kind = "directory"
path = "/never-written"
[gateway]
port = 0
quarantine = {{ kind = "directory", path = "{quarantine}" }}
event_secrets = ["env:EVENT_SECRET"]
"""


def _environment(folder: Path, address: str, more: dict[str, str]) -> dict[str, str]:
    file = folder / "callvault.toml"
    file.write_text(CONFIGURATION.format(quarantine=folder / "quarantine"))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CALLVAULT_", "TEMPORAL_"))}
    return {
        **kept,
        "CALLVAULT_CONFIG": str(file),
        "EVENT_SECRET": "hunter2",
        "TEMPORAL_ADDRESS": address,
        **more,
    }


class Process:
    """A gateway; ``more`` are variables of its environment."""

    def __init__(self, folder: Path, address: str, files: int = 0, **more: str) -> None:
        limited = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({files},) * 2); "
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"{limited if files else ''}{SERVE}; serve(load_settings())",
            ],
            env=_environment(folder, address, more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.endpoint: str = json.loads(self.process.stdout.readline())["endpoint"]

    def end(self) -> tuple[str, str]:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.communicate(timeout=PROCESS)
        finally:
            self.process.kill()


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path, "127.0.0.1:1")
    yield process
    process.end()


def test_it_starts_and_answers_503_while_temporal_is_away(away: Process, call: Call) -> None:
    with httpx.Client(base_url=away.endpoint) as http:
        assert http.get("/healthz").status_code == 200
        assert http.get("/readyz").status_code == 503
        answer = http.post("/v1/events?code=hunter2", json=[call.recorded()])
        assert answer.status_code == 503


def test_a_request_under_way_is_finished_after_sigterm(away: Process) -> None:
    url = urlsplit(away.endpoint)
    with socket.create_connection((url.hostname, url.port), timeout=5) as connection:
        head = "POST /v1/events?code=hunter2 HTTP/1.1\r\nhost: gateway\r\ncontent-length: 2\r\n\r\n"
        connection.sendall(head.encode() + b"?")
        time.sleep(0.2)
        away.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        connection.sendall(b"?")
        assert connection.recv(4_096).startswith(b"HTTP/1.1 200")


async def test_it_delivers_to_the_temporal_that_the_environment_names_and_never_logs_the_secret(
    tmp_path: Path, temporal: Client, call: Call
) -> None:
    process = Process(tmp_path, temporal.service_client.config.target_host)
    async with httpx.AsyncClient(base_url=process.endpoint) as http:
        answers = [
            await http.post("/v1/events?code=hunter2", json=[call.recorded()]),
            await http.post("/v1/events?code=hunter2", content=b"?"),
        ]
    out, err = process.end()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert await call.names_received() == [names.FILE_STATUS_UPDATED]
    assert "hunter2" not in out + err
    assert process.process.returncode in (0, -signal.SIGTERM)


def test_h15_more_connections_than_files_cost_neither_a_probe_nor_the_log(tmp_path: Path) -> None:
    """400 slow connections to a process with 256 files made 61,197 tracebacks in 11 s."""
    gateway = Process(tmp_path, "127.0.0.1:1", files=256)
    port = urlsplit(gateway.endpoint).port
    assert port
    with ExitStack() as stack:
        for _ in range(400):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            with suppress(ConnectionError):
                slow.sendall(b"POST /v1/events HTTP/1.1\r\n")
        began = time.monotonic()
        assert httpx.get(f"{gateway.endpoint}/healthz", trust_env=False, timeout=5).is_success
        assert time.monotonic() - began < 3
    _, errors = gateway.end()
    assert len(errors) < 10_000
    assert "Traceback" not in errors


@pytest.mark.parametrize("streams", [">/dev/full 2>/dev/full", ">&- 2>&-", "<&- >&- 2>/dev/full"])
def test_h18_it_serves_with_standard_streams_that_take_nothing(
    streams: str, tmp_path: Path, call: Call
) -> None:
    [port] = free_ports(1)
    gateway = subprocess.Popen(
        ["sh", "-c", f'exec "$@" {streams}', "sh", sys.executable, "-m", "callvault", "gateway"],
        env=_environment(tmp_path, "127.0.0.1:1", {"CALLVAULT_GATEWAY__PORT": str(port)}),
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
            _wait_until_alive(http, gateway)
            # Each of these is a line of the log.
            assert http.post("/v1/events?code=wrong", json=[{}]).status_code == 401
            assert http.post("/v1/events?code=hunter2", content=b"?").status_code == 200
        gateway.send_signal(signal.SIGTERM)
        assert gateway.wait(timeout=15) in (0, -signal.SIGTERM)
    finally:
        gateway.kill()


def _wait_until_alive(http: httpx.Client, gateway: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 30
    while True:
        assert gateway.poll() is None, "it has ended"
        try:
            assert http.get("/healthz").status_code == 200
            return
        except httpx.TransportError:
            assert time.monotonic() < ends
            time.sleep(0.1)
