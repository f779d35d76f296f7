"""A call that lasts is kept by several runs, one after the other, each with a short history.

A run whose history has grown long hands over to the next one (continue-as-new) as soon as nothing
is half done: no request to ACS is in flight, every update is answered, no manifest is being
written. Copies and alarms are called off for it; the next run takes them up where they were.
"""

from collections.abc import Callable
from typing import Any

from temporalio import workflow

from callvault.contracts.base import Message
from callvault.contracts.states import RequestState
from callvault.contracts.status import CallStatus, TimelineEntry
from workflows.call.chunks import ChunkKey
from workflows.loops.clock import Clock

MAX_CARRIED = 1 << 20
"""Bytes of a state that is carried as it is; Temporal takes twice as many."""

KEPT_TIMELINE = 50
"""Entries that a larger one keeps of its timeline."""

KEPT_REQUESTS = 250
"""Requests that one keeps which is too large even so: the newest, and all that are pending."""


class Carried(Message):
    """What a run hands to the next one, beside the request that the call began with.

    Whatever a run must not forget stands here, or in the `CallStatus`.
    """

    status: CallStatus
    unsealable: tuple[int, ...] = ()
    """Recordings whose manifest could not be written, by number."""
    to_clear: tuple[ChunkKey, ...] = ()
    """Archived chunks whose copy at the service is to be deleted, perhaps."""

    @classmethod
    def read(cls, payload: Any) -> "Carried | None":
        """Read what the run before handed over; None in a call's first run.

        One that cannot be read is an error of ours: it stops the workflow task, which is tried
        again until a better worker comes, and never the workflow.
        """
        return None if payload is None else cls.model_validate(payload)

    def bounded(self) -> "Carried":
        """Give up the timeline's middle, then old requests, where Temporal would not take it all.

        What was asked and confirmed stays evident: pauses and holds are kept with their recording.
        """
        if self._is_too_large():
            del self.status.timeline[1:-KEPT_TIMELINE]
        if self._is_too_large():
            self._give_up_requests()
        return self

    def _is_too_large(self) -> bool:
        return len(self.model_dump_json()) > MAX_CARRIED

    def _give_up_requests(self) -> None:
        requests = self.status.requests
        old = [
            key
            for key in list(requests)[:-KEPT_REQUESTS]
            if requests[key].state is not RequestState.PENDING
        ]
        for key in old:
            del requests[key]
        told = f"{len(old)} old requests were given up: more than a call can remember"
        self.status.timeline.append(TimelineEntry(at=self.status.timeline[-1].at, what=told))


class Shift:
    """One run's time at work: until the call is done, or until the next run takes over."""

    def __init__(self, is_done: Callable[[], bool], is_at_rest: Callable[[], bool]) -> None:
        self._is_done = is_done
        self._is_at_rest = is_at_rest
        self.max_events: int | None = None
        """After how many events the next run takes over; none until the policy is known."""
        self.clock = Clock()
        self.hands_over = False

    def is_over(self) -> bool:
        """Whether the loops are to end."""
        return self.hands_over or self._is_done()

    def is_ending(self) -> bool:
        """Whether nothing long is to be begun, and what is long under way is to be called off."""
        return self._is_long() and self._is_at_rest()

    async def end_in_time(self, has_stopped: Callable[[], bool]) -> None:
        """End the shift once its history is long and ``has_stopped`` says that nothing runs."""
        await workflow.wait_condition(
            lambda: self._is_done() or (self.is_ending() and has_stopped())
        )
        self.hands_over = not self._is_done()

    def _is_long(self) -> bool:
        info = workflow.info()
        is_long = self.max_events and info.get_current_history_length() >= self.max_events
        return bool(is_long) or info.is_continue_as_new_suggested()
