"""The state that a run carries to the next one.

A call that lasts is kept by several runs, one after the other, each with a short history. A run
whose history has grown long, or whose version of the workers is no longer to keep it, continues as
new as soon as nothing is half done: no request to ACS is in flight, every update is answered, no
manifest is being written (`Run.is_draining`). Copies and alarms are called off for it; the next run
takes them up where they were.
"""

from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ConfigDict
from temporalio import workflow

from callvault.contracts.base import Message, Unreadable, read
from callvault.contracts.requests import RecordingRequest
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus
from workflows.call.chunks import ChunkKey
from workflows.call.results import archived_alone
from workflows.call.state_limits import fit

CURRENT_VERSION = workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
"""The next run begins on the version that is current then, or ramping for its workflow: each run
stays on its own (`workers/registry.py`)."""

MAX_CARRIED_BYTES = 1 << 20
"""Bytes of a state that is carried as it is; Temporal's own limit is twice as high."""


class CarriedState(Message):
    """The state that a run hands to the next one, beside the request that the call began with.

    What a run must not forget stands here, or in the `CallStatus`.
    """

    # For docstrings pydantic parses the source, at each import. The sandbox imports this module for
    # each run, in many threads, and two that parse at once fail before Python 3.11.8.
    model_config = ConfigDict(use_attribute_docstrings=False)

    status: CallStatus
    unsealable: tuple[int, ...] = ()
    """Recordings whose manifest could not be written, by number."""
    to_delete: tuple[ChunkKey, ...] = ()
    """Archived chunks whose copy at the service is to be deleted, perhaps."""
    unheard_run: str = ""
    """Id of the run before, if it has heard of no cancellation: one may have come as it ended."""
    reopened: bool = False
    """True if the run before had ended as it should, and this one was begun by a withdrawal,
    a start, or a late file."""
    is_adopted: bool = False
    """True if no run of a workflow knew of the call: its recording was adopted."""

    @classmethod
    def taken_over(cls, status: CallStatus, *, is_adopted: bool = False) -> "CarriedState":
        """Return what is known of a call whose run could not hand anything over itself."""
        archived = (c for r in status.recordings for c in r.chunks if c.archived)
        kept = (c for c in archived if not c.source_deleted and c.chunk.delete_location)
        wants_deletion = status.policy is not None and status.policy.delete_source
        to_delete = tuple(ChunkKey.of(c.chunk) for c in kept) if wants_deletion else ()
        return cls(status=status, to_delete=to_delete, is_adopted=is_adopted)

    def bounded(self, now: datetime) -> "CarriedState":
        """Give up what is worth least, if Temporal would not take it all."""
        # Beside the state a run is handed the call's request and, perhaps, an earlier result.
        fit(self.status, MAX_CARRIED_BYTES, now)
        return self


class Arguments(NamedTuple):
    """The arguments of a run, as they were read."""

    request: RecordingRequest | Unreadable
    """`Unreadable` if any argument of a call's first run is: such a workflow ends at once."""
    carried: CarriedState | None = None
    earlier: CallResult | None = None
    takes_over: bool = False
    """True if the run before was ended by force, and `workers/abandoned.py` has begun this one."""


def read_arguments(
    payload: Any = None, carried: Any = None, earlier: Any = None, *more: Any
) -> Arguments:
    """Read the arguments of a run: anything at all, in the first; never an error of a sender's."""
    request = read(RecordingRequest, {} if payload is None else payload)
    if workflow.info().continued_run_id is not None:
        # What the run before handed over and cannot be read is an error of ours: it stops the
        # workflow task, which is tried again until a better worker comes, and never the workflow.
        state = None if carried is None else CarriedState.model_validate(carried)
        result = None if earlier is None else CallResult.model_validate(earlier)
        return Arguments(request, state, result)
    if more:
        return Arguments(Unreadable("arguments: only the first is a caller's"))
    before = None if earlier is None else read(CallResult, earlier)
    if isinstance(before, Unreadable):
        return Arguments(before)
    known = archived_alone(before) if before else None
    if carried is not None:
        return _goes_on(request, read(CarriedState, carried), known)
    return Arguments(request, None, known)


def _goes_on(
    request: RecordingRequest | Unreadable,
    state: CarriedState | Unreadable,
    earlier: CallResult | None,
) -> Arguments:
    """Read the arguments of a run that goes on where another one has ended."""
    if isinstance(request, Unreadable) or isinstance(state, Unreadable):
        return Arguments(Unreadable("arguments: only the first is a caller's"))
    status = state.status
    if status.policy is None or status.server_call_id != request.server_call_id:
        return Arguments(Unreadable("arguments: the second is of another call, or of none"))
    return Arguments(request, state, earlier, takes_over=not state.reopened)
