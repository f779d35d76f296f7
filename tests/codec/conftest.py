"""A real Temporal server, the emulator, and a whole Callvault that encrypts."""

import base64
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.emulator.server import RunningEmulator, running
from callvault.emulator.settings import EmulatorSettings
from callvault.local.temporal import dynamic_options
from callvault.temporal.executions import list_executions
from tests.telemetry.vault import API_KEY, EVENT_SECRET

REPORTED_AFTER = "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute"
"""Failed tasks after which the server reports a workflow; by default five, ten seconds apart."""


def new_key() -> str:
    """Make a key as `openssl rand -base64 32` does."""
    return base64.b64encode(os.urandom(32)).decode()


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    quick = EmulatorSettings(start_delay=timedelta(0), event_delay=timedelta(0))
    with running(quick) as emulator:
        yield emulator


@pytest.fixture(scope="module")
async def temporal_server(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary),
        search_attributes=names.SEARCH_ATTRIBUTES,
        dev_server_extra_args=dynamic_options({REPORTED_AFTER: 2}),
    ) as environment:
        yield environment


@pytest.fixture
async def temporal(
    temporal_server: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[WorkflowEnvironment]:
    """Start the server that `callvault.temporal.client.connect` finds; end its calls afterwards."""
    client = temporal_server.client
    monkeypatch.setenv("TEMPORAL_ADDRESS", client.service_client.config.target_host)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)
    yield temporal_server
    # The workers of the next test have another key.
    async for run in list_executions(client, "ExecutionStatus = 'Running'"):
        with suppress(RPCError):
            await client.get_workflow_handle(run.id).terminate()


@pytest.fixture
def settings(emulator: RunningEmulator, tmp_path: Path) -> Settings:
    """Settings with one key, in the file ``key``, and an archive in a directory."""
    secrets = {"acs": emulator.connection_string, "key": new_key()}
    for name, text in {**secrets, "secret": EVENT_SECRET, "api": API_KEY}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "archive").mkdir()
    return Settings.model_validate(
        {
            "resources": {
                "default": {
                    "endpoint": emulator.endpoint,
                    "topic": emulator.topic,
                    "credential": {"connection_string": f"file:{tmp_path / 'acs'}"},
                }
            },
            "archives": {"main": {"kind": "directory", "path": str(tmp_path / "archive")}},
            "gateway": {
                "quarantine": {"kind": "directory", "path": str(tmp_path / "quarantine")},
                "event_secrets": [f"file:{tmp_path / 'secret'}"],
                "api_keys": [f"file:{tmp_path / 'api'}"],
            },
            "encryption": {"keys": [f"file:{tmp_path / 'key'}"]},
        }
    )
