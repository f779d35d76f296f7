"""The state that a run carries to the next one.

A call that lasts is kept by several runs, one after the other, each with a short history. A run
whose history has grown long continues as new as soon as nothing is half done: no request to ACS is
in flight, every update is answered, no manifest is being written (`Run.is_draining`). Copies and
alarms are called off for it; the next run takes them up where they were.
"""

from typing import Any

from callvault.contracts.base import Message
from callvault.contracts.states import RequestState
from callvault.contracts.status import CallStatus, TimelineEntry
from workflows.call.chunks import ChunkKey

MAX_CARRIED_BYTES = 1 << 20
"""Bytes of a state that is carried as it is; Temporal's own limit is twice as high."""

MAX_CARRIED_TIMELINE = 50
"""Entries of its timeline that a larger state keeps."""

MAX_CARRIED_REQUESTS = 250
"""Requests that a state keeps which is too large even so: the newest, and all pending ones."""


class CarriedState(Message):
    """The state that a run hands to the next one, beside the request that the call began with.

    What a run must not forget stands here, or in the `CallStatus`.
    """

    status: CallStatus
    unsealable: tuple[int, ...] = ()
    """Recordings whose manifest could not be written, by number."""
    to_delete: tuple[ChunkKey, ...] = ()
    """Archived chunks whose copy at the service is to be deleted, perhaps."""

    @classmethod
    def read(cls, payload: Any) -> "CarriedState | None":
        """Read what the run before handed over; None in a call's first run."""
        # One that cannot be read is an error of ours: it stops the workflow task, which is tried
        # again until a better worker comes, and never the workflow.
        return None if payload is None else cls.model_validate(payload)

    def bounded(self) -> "CarriedState":
        """Give up the timeline's middle, then old requests, if Temporal would not take it all."""
        # The evidence stays whole: pauses and holds are kept with their recording.
        if self._is_too_large():
            del self.status.timeline[1:-MAX_CARRIED_TIMELINE]
        if self._is_too_large():
            self._drop_requests()
        return self

    def _is_too_large(self) -> bool:
        return len(self.model_dump_json()) > MAX_CARRIED_BYTES

    def _drop_requests(self) -> None:
        requests = self.status.requests
        old = [
            key
            for key in list(requests)[:-MAX_CARRIED_REQUESTS]
            if requests[key].state is not RequestState.PENDING
        ]
        for key in old:
            del requests[key]
        what = f"{len(old)} old requests were given up: more than a call can remember"
        self.status.timeline.append(TimelineEntry(at=self.status.timeline[-1].at, what=what))
