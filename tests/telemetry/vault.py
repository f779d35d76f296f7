"""A whole Callvault in one process, with the emulator for ACS and Azurite for the archive."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client, Plugin

from activities.alarm_sender import AlarmSender
from activities.control import ControlActivities
from activities.export import ExportActivities
from activities.seal import SealActivities
from activities.webhooks import AlarmActivities, AnnouncementActivities
from callvault.archive.identity import make_identity
from callvault.clients import open_archive
from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.contracts.results import CallResult
from callvault.emulator.server import RunningEmulator
from callvault.gateway.app import create_app
from callvault.local.azurite import Azurite
from callvault.telemetry.tracing import instrument_app
from callvault.temporal.client import connect
from workers.begin import BeginActivities
from workers.clients import Connections
from workers.recall import Recall
from workers.registry import control_worker, export_worker, notification_worker

EVENT_SECRET = "event-secret-nobody-may-see"
API_KEY = "api-key-nobody-may-see"
MEDIA_SECRET = "media-secret-nobody-may-see"


@dataclass(frozen=True)
class Secrets:
    """Secrets that no output may contain."""

    access_key: str
    sas: str

    def all(self) -> list[str]:
        signature = next(p for p in self.sas.split("&") if p.startswith("sig="))
        return [EVENT_SECRET, API_KEY, MEDIA_SECRET, self.access_key, signature, "HMAC-SHA256"]


def settings_for(
    emulator: RunningEmulator, azurite: Azurite, home: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Settings, Secrets]:
    """Make settings with every kind of secret, and return the secrets too."""
    sas_url = azurite.new_container(f"test-{uuid.uuid4().hex}")
    monkeypatch.setenv("TEST_ACS", emulator.connection_string)
    monkeypatch.setenv("TEST_SAS_URL", sas_url)
    monkeypatch.setenv("TEST_EVENT_SECRET", EVENT_SECRET)
    monkeypatch.setenv("TEST_API_KEY", API_KEY)
    settings = Settings.model_validate(
        {
            "resources": {
                "default": {
                    "endpoint": emulator.endpoint,
                    "topic": emulator.topic,
                    "credential": {"connection_string": "env:TEST_ACS"},
                }
            },
            "archives": {
                "main": {"kind": "azure_blob", "container": "c-1", "sas_url": "env:TEST_SAS_URL"}
            },
            "gateway": {
                "quarantine": {"kind": "directory", "path": str(home / "quarantine")},
                "event_secrets": ["env:TEST_EVENT_SECRET"],
                "api_keys": ["env:TEST_API_KEY"],
            },
        }
    )
    access_key = emulator.connection_string.partition("accesskey=")[2]
    return settings, Secrets(access_key, sas_url.partition("?")[2])


class Vault:
    """A running Callvault, through its public interfaces."""

    def __init__(
        self, client: Client, gateway: httpx.AsyncClient, emulator: RunningEmulator
    ) -> None:
        self.client = client
        self.gateway = gateway
        self.emulator = emulator
        self._world = httpx.AsyncClient(base_url=emulator.control)

    async def close(self) -> None:
        await self._world.aclose()

    async def keeps_a_call(self, *, secretly: bool = True, pauses: bool = False) -> dict[str, Any]:
        """Play a call from its start to its archived file; return the event about its files.

        ``secretly`` puts a secret into a URL of the event; ``pauses`` pauses and resumes the call.
        """
        people = [{"displayName": "Ada"}, {"displayName": "Ben"}]
        call = await self._emulator("POST", "/calls", {"participants": people})
        request = {
            "serverCallId": call["serverCallId"],
            "recordingContentType": "audio",
            "recordingFormatType": "wav",
        }
        started = await self._gateway("/v1/recordings", request)
        workflow_id = str(started["workflowId"])
        await self._recording_is("active", workflow_id)
        for number, verb in enumerate(("pause", "resume") if pauses else ()):
            await self._emulator("POST", "/clock", {"advanceSeconds": 3})
            await self._gateway(f"/v1/recordings/{workflow_id}:{verb}", {"requestId": f"p{number}"})
        await self._emulator("POST", "/clock", {"advanceSeconds": 3})
        await self._gateway(f"/v1/recordings/{workflow_id}:stop", {"requestId": "1"})
        event = self._event(call, await self._recorded(call["callId"]), secretly=secretly)
        await self.hears(event)
        await self.archives(workflow_id)
        return event

    async def hears(self, event: dict[str, Any]) -> None:
        """Deliver an Event Grid event to the gateway."""
        answer = await self.gateway.post("/v1/events", json=[event], params={"code": EVENT_SECRET})
        assert answer.status_code == 200, answer.text

    async def archives(self, workflow_id: str) -> None:
        """Wait until a workflow has ended."""
        handle = self.client.get_workflow_handle(workflow_id, result_type=CallResult)
        result: CallResult = await handle.result()
        assert result.outcome == "archived", result

    async def _recording_is(self, actual: str, workflow_id: str) -> None:
        handle = self.client.get_workflow_handle(workflow_id)
        async with asyncio.timeout(20):
            while True:
                status = await handle.query(names.STATUS)
                if status["recordings"] and status["recordings"][0]["actual"] == actual:
                    return
                await self._emulator("POST", "/clock", {"advanceSeconds": 1})
                await asyncio.sleep(0.05)

    def _event(
        self, call: dict[str, Any], recording: dict[str, Any], *, secretly: bool
    ) -> dict[str, Any]:
        """Make the event about a recording's files, with a secret in a URL that is refused."""
        (chunk,) = recording["chunks"]
        if secretly:
            chunk["deleteLocation"] += f"?code={MEDIA_SECRET}"
        whole = f"/recording/call/{call['callId']}/serverCallId/{call['serverCallId']}"
        return {
            "id": str(uuid.uuid4()),
            "topic": self.emulator.topic,
            "subject": f"{whole}/recordingId/{recording['recordingId']}",
            "eventType": "Microsoft.Communication.RecordingFileStatusUpdated",
            "eventTime": datetime.now(UTC).isoformat(),
            "dataVersion": "1.0",
            "data": {
                "recordingStorageInfo": {"recordingChunks": [chunk]},
                "recordingContentType": "Audio",
                "recordingFormatType": "Wav",
                "sessionEndReason": "CallEnded",
            },
        }

    async def _recorded(self, call_id: str) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while True:
                seen = await self._emulator("GET", f"/calls/{call_id}")
                (recording,) = seen["recordings"]
                if recording["chunks"]:
                    return dict(recording)
                await asyncio.sleep(0.02)

    async def _gateway(self, path: str, body: object) -> dict[str, Any]:
        answer = await self.gateway.post(path, json=body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def _emulator(self, method: str, path: str, body: object = None) -> Any:
        answer = await self._world.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None


@asynccontextmanager
async def gateway_to(
    client: Client, settings: Settings, emulator: RunningEmulator
) -> AsyncIterator[Vault]:
    """Run a gateway and a call's participants, without workers."""
    app = create_app(settings, client)
    instrument_app(app)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://127.0.0.1",
        headers={"authorization": f"Bearer {API_KEY}"},
    ) as http:
        vault = Vault(client, http, emulator)
        try:
            yield vault
        finally:
            await vault.close()


def make_archives(settings: Settings) -> None:
    """Make every archive, as `callvault setup` does."""
    for name, archive in settings.archives.items():
        with closing(open_archive(name, archive)) as opened:
            make_identity(opened, None, datetime.now(UTC))


@asynccontextmanager
async def working(
    settings: Settings, emulator: RunningEmulator, plugins: Sequence[Plugin] = ()
) -> AsyncIterator[Vault]:
    """Run gateway and workers, connected as their processes connect."""
    client = await connect(settings, plugins=plugins)
    make_archives(settings)
    with closing(Connections(settings)) as connections:
        control = ControlActivities(
            connections.client_of, connections.policy_of, connections.archive_of
        )
        export = ExportActivities(connections.client_of, connections.archive_of)
        seal = SealActivities(connections.archive_of, connections.signer_of)
        recall, begin = Recall(client), BeginActivities(client, connections.policy_of)
        async with (
            control_worker(
                client, control, settings.worker, others=[recall.recall_run, begin.begin_run]
            ),
            notification_worker(
                client,
                AlarmActivities(AlarmSender(None)),
                AnnouncementActivities(lambda _: None),
                settings.worker,
            ),
            export_worker(client, export, seal, settings.worker),
            gateway_to(client, settings, emulator) as vault,
        ):
            yield vault
