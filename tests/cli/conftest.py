"""A Temporal server in real time, the command line as a process, and calls that a worker keeps."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.testing import WorkflowEnvironment

from callvault.archive.identity import ProvenArchive
from callvault.contracts import names
from callvault.contracts.states import RecordingState
from callvault.errors import ObjectExists
from callvault.temporal.converter import data_converter
from tests.workflows.conftest import search_attribute_arguments
from tests.workflows.scene import Scene, World

_PAUSE_ENABLED = ["--dynamic-config-value", "frontend.WorkflowPauseEnabled=true"]


@dataclass
class Terminal:
    """The command line at one server."""

    server: WorkflowEnvironment
    binary: Path

    @property
    def address(self) -> str:
        return self.server.client.service_client.config.target_host

    async def runs(self, *words: str, **environment: str) -> tuple[int | None, str, str]:
        """Run a command; return its exit status, what it printed, and what it complained of."""
        process = await asyncio.create_subprocess_exec(
            *(Path(sys.executable).with_name("callvault"), *words),
            env=os.environ | {"TEMPORAL_ADDRESS": self.address, "COLUMNS": "200"} | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    async def says(self, *words: str) -> str:
        status, out, err = await self.runs(*words)
        assert status == 0, err
        return out

    async def refuses(self, *words: str) -> str:
        status, out, err = await self.runs(*words)
        assert status, out
        return err

    async def tells(self, *words: str) -> Any:
        """Run a command with ``--json``."""
        return json.loads(await self.says(*words, "--json"))

    async def kept(
        self,
        call: str,
        state: RecordingState = RecordingState.ARCHIVING,
        expires_in: timedelta | None = None,
        more: Sequence[SearchAttributePair[Any]] = (),
    ) -> WorkflowHandle[Any, Any]:
        """Begin a workflow that shows itself so, and that no worker keeps."""
        shown: list[SearchAttributePair[Any]] = [
            SearchAttributePair(names.STATE, state),
            SearchAttributePair(names.RESOURCE, "default"),
            *more,
        ]
        if expires_in is not None:
            shown.append(SearchAttributePair(names.EXPIRES_AT, datetime.now(UTC) + expires_in))
        return await self.server.client.start_workflow(
            names.WORKFLOW_TYPE,
            {"serverCallId": call},
            id=names.workflow_id(call),
            task_queue=names.CONTROL_QUEUE,
            search_attributes=TypedSearchAttributes(shown),
        )

    async def pauses(self, workflow_id: str) -> None:
        """Pause a workflow as an operator can."""
        process = await asyncio.create_subprocess_exec(
            str(self.binary),
            *("workflow", "pause", "--workflow-id", workflow_id, "--address", self.address),
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await process.wait() == 0

    async def lists(self, count: int) -> list[dict[str, Any]]:
        """Wait until so many calls are listed: visibility lags."""
        async with asyncio.timeout(60):
            while len(calls := await self.tells("recordings", "list")) < count:
                await asyncio.sleep(0.1)
        return list(calls)


@pytest.fixture(scope="session")
async def shared_server(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    """Start one server for the tests that look at calls of their own."""
    async with await started(temporal_binary) as environment:
        yield environment


@pytest.fixture
async def own_server(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    """Start a server of its own, for a test that counts all calls."""
    async with await started(temporal_binary) as environment:
        yield environment


async def started(temporal_binary: Path) -> WorkflowEnvironment:
    return await WorkflowEnvironment.start_local(
        data_converter=data_converter,
        dev_server_existing_path=str(temporal_binary),
        dev_server_extra_args=[*search_attribute_arguments(), *_PAUSE_ENABLED],
    )


@pytest.fixture
def terminal(shared_server: WorkflowEnvironment, temporal_binary: Path) -> Terminal:
    return Terminal(shared_server, temporal_binary)


@pytest.fixture
def own_terminal(own_server: WorkflowEnvironment, temporal_binary: Path) -> Terminal:
    return Terminal(own_server, temporal_binary)


class Occupied(World):
    """Archives that hold another object where a file should go: tried again every five minutes."""

    def proven_archive_of(self, name: str) -> ProvenArchive:
        if name in self.refusing:
            raise ObjectExists("another object is in its place: move it away")
        return super().proven_archive_of(name)


@pytest.fixture
def stuck_world(tmp_path: Path) -> World:
    return Occupied(tmp_path)


@pytest.fixture
def stuck(shared_server: WorkflowEnvironment, stuck_world: World) -> Scene:
    """A call whose file goes nowhere; `World.working` decides if a worker is there."""
    scene = Scene(shared_server, stuck_world)
    stuck_world.refusing.add(scene.resource)
    return scene
