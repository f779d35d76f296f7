"""A worker process, seen from outside: its metrics are scraped, its log is read."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.subjects.lookup import look_up
from callvault.config.settings import Settings, load_settings
from callvault.emulator.server import RunningEmulator
from callvault.local.processes import Process, Supervisor
from callvault.temporal.client import connect
from tests.acs.service import Answer, Service, serving
from tests.telemetry.processes import free_address
from tests.telemetry.vault import MEDIA_SECRET, gateway_to


@dataclass
class RunningWorker:
    process: Process
    settings: Settings
    archive: Path
    metrics: str

    async def scrape(self) -> str:
        """Read what Prometheus reads, once the worker has observed for the first time."""
        async with asyncio.timeout(20), httpx.AsyncClient() as prometheus:
            while True:
                answer = await prometheus.get(f"http://{self.metrics}/metrics")
                if "callvault_nearest_deadline_seconds" in answer.text:
                    return answer.text
                await asyncio.sleep(0.05)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.process.log.read_text().splitlines()]


@pytest.fixture
def collector() -> Iterator[Service]:
    """Takes what is sent by OTLP."""
    with serving() as service:
        service.answers.append(Answer())
        yield service


@contextmanager
def running_worker(environment: dict[str, str], home: Path) -> Iterator[Process]:
    with Supervisor(home / "logs") as supervisor:
        command = [sys.executable, "-m", "workers"]
        process = supervisor.start("worker", command, environment=environment)
        process.wait_for(lambda: process.announcement("ready"))
        yield process


@pytest.fixture
def worker(environment: dict[str, str], tmp_path: Path) -> Iterator[RunningWorker]:
    settings = load_settings(Path(environment["CALLVAULT_CONFIG"]))
    address = environment["CALLVAULT_WORKER__METRICS_ADDRESS"] = free_address()
    with running_worker(environment, tmp_path) as process:
        yield RunningWorker(process, settings, tmp_path / "archive", address)


async def test_prometheus_reads_our_metrics_and_temporals(
    worker: RunningWorker, emulator: RunningEmulator
) -> None:
    client = await connect(worker.settings)
    async with gateway_to(client, worker.settings, emulator) as vault:
        await vault.keeps_a_call()

    exposed = await worker.scrape()
    exported_bytes = _value(exposed, "callvault_exported_bytes_total", 'archive="local"')
    await _finds_everybody(worker)
    kept = worker.archive.rglob("*.wav")
    assert exported_bytes == sum(path.stat().st_size for path in kept) > 0
    assert _value(exposed, "callvault_recordings", 'state="recording"') >= 0
    assert _value(exposed, "callvault_nearest_deadline_seconds", 'resource="default"') >= 0
    assert _value(
        exposed, "temporal_activity_task_received_total", 'service_name="callvault-worker"'
    )


async def _finds_everybody(worker: RunningWorker) -> None:
    """Everybody whom a metadata file names is found with the worker's own key, once sealed."""
    archive = DirectoryArchive("local", worker.archive)
    manifests = list(worker.archive.rglob("manifest.json"))
    people = {
        each["participantId"]
        for file in worker.archive.rglob("*.metadata.json")
        for each in json.loads(file.read_bytes())["participants"]
    }
    assert people
    assert manifests
    for raw_id in people:
        [entry] = look_up(archive, raw_id, worker.settings.participant_keys()).recordings
        assert entry.folder == str(manifests[0].parent.relative_to(worker.archive))


async def test_the_worker_logs_json_without_secrets_and_ends_well(
    worker: RunningWorker, emulator: RunningEmulator
) -> None:
    client = await connect(worker.settings)
    async with gateway_to(client, worker.settings, emulator) as vault:
        await vault.keeps_a_call()
    worker.process.stop()

    assert worker.process.exit_status == 0
    assert worker.lines()
    log = worker.process.log.read_text()
    access_key = emulator.connection_string.partition("accesskey=")[2]
    assert [secret for secret in (access_key, MEDIA_SECRET) if secret in log] == []


async def test_a_collector_gets_spans_and_metrics_and_no_secret(
    environment: dict[str, str],
    emulator: RunningEmulator,
    collector: Service,
    tmp_path: Path,
) -> None:
    environment |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_METRIC_EXPORT_INTERVAL": "100",
        "OTEL_SERVICE_NAME": "night-shift",
    }
    settings = load_settings(Path(environment["CALLVAULT_CONFIG"]))
    client = await connect(settings)
    with running_worker(environment, tmp_path) as process:
        async with gateway_to(client, settings, emulator) as vault:
            await vault.keeps_a_call()
        process.stop()

    sent = {
        target: b"".join(seen.body for seen in collector.seen if seen.target == target)
        for target in ("/v1/traces", "/v1/metrics")
    }
    for expected in (b"RunActivity:export_chunk", b"RunWorkflow:RecordingWorkflow", b"night-shift"):
        assert expected in sent["/v1/traces"]
    for metric in (
        b"callvault_exported_bytes",
        b"callvault_recordings",
        b"temporal_",
        b"night-shift",
    ):
        assert metric in sent["/v1/metrics"]
    assert MEDIA_SECRET.encode() not in sent["/v1/traces"]
    assert process.exit_status == 0


def _value(exposed: str, name: str, label: str) -> float:
    """The first sample of a metric with this label."""
    sample = next(
        line for line in exposed.splitlines() if line.startswith(f"{name}{{") and label in line
    )
    return float(sample.rpartition(" ")[2])


async def test_h18_a_worker_works_with_standard_streams_that_take_nothing(
    environment: dict[str, str],
) -> None:
    address = free_address()
    worker = await asyncio.create_subprocess_exec(
        *("sh", "-c", 'exec "$@" >/dev/full 2>/dev/full', "sh"),
        *(sys.executable, "-m", "callvault", "worker"),
        env=environment | {"CALLVAULT_WORKER__METRICS_ADDRESS": address},
    )
    try:
        scraped = ""
        async with asyncio.timeout(30), httpx.AsyncClient() as prometheus:
            while "callvault_nearest_deadline_seconds" not in scraped:
                assert worker.returncode is None, "it has ended"
                with suppress(httpx.TransportError):
                    scraped = (await prometheus.get(f"http://{address}/metrics")).text
                await asyncio.sleep(0.1)
        worker.terminate()
        assert await worker.wait() == 0
    finally:
        with suppress(ProcessLookupError):
            worker.kill()
