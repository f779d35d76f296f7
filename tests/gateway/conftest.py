"""A real Temporal server, a worker that records its messages, and gateways."""

import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from callvault.archive.identity import make_identity
from callvault.archive.stores.directory import DirectoryArchive
from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.gateway.app import create_app
from callvault.local.temporal import free_ports
from callvault.temporal.converter import data_converter
from tests.gateway.declared import Declared
from tests.gateway.fake_workflow import FakeRecordingWorkflow
from workflows.alarm import AlarmWorkflow
from workflows.reconcile import CallSeenWorkflow

DOCUMENT = "0-eus-d12-801b3f3fc462fe8a01e6810cbff729b8"
OBJECT = f"https://us-storage.asm.skype.com/v1/objects/{DOCUMENT}"
TOPIC = (
    "/subscriptions/5/resourceGroups/rg/providers/Microsoft.Communication/communicationServices/"
)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal(temporal_binary: Path) -> AsyncIterator[Client]:
    async with (
        await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(temporal_binary),
            search_attributes=names.SEARCH_ATTRIBUTES,
            data_converter=data_converter,
        ) as environment,
        Worker(
            environment.client,
            task_queue=names.CONTROL_QUEUE,
            workflows=[FakeRecordingWorkflow, CallSeenWorkflow, AlarmWorkflow],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ),
    ):
        yield environment.client


@pytest_asyncio.fixture(loop_scope="session")
async def temporal_away() -> Client:
    """Make a lazy client of an address without a server."""
    [port] = free_ports(1)
    return await Client.connect(f"127.0.0.1:{port}", lazy=True, data_converter=data_converter)


def settings(quarantine: Path | dict[str, Any], **gateway: Any) -> Settings:
    """Make settings; ``quarantine`` is a directory, or a table of the settings."""
    if isinstance(quarantine, Path):
        quarantine = {"kind": "directory", "path": quarantine}
    participants, encryption = gateway.pop("participants", {}), gateway.pop("encryption", {})
    resource = {
        "endpoint": "https://acs.example",
        "archive": "main",
        "credential": {"entra": True},
        "callback_audience": gateway.pop("callback_audience", None),
        "callback_url": gateway.pop("callback_url", None),
    }
    more = gateway.pop("resources", {})
    archives = gateway.pop("archives", {"main": {"kind": "directory", "path": "/never-written"}})
    return Settings.model_validate(
        {
            "resources": {
                "default": {**resource, "topic": TOPIC + "default", **more.get("default", {})},
                "europe": {**resource, "topic": TOPIC + "europe", **more.get("europe", {})},
                "recorded": {
                    **resource,
                    "topic": TOPIC + "recorded",
                    "record_all_calls": "unmixed_wav",
                },
                "asking": {
                    **resource,
                    "topic": TOPIC + "asking",
                    "consent_policy": "all_parties",
                },
                "watched": {**resource, "topic": TOPIC + "watched", "watch_calls": True},
            },
            "archives": archives,
            "gateway": {"quarantine": quarantine, **gateway},
            "participants": participants,
            "encryption": encryption,
        }
    )


@dataclass
class Gateway:
    """A gateway and its quarantine."""

    http: httpx.AsyncClient
    quarantine: Path

    async def deliver(self, delivery: Any, **options: Any) -> httpx.Response:
        """Post a delivery as Event Grid would."""
        headers = {
            "content-type": "application/json; charset=utf-8",
            "aeg-event-type": "Notification",
        }
        content = delivery if isinstance(delivery, bytes) else json.dumps(delivery)
        return await self.http.post("/v1/events", content=content, headers=headers, **options)

    def quarantined(self) -> list[tuple[dict[str, Any], bytes]]:
        """Return the first line and the body of each file in quarantine."""
        kept = []
        for file in sorted(self.quarantine.glob("*")):
            first, _, body = file.read_bytes().partition(b"\n")
            kept.append((json.loads(first), body))
        return kept


GatewayOf = Callable[..., Gateway]


@pytest.fixture
def archive(tmp_path: Path) -> DirectoryArchive:
    """Make an archive with an identity, in a directory."""
    archive = DirectoryArchive("main", tmp_path / "archive")
    make_identity(archive, None, datetime.now(UTC))
    return archive


@pytest_asyncio.fixture(loop_scope="session")
async def gateway_of(tmp_path: Path) -> AsyncIterator[GatewayOf]:
    """Return a function that starts gateways with the given Temporal client and settings."""
    opened: list[httpx.AsyncClient] = []

    def make(client: Client, **changes: Any) -> Gateway:
        quarantine = changes.pop("quarantine", tmp_path / "quarantine")
        app = create_app(settings(quarantine, **changes), client)
        transport = httpx.ASGITransport(Declared(app))
        http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        opened.append(http)
        return Gateway(http, quarantine)

    yield make
    for http in opened:
        await http.aclose()


@pytest.fixture
def gateway(gateway_of: GatewayOf, temporal: Client) -> Gateway:
    return gateway_of(temporal)


@dataclass(frozen=True)
class Call:
    """A call, as Event Grid reports it."""

    client: Client
    server_call_id: str
    call_id: str
    recording_id: str

    @property
    def workflow_id(self) -> str:
        return names.workflow_id(self.server_call_id)

    def recorded(self, subject: str | None = None, **changes: Any) -> dict[str, Any]:
        """Return the event about its files, in the Event Grid schema."""
        chunk = {
            "documentId": DOCUMENT,
            "index": 0,
            "endReason": "SessionEnded",
            "contentLocation": f"{OBJECT}/content/video",
            "metadataLocation": f"{OBJECT}/content/acsmetadata",
            "deleteLocation": OBJECT,
        }
        whole = "/recording/call/{c}/serverCallId/{s}/recordingId/{r}"
        return {
            "id": str(uuid.uuid4()),
            "topic": TOPIC.lower() + "DEFAULT",
            "subject": self.subject(subject or whole),
            "data": {
                "recordingStorageInfo": {"recordingChunks": [chunk]},
                "recordingStartTime": "2026-07-27T15:20:23.6089755Z",
                "recordingDurationMs": 6620,
                "recordingContentType": "AudioVideo",
                "recordingChannelType": "Mixed",
                "recordingFormatType": "Mp4",
                "sessionEndReason": "CallEnded",
            },
            "eventType": "Microsoft.Communication.RecordingFileStatusUpdated",
            "dataVersion": "1.0",
            "metadataVersion": "1",
            "eventTime": "2026-07-27T15:20:34.2199328Z",
            **changes,
        }

    def began(self, topic: str = TOPIC + "recorded") -> dict[str, Any]:
        return {
            "id": str(uuid.uuid4()),
            "topic": topic,
            "subject": f"call/{self.server_call_id}/startedBy/8:acs:someone",
            "data": {"serverCallId": self.server_call_id, "isTwoParty": False},
            "eventType": "Microsoft.Communication.CallStarted",
            "eventTime": "2026-07-27T15:20:20.1234567Z",
        }

    def leg(self, state: str) -> dict[str, Any]:
        return {
            **self.began(),
            "subject": "callLeg/leg-1/callState",
            "data": {"CallLegId": "leg-1", "CallState": state, "serverCallId": self.server_call_id},
            "eventType": "Microsoft.Communication.CallLegStateChanged",
        }

    def ended(self, topic: str = TOPIC + "default") -> dict[str, Any]:
        return {
            "id": str(uuid.uuid4()),
            "topic": topic,
            "subject": f"call/{self.server_call_id}",
            "data": {"serverCallId": self.server_call_id, "durationOfCall": 49.728617199999995},
            "eventType": "Microsoft.Communication.CallEnded",
            "eventTime": "2026-07-27T15:20:30.1234567Z",
        }

    def subject(self, shape: str) -> str:
        return shape.format(c=self.call_id, s=self.server_call_id, r=self.recording_id)

    async def received(self, workflow_id: str | None = None) -> list[tuple[str, dict[str, Any]]]:
        """Return the signals and updates that its workflow has received, in their order."""
        handle = self.client.get_workflow_handle(workflow_id or self.workflow_id)
        return [tuple(pair) for pair in await handle.query("received")]

    async def names_received(self, workflow_id: str | None = None) -> list[str]:
        return [name for name, _ in await self.received(workflow_id)]


def a_call(temporal: Client) -> Call:
    unique = uuid.uuid4().hex
    return Call(temporal, f"aHR0cHM6Ly9jb252{unique}", f"call-{unique}", f"eyJQbGF0{unique}")


@pytest.fixture
def call(temporal: Client) -> Call:
    return a_call(temporal)


@pytest.fixture
def other_call(temporal: Client) -> Call:
    return a_call(temporal)


def as_cloud_event(event: dict[str, Any]) -> dict[str, Any]:
    """Return the same event in the CloudEvents schema."""
    return {
        "specversion": "1.0",
        "type": event["eventType"],
        "source": event["topic"],
        "id": event["id"],
        "time": event["eventTime"],
        "subject": event["subject"],
        "data": event["data"],
    }
