"""The recall loop: learns what another run of the same call knew, which was ended or reset."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.contracts import names
from callvault.contracts.activity_io import Beginning
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.takeover import LastState, Recalled, RunQuery
from workflows.activity_errors import reason
from workflows.activity_options import recall
from workflows.call.alarms import Alarms
from workflows.call.chunks import ChunkKey, chunks_of
from workflows.call.lifecycle import Lifecycle
from workflows.loops.delete_source import SourceDeletionLoop
from workflows.loops.loop import Run
from workflows.loops.resets import on_reset

NOT_RECALLED = (
    "its workflow was reset, and what it knew before is not to be had: ACS may record what nobody"
    " controls here. Look at the call, and stop it by other means if need be"
)


class RecallLoop:
    """Joins the last states of other runs to this one's."""

    is_interruptible = False

    def __init__(
        self, run: Run, call: Lifecycle, alarms: Alarms, deletions: SourceDeletionLoop
    ) -> None:
        self._run = run
        self._call = call
        self._alarms = alarms
        self._deletions = deletions
        call.is_beginning = True
        self._told: list[LastState] = []
        self._resets = 0
        """Resets of this run that it knows of."""
        on_reset(self._was_reset)

    @property
    def is_idle(self) -> bool:
        """True if there is nothing to learn."""
        return not self._told and not self._call.is_recalling

    is_done = is_idle

    def _was_reset(self) -> None:
        """Take note that this run was reset: another run has gone further than its history."""
        self._call.is_recalling = True
        self._resets += 1
        self._run.clock.renew()

    def begun(self, beginning: Beginning) -> None:
        """Take note of a reset to the very beginning, before anything is asked of ACS."""
        if beginning.was_reset:
            self._was_reset()
        self._call.is_beginning = False

    def told(self, last: LastState) -> None:
        """Take note of a dead run's last state."""
        self._told.append(last)

    async def run(self) -> None:
        """Learn everything that there is to learn."""
        while not self._run.is_finished:
            await self._run.until(lambda: self._run.is_finished or not self.is_idle)
            if self._call.is_recalling:
                await self._recall()
            while self._told:
                self._join(self._told.pop(0), is_reset=False)

    async def _recall(self) -> None:
        known = 0
        # A reset may come with what was asked for after the one before it.
        while known != self._resets:
            known = self._resets
            await self._recall_once()
        self._call.recall_ended(workflow.now())

    async def _recall_once(self) -> None:
        info = workflow.info()
        query = RunQuery(workflow_id=info.workflow_id, run_id=info.run_id)
        try:
            recalled: Recalled = await workflow.execute_activity(
                names.RECALL_ACTIVITY,
                query,
                result_type=Recalled,
                **recall("what was known before the reset?"),
            )
        except ActivityError as error:
            what, now = f"{NOT_RECALLED}: {reason(error)}", workflow.now()
            self._alarms.add(AlarmKind.ABANDONED, Severity.CRITICAL, what, None, now)
            self._call.not_recalled(now)
        else:
            if recalled.last is not None:
                self._join(recalled.last, is_reset=True)

    def _join(self, last: LastState, *, is_reset: bool) -> None:
        now = workflow.now()
        if not self._call.recalled(last, now, is_reset=is_reset):
            return
        for _, chunk in chunks_of(self._call.status):
            if chunk.archived is not None and not chunk.source_deleted:
                self._deletions.consider(ChunkKey.of(chunk.chunk))
        if not is_reset:
            self._alarms.taken_over(self._call.current, now, is_adopted=last.is_adoption)
