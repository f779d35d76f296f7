"""Order and result of the adoption of a recording that no workflow knows."""

from callvault.contracts.base import Message
from callvault.contracts.requests import RecordingRequest


class AdoptionInput(Message):
    """A recording that ACS makes, as its callback told it."""

    request: RecordingRequest
    """The call, and the kind that its recording is taken for."""
    recording_id: str


class AdoptionResult(Message):
    """The end of an adoption."""

    workflow_id: str | None = None
    """The call's workflow, which keeps the recording now."""
    problem: str = ""
    """The reason why it was not adopted."""
