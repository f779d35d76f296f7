"""The loops of a call, the shapes that they have, and the run that they all work for.

A loop waits until the state of the call asks for its kind of work, does it, and waits again. Most
have one of two shapes: `Run.begin_each`, for which no task of its own waits, or `one_at_a_time`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

from temporalio import workflow

from workflows.call.lifecycle import Lifecycle
from workflows.loops.clock import Clock
from workflows.loops.waiting import Waiting

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

    async def run(self) -> None:
        """Work until the run is finished, or tell it what to begin (`Run.begin_each`)."""


class Run:
    """One run of the workflow: until the call is finished, or until the next run takes over."""

    def __init__(self, call: Lifecycle) -> None:
        self._call = call
        self._loops: tuple[Loop, ...] = ()
        self._waiting = Waiting()
        self.until = self._waiting.until
        """Wait until a condition holds; any number of tasks may."""
        self.check_conditions = self._waiting.check
        """Run beside all that waits, from the beginning of the run to its end."""
        self.clock = Clock(self._waiting)
        self._each: list[_Each[Any]] = []
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
        """True if the next run is to take over, and nobody waits for an answer: the rest waits."""
        return self._is_to_end() and workflow.all_handlers_finished()

    @property
    def is_held_up(self) -> bool:
        """True if only those who wait for an answer keep the next run from taking over."""
        # As long as anything else is under way, exports go on: it may take ACS hours to answer.
        return (
            # Before they are there, it is not known how long a history may be.
            bool(self._loops)
            and (self._is_to_end() or self._is_deaf())
            and all(loop.is_idle for loop in self._loops if not loop.is_interruptible)
        )

    @property
    def is_draining(self) -> bool:
        """True if nothing long is to be begun, and what can be called off is to be called off."""
        return (
            self.is_held_up
            # The next run knows nothing of those who wait.
            and workflow.all_handlers_finished()
        )

    async def work(self, *loops: Loop) -> None:
        """Run the loops side by side until the run is finished."""
        self._loops = loops
        if self.is_finished:
            # What came before the beginning was known may have ended it all: it is to be answered.
            await self.until(workflow.all_handlers_finished)
        while not self.is_finished:
            self._each.clear()
            async with asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(loop.run())
                group.create_task(self._begin_pending(group))
                group.create_task(self.clock.run_timers(lambda: self.is_finished))
                group.create_task(self._end_in_time())
            self._is_ending = False
            # An open update must be answered before the workflow ends, and a message may have
            # brought new work meanwhile, which its own answer may wait for: then all begins anew.
            await self.until(lambda: workflow.all_handlers_finished() or not self.is_finished)

    def begin_each(
        self,
        under_way: set[Item],
        pending: Callable[[], Iterable[Item]],
        do: Callable[[Item], Awaitable[None]],
    ) -> None:
        """Give every pending item a task of its own, until the run is finished or draining.

        ``under_way`` holds the items whose task runs.
        """
        self._each.append(_Each(under_way, pending, do))

    async def _begin_pending(self, group: asyncio.TaskGroup) -> None:
        """Begin what is pending of every kind: one task waits for all of them."""
        while not self.is_finished:
            await self.until(
                lambda: self.is_finished or any(each.to_begin(self) for each in self._each)
            )
            for each in self._each:
                each.begin(self, group)

    async def _end_in_time(self) -> None:
        """Let the next run take over once that is due and everything is called off."""
        while not self.is_finished:
            await self.until(lambda: self.is_finished or self._may_continue_as_new())
            # Another loop, woken at the same moment, may have brought up something new.
            self.continues_as_new = not self._is_complete() and self._may_continue_as_new()
        # No loop is left behind by others that have ended: it would wait for them for ever.
        self._is_ending = True

    def _may_continue_as_new(self) -> bool:
        return self.is_draining and all(loop.is_idle for loop in self._loops)

    def _is_complete(self) -> bool:
        return self._call.is_over and all(loop.is_done for loop in self._loops)

    def _is_to_end(self) -> bool:
        """Tell if its history is long, or another version of the workers is to keep the call."""
        seen = self.clock.seen
        is_long = seen.history_length >= self._call.policy.max_history_events
        return is_long or seen.is_continue_as_new_suggested or seen.is_on_old_version

    def _is_deaf(self) -> bool:
        """Tell if another cancellation, with something to stop, would not reach this run."""
        # Temporal tells a run of its first cancellation alone.
        is_cancelled = workflow.cancellation_reason() is not None
        return is_cancelled and self._call.status.being_recorded is not None


class _Each(Generic[Item]):
    """One kind of work of which every pending item has a task of its own."""

    def __init__(
        self,
        under_way: set[Item],
        pending: Callable[[], Iterable[Item]],
        do: Callable[[Item], Awaitable[None]],
    ) -> None:
        self._under_way = under_way
        self._pending = pending
        self._do = do

    def to_begin(self, run: Run) -> list[Item]:
        """Return what is pending and not under way; nothing if nothing may be begun."""
        waiting = [item for item in self._pending() if item not in self._under_way]
        # Only then: mostly there is nothing, and this is asked after everything that happens.
        if not waiting or run.is_draining or run.is_finished:
            return []
        return waiting[: MAX_AT_ONCE - len(self._under_way)]

    def begin(self, run: Run, group: asyncio.TaskGroup) -> None:
        """Begin all that is to begin."""
        for item in self.to_begin(run):
            # At once, not in the task: the task begins later than the next look.
            self._under_way.add(item)
            group.create_task(self._do_one(run, item))

    async def _do_one(self, run: Run, item: Item) -> None:
        await self._do(item)
        self._under_way.discard(item)
        run.clock.look()


async def one_at_a_time(
    run: Run, next_item: Callable[[], Item | None], do: Callable[[Item], Awaitable[None]]
) -> None:
    """Do one thing after the other, each as it is to be done when its turn comes."""
    while not run.is_finished:
        await run.until(lambda: run.is_finished or next_item() is not None)
        # What came up as the run was finished is left to the next one: no other loop works here.
        if not run.is_finished and (item := next_item()) is not None:
            await do(item)
            run.clock.look()
