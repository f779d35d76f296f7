"""The loops of a call, the shapes that they have, and the run that they all work for.

A loop waits until the state of the call asks for its kind of work, does it, and waits again. Most
have one of two shapes: `each_once` or `one_at_a_time`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from temporalio import workflow

from workflows.call.lifecycle import Lifecycle
from workflows.loops.clock import Clock

Item = TypeVar("Item")

MAX_AT_ONCE = 1_000
"""Most activities of one loop at a time: the server takes 2,000 of a workflow."""


class Loop(Protocol):
    """One kind of work for a call."""

    is_interruptible: bool
    """True if its work can be called off, as the next run takes it up where it was."""

    @property
    def is_idle(self) -> bool:
        """True if nothing of it is under way that a next run would have to know of."""

    @property
    def is_done(self) -> bool:
        """True if nothing is left for it to do."""

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Work until the run is finished; work beside the loop itself is a task of ``group``."""


class Run:
    """One run of the workflow: until the call is finished, or until the next run takes over."""

    def __init__(self, call: Lifecycle) -> None:
        self._call = call
        self._loops: tuple[Loop, ...] = ()
        self.clock = Clock()
        self.continues_as_new = False
        """True if the next run takes over."""
        self._is_ending = False
        """True once the loops end: what comes up after that is theirs when they begin anew."""

    @property
    def is_finished(self) -> bool:
        """True if the loops are to end."""
        return self._is_ending or self.continues_as_new or self._is_complete()

    @property
    def is_handing_over(self) -> bool:
        """True if its history is long, and nobody waits for an answer: what can wait is left."""
        return self._is_long() and workflow.all_handlers_finished()

    @property
    def is_draining(self) -> bool:
        """True if nothing long is to be begun, and what can be called off is to be called off."""
        # As long as anything else is under way, exports go on: it may take ACS hours to answer.
        return (
            (self._is_long() or self._is_deaf())
            and workflow.all_handlers_finished()
            and all(loop.is_idle for loop in self._loops if not loop.is_interruptible)
        )

    async def work(self, *loops: Loop) -> None:
        """Run the loops side by side until the run is finished."""
        self._loops = loops
        while not self.is_finished:
            async with asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(loop.run(group))
                group.create_task(self.clock.run_timers(lambda: self.is_finished))
                group.create_task(self._end_in_time())
            self._is_ending = False
            # An open update must be answered before the workflow ends, and a message may have
            # brought new work meanwhile, which its own answer may wait for: then all begins anew.
            await workflow.wait_condition(
                lambda: workflow.all_handlers_finished() or not self.is_finished
            )

    async def _end_in_time(self) -> None:
        """Let the next run take over once the history is long and everything is called off."""
        while not self.is_finished:
            await workflow.wait_condition(lambda: self.is_finished or self._may_continue_as_new())
            # Another loop, woken at the same moment, may have brought up something new.
            self.continues_as_new = not self._is_complete() and self._may_continue_as_new()
        # No loop is left behind by others that have ended: it would wait for them for ever.
        self._is_ending = True

    def _may_continue_as_new(self) -> bool:
        return self.is_draining and all(loop.is_idle for loop in self._loops)

    def _is_complete(self) -> bool:
        return self._call.is_over and all(loop.is_done for loop in self._loops)

    def _is_long(self) -> bool:
        seen = self.clock.seen
        is_long = seen.history_length >= self._call.policy.max_history_events
        return is_long or seen.is_continue_as_new_suggested

    def _is_deaf(self) -> bool:
        """Tell if another cancellation, with something to stop, would not reach this run."""
        # Temporal tells a run of its first cancellation alone.
        is_cancelled = workflow.cancellation_reason() is not None
        return is_cancelled and self._call.status.being_recorded is not None


async def each_once(
    run: Run,
    group: asyncio.TaskGroup,
    under_way: set[Item],
    pending: Callable[[], Iterable[Item]],
    do: Callable[[Item], Awaitable[None]],
) -> None:
    """Give every pending item a task of its own; ``under_way`` holds those whose task runs.

    Nothing is begun while the run is draining, or once it is finished.
    """

    def to_begin() -> list[Item]:
        waiting = [item for item in pending() if item not in under_way]
        # Only then: mostly there is nothing, and this is asked after everything that happens.
        if not waiting or run.is_draining or run.is_finished:
            return []
        return waiting[: MAX_AT_ONCE - len(under_way)]

    async def do_one(item: Item) -> None:
        await do(item)
        under_way.discard(item)
        run.clock.look()

    while not run.is_finished:
        await workflow.wait_condition(lambda: run.is_finished or bool(to_begin()))
        for item in to_begin():
            # At once, not in the task: the task begins later than the next look.
            under_way.add(item)
            group.create_task(do_one(item))


async def one_at_a_time(
    run: Run, next_item: Callable[[], Item | None], do: Callable[[Item], Awaitable[None]]
) -> None:
    """Do one thing after the other, each as it is to be done when its turn comes."""
    while not run.is_finished:
        await workflow.wait_condition(lambda: run.is_finished or next_item() is not None)
        # What came up as the run was finished is left to the next one: no other loop works here.
        if not run.is_finished and (item := next_item()) is not None:
            await do(item)
            run.clock.look()
