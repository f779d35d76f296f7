"""The state of a call's dead run, handed to the run that keeps the call now."""

from callvault.contracts.base import Message
from callvault.contracts.status import CallStatus

ADOPTED = "adopted "
"""Begins the key under which an adopted recording is handed over: no run of a workflow knew it."""


class RunQuery(Message):
    """Order to find out what the run before a reset knew."""

    workflow_id: str
    run_id: str
    """The run that the reset began."""


class LastState(Message):
    """Payload of `take_over`: the last state of a run that was ended by force, or reset."""

    run_id: str
    status: CallStatus

    @property
    def is_adoption(self) -> bool:
        """True if it is that of no run: a recording was adopted."""
        return self.run_id.startswith(ADOPTED)


class Recalled(Message):
    """Answer to a `RunQuery`."""

    last: LastState | None = None
    """None if no reset began the run."""
