"""One trace from the request to the bytes in the archive, and no secret in it."""

import functools
from collections import Counter
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio.client import Plugin
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.contracts.events import parse_subject
from callvault.emulator.server import RunningEmulator
from callvault.local.azurite import Azurite
from callvault.telemetry.logs import correlation_plugin
from tests.telemetry.spans import Spans, context_of, requests_to
from tests.telemetry.vault import Secrets, settings_for, working
from workers import registry

Configured = tuple[Settings, Secrets]


@pytest.fixture
def configured(
    temporal: WorkflowEnvironment,
    emulator: RunningEmulator,
    azurite: Azurite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Configured:
    return settings_for(emulator, azurite, tmp_path, monkeypatch)


@pytest.fixture
def plugins(tracing: tuple[Plugin, InMemorySpanExporter]) -> list[Plugin]:
    return [tracing[0], correlation_plugin()]


async def test_one_trace_leads_from_the_request_to_acs_and_the_archive(
    configured: Configured,
    plugins: list[Plugin],
    spans: InMemorySpanExporter,
    emulator: RunningEmulator,
    azurite: Azurite,
) -> None:
    async with working(configured[0], emulator, plugins) as vault:
        await vault.keeps_a_call()

    seen = Spans(spans.get_finished_spans())
    begun = ["POST /v1/recordings", "StartUpdateWithStartWorkflow:RecordingWorkflow"]
    run = [*begun, "RunWorkflow:RecordingWorkflow"]
    assert seen.way_to("RunActivity:start_recording") == [
        *run,
        "StartActivity:start_recording",
        "RunActivity:start_recording",
    ]
    assert seen.way_to("RunActivity:export_chunk") == [
        *run,
        "StartActivity:export_chunk",
        "RunActivity:export_chunk",
    ]
    assert requests_to(emulator.endpoint, seen.below("RunActivity:start_recording")) == {"POST"}
    exported = seen.below("RunActivity:export_chunk")
    assert requests_to(emulator.endpoint, exported) == {"GET"}
    assert requests_to(azurite.blob_endpoint, exported) == {"GET", "HEAD", "PUT"}
    assert "PutBlob.create" in {span.name for span in exported}
    trace_ids = {context_of(span).trace_id for span in seen.below("POST /v1/recordings")}
    assert trace_ids == {context_of(seen.the("POST /v1/recordings")).trace_id}


async def test_signals_and_updates_belong_to_the_requests_that_sent_them(
    configured: Configured,
    plugins: list[Plugin],
    spans: InMemorySpanExporter,
    emulator: RunningEmulator,
) -> None:
    async with working(configured[0], emulator, plugins) as vault:
        await vault.keeps_a_call()

    seen = Spans(spans.get_finished_spans())
    assert seen.way_to("HandleUpdate:stop")[0] == "POST /v1/recordings/{workflow_id}:stop"
    assert seen.way_to("HandleSignal:file_status_updated")[0] == "POST /v1/events"


async def test_an_orphan_is_traced_from_the_webhook_to_the_archive(
    configured: Configured,
    plugins: list[Plugin],
    spans: InMemorySpanExporter,
    emulator: RunningEmulator,
    azurite: Azurite,
) -> None:
    async with working(configured[0], emulator, plugins) as vault:
        event = await vault.keeps_a_call()
        spans.clear()
        known = parse_subject(event["subject"]).server_call_id or ""
        unknown = f"{known}x"
        await vault.hears({**event, "subject": event["subject"].replace(known, unknown)})
        await vault.archives(names.workflow_id(unknown))

    seen = Spans(spans.get_finished_spans())
    assert seen.way_to("RunActivity:export_chunk") == [
        "POST /v1/events",
        "SignalWithStartWorkflow:RecordingWorkflow",
        "RunWorkflow:RecordingWorkflow",
        "StartActivity:export_chunk",
        "RunActivity:export_chunk",
    ]
    assert "GET" in requests_to(azurite.blob_endpoint, seen.below("POST /v1/events"))


async def test_a_workflow_that_is_replayed_at_every_step_tells_everything_once(
    configured: Configured,
    plugins: list[Plugin],
    spans: InMemorySpanExporter,
    emulator: RunningEmulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "Worker", functools.partial(Worker, max_cached_workflows=0))
    async with working(configured[0], emulator, plugins) as vault:
        await vault.keeps_a_call()

    seen = Spans(spans.get_finished_spans())
    by_workflow = ("StartActivity:", "RunWorkflow:", "HandleSignal:", "HandleUpdate:")
    told = Counter(span.name for span in seen.all if span.name.startswith(by_workflow))
    assert set(told.values()) == {1}, told
    assert told.keys() >= {
        "RunWorkflow:RecordingWorkflow",
        "StartActivity:start_recording",
        "StartActivity:stop_recording",
        "StartActivity:export_chunk",
        "HandleSignal:file_status_updated",
        "HandleUpdate:stop",
    }
    ids = Counter(context_of(span).span_id for span in seen.all)
    assert set(ids.values()) == {1}
    assert seen.way_to("RunActivity:export_chunk")[0] == "POST /v1/recordings"


async def test_no_span_holds_a_secret(
    configured: Configured,
    plugins: list[Plugin],
    spans: InMemorySpanExporter,
    emulator: RunningEmulator,
) -> None:
    settings, secrets = configured
    async with working(settings, emulator, plugins) as vault:
        await vault.keeps_a_call()

    everything = "\n".join(span.to_json() for span in spans.get_finished_spans())
    assert "export_chunk" in everything
    assert [secret for secret in secrets.all() if secret in everything] == []


async def test_activities_name_their_recording(
    configured: Configured,
    plugins: list[Plugin],
    spans: InMemorySpanExporter,
    emulator: RunningEmulator,
) -> None:
    async with working(configured[0], emulator, plugins) as vault:
        event = await vault.keeps_a_call()

    exported = Spans(spans.get_finished_spans()).the("RunActivity:export_chunk")
    recording_id = parse_subject(event["subject"]).recording_id
    assert (exported.attributes or {})["callvault.recording_id"] == recording_id
