"""The operator: follows docs/operations.md after a restore, with Callvault's own commands."""

import asyncio
import json
import math
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from azure.core.exceptions import AzureError
from temporalio.api.common.v1 import WorkflowExecution as Execution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecution, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from bench.chaos.client import Backend
from bench.chaos.proxy import Proxy, SentEvent
from bench.chaos.workload import PlayedScenario, Workload
from bench.chaos.world import Restore
from callvault.contracts import names
from callvault.contracts.status import CallStatus
from callvault.local.stack import CALLVAULT

COMMAND_TIMEOUT = 60.0
PATIENCE = 300.0
"""Seconds for which a command is repeated: other parts are down again and again, and to deliver
events again to calls that are over takes a worker for each of them."""
QUERY_PATIENCE = 90.0
"""The same for the state of one call."""
RETRY_INTERVAL = 2.0
CARE_INTERVAL = 10.0
OPEN = "ExecutionStatus = 'Running' AND WorkflowType = '{}'"
STUCK = "ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"
"""The query of docs/operations.md."""
GONE_MEANWHILE = "ACS knows no recording"
"""Refusal of `callvault events fetch`: it is archived, and the service's copy deleted."""
UNFINISHED = ("awaited", "rendering")
"""States of the media of a recording that is over, and has no file yet."""
CLOCK_TOLERANCE = 1.0
"""Seconds by which a backup may be newer than its own time says."""


@dataclass(frozen=True)
class CopiedAnew:
    """A command by which files were copied anew, with its times in seconds since the epoch."""

    scenarios: frozenset[int]
    began: float
    ended: float


@dataclass
class Repair:
    """What the operator did after a restore."""

    restore: Restore
    ended: float = math.inf
    """The time in seconds since the epoch."""
    groups_told_anew: float = 0.0
    """The time at which every group of alarms was reset; 0 if none was."""


@dataclass
class Operator:
    """Follows the runbooks; runs on the event loop beside the main thread."""

    environment: Callable[[], Mapping[str, str]]
    home: Path
    workload: Workload
    proxy: Proxy
    client: Client
    backend: Backend
    sealed: Callable[[], set[str]]
    """Reads from the archive the documents that lie sealed in it."""
    polls_result: bool
    """True if ACS may be asked for what no event tells."""
    adopted: int = 0
    repairs: list[Repair] = field(default_factory=list)
    """What was done after each restore."""
    ended: dict[str, float] = field(default_factory=dict)
    """Ids of the runs that were reset after a restore, or ended because it had made their histories
    contradictory, with the time in seconds since the epoch."""
    reset_to: set[str] = field(default_factory=set)
    """Ids of the runs that go on from those that were reset."""
    copied_anew: list[CopiedAnew] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """Commands that never came to their end."""

    async def after(self, restore: Restore) -> None:
        """Follow the runbook of a restore."""
        repair = Repair(restore)
        self.repairs.append(repair)
        await self._follow(repair)
        repair.ended = time.time()

    async def _follow(self, repair: Repair) -> None:
        restore = repair.restore
        if restore.has_database:
            await self._repeat("setup")
            await self._reset_all(names.ALARM_GROUP_TYPE)
            repair.groups_told_anew = time.time()
            await self._reset_all(names.WORKFLOW_TYPE)
            await self._adopt_all()
            await self._deliver(await self._forgotten(restore))
        taken = {document for each in self._undone_by(restore) for document in each.taken}
        events = self._of_documents(taken)
        async with self._copying_anew({each.scenario for each in events}):
            await self._deliver(events, "--again")
        if self.polls_result:
            await self._fetch_untold()

    def _undone_by(self, restore: Restore) -> list[Restore]:
        """Return the restore, and those after which what was done is forgotten with it."""
        if not restore.has_database:
            return [restore]
        # The backup was made at once after a restore, and what repaired that lasted for longer.
        return [each.restore for each in self.repairs if each.ended >= restore.to]

    async def _reset_all(self, kind: str) -> None:
        """Let all of a kind begin anew with what it knows: `temporal workflow reset`.

        A group of alarms tells anew. A worker of before may have answered for a call, and an
        activity may have been on its way to a worker as the backup was made, which nobody carries
        out now.
        """
        with suppress(RPCError):
            async for run in self.client.list_workflows(OPEN.format(kind)):
                with suppress(RPCError):
                    await self._reset(run)

    async def _reset(self, run: WorkflowExecution) -> None:
        handle = self.client.get_workflow_handle(run.id, run_id=run.run_id)
        last = 0
        async for event in handle.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                last = event.event_id
        if last:
            answer = await self.client.workflow_service.reset_workflow_execution(
                ResetWorkflowExecutionRequest(
                    namespace=self.client.namespace,
                    workflow_execution=Execution(workflow_id=run.id, run_id=run.run_id),
                    workflow_task_finish_event_id=last,
                    request_id=str(uuid.uuid4()),
                    reason="set back",
                )
            )
            self.ended[run.run_id] = time.time()
            self.reset_to.add(answer.run_id)

    async def care(self) -> None:
        """End, until cancelled, the runs whose tasks fail since a restore: others take over.

        Workers that ran meanwhile remembered more of them than Temporal did.
        """
        while True:
            await asyncio.sleep(CARE_INTERVAL)
            with suppress(RPCError):
                async for run in self.client.list_workflows(STUCK):
                    if self._is_to_be_ended(run):
                        handle = self.client.get_workflow_handle(run.id, run_id=run.run_id)
                        await handle.terminate("its tasks fail since the restore")
                        self.ended[run.run_id] = time.time()

    def _is_to_be_ended(self, run: WorkflowExecution) -> bool:
        """Tell if a run was set back, and not ended since: another restore may have undone that.

        What contradicts its history may also lie before the point that a run was reset to.
        """
        if run.run_id in self.reset_to:
            return True
        began, ended = run.start_time.timestamp(), self.ended.get(run.run_id, 0.0)
        restores = [each.restore for each in self.repairs]
        return any(each.has_database and max(began, ended) <= each.at for each in restores)

    async def _adopt_all(self) -> None:
        """Adopt what is still on and began since, also of a call that Temporal knows."""
        for played in list(self.workload.played):
            truth = await self.backend.truth(played.call_id) if played.call_id else {}
            is_on = {
                each["recordingId"]
                for each in truth.get("recordings", ())
                if each["endedAt"] is None
            }
            if is_on:
                for recording_id in sorted(is_on - await self._known(played)):
                    await self._adopt(played, recording_id)

    async def _known(self, played: PlayedScenario) -> set[str]:
        """Return the recordings that the call's workflow knows; empty if there is none."""
        handle = self.client.get_workflow_handle(played.workflow_id)
        for _ in range(int(QUERY_PATIENCE / RETRY_INTERVAL)):
            try:
                status = await handle.query(names.STATUS, result_type=CallStatus)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return set()
            except WorkflowQueryFailedError:
                # Its tasks fail, another run takes over soon: to adopt what it knows is no harm.
                return set()
            else:
                return {each.recording_id for each in status.recordings if each.recording_id}
            await asyncio.sleep(RETRY_INTERVAL)
        return set()

    async def _adopt(self, played: PlayedScenario, recording_id: str) -> None:
        content, channel, container = played.scenario.media
        kind = ("--content", content, "--channel", channel, "--format", container)
        # It may end meanwhile: then its event brings its files.
        if not await self._run("recordings", "adopt", played.server_call_id, recording_id, *kind):
            self.adopted += 1

    async def _forgotten(self, restore: Restore) -> list[SentEvent]:
        """Return the events that Temporal had, and whose files do not lie sealed in the archive.

        Those that do are found there without their events, as the runbook says.
        """
        sealed = await self._sealed()
        return [each for each in self._answered_since(restore) if not self._lies_in(each, sealed)]

    @staticmethod
    def _lies_in(event: SentEvent, sealed: set[str]) -> bool:
        return bool(event.documents) and event.documents <= sealed

    def _answered_since(self, restore: Restore) -> list[SentEvent]:
        """Return the events that Temporal had and has no longer."""
        since = restore.to - CLOCK_TOLERANCE
        return [
            each
            for each in self.proxy.sent_events.values()
            if each.accepted_at is not None and since <= each.accepted_at <= restore.at
        ]

    def _of_documents(self, documents: set[str]) -> list[SentEvent]:
        return [each for each in self.proxy.sent_events.values() if each.documents & documents]

    @asynccontextmanager
    async def _copying_anew(self, scenarios: set[int]) -> AsyncIterator[None]:
        began = time.time()
        yield
        self.copied_anew.append(CopiedAnew(frozenset(scenarios), began, time.time()))

    async def _fetch_untold(self) -> None:
        """Ask ACS for what no copy of an event tells of, and what does not lie sealed."""
        # One that never arrived may still come, or be lost for good: nobody knows.
        arrived = [each for each in self.proxy.sent_events.values() if each.accepted_at is not None]
        told = {document for each in arrived for document in each.documents}
        known = told | await self._sealed()
        for played in list(self.workload.played):
            truth = await self.backend.truth(played.call_id) if played.call_id else {}
            for recording in truth.get("recordings", ()):
                stored = {each["documentId"] for each in recording["chunks"] if each["isStored"]}
                is_to_come = bool(recording["endedAt"]) and recording["media"] in UNFINISHED
                if stored - known or is_to_come:
                    ids = played.server_call_id, recording["recordingId"]
                    async with self._copying_anew({played.scenario.number}):
                        await self._repeat("events", "fetch", "--again", *ids)

    async def _sealed(self) -> set[str]:
        """Read what lies sealed; once more where the archive is down, or its key just replaced."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return await asyncio.to_thread(self.sealed)
            except (AzureError, OSError):
                if time.monotonic() > end:
                    raise
            await asyncio.sleep(RETRY_INTERVAL)

    async def _deliver(self, events: list[SentEvent], *options: str) -> None:
        if not events:
            return
        copies = self.home / f"events-{time.time_ns()}.json"
        copies.write_text(json.dumps([each.body for each in events]))
        await self._repeat("events", "deliver", *options, str(copies))

    async def _repeat(self, *words: str) -> None:
        end = time.monotonic() + PATIENCE
        while problem := await self._run(*words):
            if GONE_MEANWHILE in problem:
                return
            if time.monotonic() > end:
                self.failures.append(f"callvault {' '.join(words)}: {problem}")
                return
            await asyncio.sleep(RETRY_INTERVAL)

    async def _run(self, *words: str) -> str:
        """Run a command; return what it said if it failed."""
        process = await asyncio.create_subprocess_exec(
            *CALLVAULT,
            *words,
            env=dict(self.environment()),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), COMMAND_TIMEOUT)
        except TimeoutError:
            process.kill()
            return "it did not end"
        if not process.returncode:
            return ""
        lines = said.decode().splitlines()
        return "\n".join(each for each in lines if not each.startswith("delivered:"))[-500:] or "?"
