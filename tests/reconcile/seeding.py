"""Calls after their end: small files, their manifests, workflows with results.

The workflows replace the real one, under its name, because a thousand real calls take long; their
results, and every byte in the archive, are those of real calls.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from callvault.archive.manifests.documents import canonical, sha256
from callvault.archive.names import (
    chunk_object_name,
    manifest_object_name,
    metadata_object_name,
)
from callvault.archive.stores.directory import DirectoryArchive
from callvault.contracts import names
from callvault.contracts.activity_io import ArchivedChunk, SealedRecording
from callvault.contracts.manifest import ArchivedObject, Manifest
from callvault.contracts.results import CallResult, ChunkResult, RecordingResult
from callvault.contracts.status import CallStatus
from tests.archive import sealed as sealing

QUEUE = "stand-ins"
STATES = {"failed_to_start": "ACS refused", "lost": "no file was announced", "archived": ""}


@workflow.defn(name=names.WORKFLOW_TYPE)
class StandIn:
    """A workflow that ends at once with a given result; without one it stays open."""

    @workflow.run
    async def run(self, result: CallResult | None) -> CallResult:
        await workflow.wait_condition(lambda: result is not None)
        assert result
        return result

    @workflow.query(name=names.STATUS)
    def status(self) -> CallStatus:
        return CallStatus(server_call_id=workflow.info().workflow_id, resource="default")


def standing_in(client: Client) -> Worker:
    """Run a worker for them, without the sandbox, for speed."""
    return Worker(
        client,
        task_queue=QUEUE,
        workflows=[StandIn],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=0,
    )


@dataclass
class Vault:
    """An archive in a directory, filled as fast as files can be written."""

    root: Path
    template: Manifest = field(init=False)

    def __post_init__(self) -> None:
        draft = DirectoryArchive("main", self.root / "template")
        draft.make()
        chunk = sealing.archived(draft)
        self.template = sealing.manifest_of(draft, sealing.sealed(draft, chunk, signer=None))

    def open(self) -> DirectoryArchive:
        return DirectoryArchive("main", self.root / "archive")

    def path(self, object_name: str) -> Path:
        return self.root / "archive" / object_name

    def put(self, object_name: str, data: bytes) -> ArchivedObject:
        path = self.path(object_name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return ArchivedObject(
            object_name=object_name, size=len(data), sha256=hashlib.sha256(data).hexdigest()
        )

    def keep(self, call: str) -> "Kept":
        """Archive and seal a recording of one file."""
        now = datetime.now(UTC)
        folder = {"recorded_on": now, "call_id": call, "server_call_id": call}
        name = chunk_object_name(
            **folder, recording_id=f"rec-{call}", index=0, document_id="d", extension="wav"
        )
        media = self.put(name, f"the sound of {call}".encode())
        metadata = self.put(metadata_object_name(name), b"{}")
        manifest = manifest_object_name(**folder, recording_id=f"rec-{call}", number=1)
        document = self._manifest(call, manifest, media, metadata, now)
        sealed = self.put(manifest, canonical(document))
        return Kept(call, media, metadata, sealed)

    def _manifest(
        self,
        call: str,
        name: str,
        media: ArchivedObject,
        metadata: ArchivedObject,
        now: datetime,
    ) -> Manifest:
        ids = {"server_call_id": call, "recording_id": f"rec-{call}"}
        chunk = self.template.chunks[0].model_copy(update={"media": media, "metadata": metadata})
        run = self.template.workflow.model_copy(update={"workflow_id": names.workflow_id(call)})
        return self.template.model_copy(
            update={
                "object_name": name,
                "archive": "main",
                "recording": self.template.recording.model_copy(update=ids),
                "chunks": (chunk,),
                "workflow": run,
                "sealed_at": now,
            }
        )


@dataclass(frozen=True)
class Kept:
    """An archived recording, and the result of its workflow."""

    call: str
    media: ArchivedObject
    metadata: ArchivedObject
    manifest: ArchivedObject

    @property
    def result(self) -> CallResult:
        archived = ArchivedChunk(
            archive="main",
            object_name=self.media.object_name,
            location=self.media.object_name,
            size=self.media.size,
            sha256=self.media.sha256,
            metadata_object_name=self.metadata.object_name,
            verified_at=datetime.now(UTC),
        )
        sealed = SealedRecording(
            archive="main",
            object_name=self.manifest.object_name,
            location=self.manifest.object_name,
            sequence=1,
            sha256=self.manifest.sha256,
            key_id=None,
        )
        chunk: dict[str, Any] = {"index": 0, "document_id": "d", "state": "archived"}
        chunk |= {"archived": archived, "lost_reason": ""}
        return ended(self.call, "archived", chunks=(ChunkResult(**chunk),), manifest=sealed)


def ended(call: str, state: Any, **facts: Any) -> CallResult:
    """Make the result of a call with one recording."""
    whole: dict[str, Any] = {"recording_id": f"rec-{call}", "chunks": (), "pauses": ()}
    recording = RecordingResult(
        **{**whole, **facts},
        number=1,
        origin="requested",
        state=state,
        problem=STATES[state],
    )
    return CallResult(
        server_call_id=call, resource="default", outcome=state, recordings=(recording,)
    )


async def run_all(client: Client, results: Sequence[CallResult]) -> None:
    """Let a workflow of each call end with its result, and wait until all of them are listed."""
    room = asyncio.Semaphore(50)
    before = await listed(client, "Completed")

    async def start(result: CallResult) -> None:
        async with room:
            await client.start_workflow(
                StandIn.run, result, id=names.workflow_id(result.server_call_id), task_queue=QUEUE
            )

    await asyncio.gather(*map(start, results))
    await are_listed(client, before + len(results), "Completed")


async def listed(client: Client, status: str) -> int:
    """Count the workflows of calls that Temporal lists in this status."""
    query = f"WorkflowType = '{names.WORKFLOW_TYPE}' AND ExecutionStatus = '{status}'"
    return (await client.count_workflows(query)).count


async def are_listed(client: Client, count: int, status: str) -> None:
    """Wait until the list, which lags a little, has all of them."""
    async with asyncio.timeout(60):
        while await listed(client, status) != count:
            await asyncio.sleep(0.1)


def spoil(path: Path) -> None:
    """Change only the first digit of a manifest."""
    text = path.read_text()
    digit = next(char for char in text if char.isdigit())
    path.write_text(text.replace(digit, str((int(digit) + 1) % 10), 1))
    assert sha256(path.read_bytes()) != sha256(text.encode())
