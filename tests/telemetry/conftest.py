"""A real Temporal server, and a process whose spans stay in memory."""

import os
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from azure.core import instrumentation as azure_instrumentation
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util._once import Once
from temporalio.client import Plugin
from temporalio.testing import WorkflowEnvironment

from callvault.contracts import names
from callvault.emulator.server import RunningEmulator, running
from callvault.emulator.settings import EmulatorSettings
from callvault.telemetry.redaction import RedactingExporter
from callvault.telemetry.tracing import traced
from callvault.temporal.converter import data_converter
from tests.telemetry.processes import environment_within

CAPTURE_HEADERS = tuple(
    f"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_{side}_REQUEST" for side in ("CLIENT", "SERVER")
)
"""Variables that put headers into spans: set, as a test that no secret is exported."""


@pytest.fixture(autouse=True)
def _nothing_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clear the variables of the test run that would switch telemetry on."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "TEMPORAL_", "CALLVAULT_")) and name not in CAPTURE_HEADERS:
            monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    quick = EmulatorSettings(start_delay=timedelta(0), event_delay=timedelta(0))
    with running(quick) as emulator:
        yield emulator


# No longer than its module: calls that are left open would come to the workers of the next one,
# which know other archives.
@pytest.fixture(scope="module")
async def temporal_server(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary),
        search_attributes=names.SEARCH_ATTRIBUTES,
        data_converter=data_converter,
    ) as environment:
        yield environment


@pytest.fixture
def temporal(
    temporal_server: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> WorkflowEnvironment:
    """Start the server that `callvault.temporal.client.connect` finds."""
    address = temporal_server.client.service_client.config.target_host
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    return temporal_server


@pytest.fixture
def environment(
    temporal: WorkflowEnvironment, emulator: RunningEmulator, tmp_path: Path
) -> dict[str, str]:
    """Makes a process work here, writing JSON."""
    return environment_within(tmp_path, temporal, emulator)


@pytest.fixture(scope="module")
def tracing() -> Iterator[tuple[Plugin, InMemorySpanExporter]]:
    """Trace this process, with all headers; restore the previous state afterwards."""
    exporter = InMemorySpanExporter()
    with pytest.MonkeyPatch.context() as environment:
        for variable in CAPTURE_HEADERS:
            environment.setenv(variable, ".*")
        with traced("test", [SimpleSpanProcessor(RedactingExporter(exporter))]) as plugin:
            yield plugin, exporter
    # Public API can set the global provider only once per process.
    trace._TRACER_PROVIDER = None
    trace._TRACER_PROVIDER_SET_ONCE = Once()
    azure_instrumentation._get_tracer_cached.cache_clear()


@pytest.fixture
def spans(tracing: tuple[Plugin, InMemorySpanExporter]) -> InMemorySpanExporter:
    tracing[1].clear()
    return tracing[1]
