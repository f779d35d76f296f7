"""What a workflow asks ACS of a recording by itself, when no event comes, and what it is told."""

from datetime import datetime

from callvault.contracts.base import Message
from callvault.contracts.events import FileStatusUpdated


class ResultOrder(Message):
    """Ask what became of a recording, until there is a file that nobody has announced yet."""

    resource: str
    server_call_id: str
    recording_id: str
    known: tuple[str, ...] = ()
    """Document ids of the files that were announced."""


class ToldResult(Message):
    """What ACS answered: the same as an event would have told, and a little more."""

    files: FileStatusUpdated
    expires_at: datetime | None = None
    """When the service deletes the files, as it says itself."""
    errors: tuple[str, ...] = ()
    """What the service says went wrong, such as an export to one's own storage."""


class InquiryProgress(Message):
    """Heartbeat of an inquiry."""

    gone_since: datetime | None = None
    """When ACS first denied the recording; none while it knows it."""
