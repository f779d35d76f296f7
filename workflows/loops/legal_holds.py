"""The loop of legal holds: has each written into the archives, and its release."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.contracts.hold_messages import CallHold
from workflows import activity_calls
from workflows.activity_errors import reason
from workflows.call import legal_holds
from workflows.call.lifecycle import Lifecycle
from workflows.loops.clock import Moment
from workflows.loops.loop import Run, one_at_a_time

RETRY_INTERVAL = timedelta(minutes=5)
"""Time until a hold is written again, after an attempt that failed for good."""


class LegalHoldsLoop:
    """Writes holds one after the other, each until every archive has it.

    Until then the workflow stays open, and nothing of an open call is erased.
    """

    is_interruptible = True

    def __init__(self, run: Run, call: Lifecycle) -> None:
        self._run = run
        self._call = call
        self._is_writing = False
        self._problem = ""
        """The reason why the last one could not be written."""

    @property
    def is_idle(self) -> bool:
        """True if nothing is being written."""
        return not self._is_writing

    @property
    def is_done(self) -> bool:
        """True if the archives have every hold, and every release."""
        return not self._is_writing and legal_holds.to_write(self._call.status) is None

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Write every hold, and every release."""
        await one_at_a_time(self._run, self._next, self._write)

    def _next(self) -> CallHold | None:
        hold = legal_holds.to_write(self._call.status)
        return None if hold is None or self._run.is_draining else hold

    async def _write(self, hold: CallHold) -> None:
        """Write until it is done, or the next run takes over."""
        self._is_writing = True
        self._problem = ""
        writing = activity_calls.write_hold(legal_holds.order(self._call.status, hold))
        await workflow.wait_condition(lambda: writing.done() or self._run.is_draining)
        is_called_off = not writing.done()
        writing.cancel()
        try:
            # Awaited even so: what is written is not to be written again by the next run.
            said = legal_holds.written(hold, await writing, workflow.now())
            self._call.note(workflow.now(), said)
        except ActivityError as error:
            self._problem = "" if is_called_off else reason(error)
        self._is_writing = False
        if self._problem:
            await self._rest()

    async def _rest(self) -> None:
        """Let some time pass after a failure that was final: a hold is not given up."""
        self._call.note(workflow.now(), f"a legal hold is not written: {self._problem}")
        again = Moment(workflow.now() + RETRY_INTERVAL, "a legal hold is to be written")
        await self._run.clock.changed(lambda: self._run.is_draining, again)
