"""The states that a recording, a chunk and a request go through."""

from enum import StrEnum
from functools import cached_property


class Wanted(StrEnum):
    """The target of a recording, by all signals taken together."""

    ACTIVE = "active"
    PAUSED = "paused"
    STOPPED = "stopped"


class Actual(StrEnum):
    """The state that ACS has confirmed. ACS itself knows only ``active`` and ``inactive``."""

    NONE = "none"
    STARTING = "starting"
    ACTIVE = "active"
    PAUSED = "paused"
    UNKNOWN = "unknown"
    """ACS was asked for a change and may or may not have made it: its state must be read."""
    STOPPED = "stopped"


class RecordingState(StrEnum):
    """The state of a recording."""

    AWAITING_CONSENT = "awaiting_consent"
    """Consent has been missing ever since the request: nothing is recorded yet."""
    STARTING = "starting"
    RECORDING = "recording"
    PAUSED = "paused"
    STOPPING = "stopping"
    PROCESSING = "processing"
    ARCHIVING = "archiving"
    ARCHIVED = "archived"
    LOST = "lost"
    EMPTY = "empty"
    FAILED_TO_START = "failed_to_start"
    DECLINED = "declined"
    """Nothing was recorded, for want of consent or of an announcement."""
    ERASED = "erased"
    """It was erased from the archives, and what is told of it later is not archived again."""

    # Looked up at every check of all that a call waits for: a member knows it from then on.
    @cached_property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset(
    {
        RecordingState.ARCHIVED,
        RecordingState.LOST,
        RecordingState.EMPTY,
        RecordingState.FAILED_TO_START,
        RecordingState.DECLINED,
        RecordingState.ERASED,
    }
)


class ChunkState(StrEnum):
    """The state of a chunk: announced by the service, then archived and verified, or lost."""

    ANNOUNCED = "announced"
    ARCHIVED = "archived"
    LOST = "lost"
    ERASED = "erased"
    """It was erased before: it is not archived again."""


class RequestState(StrEnum):
    """The state of a control request."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    SUPERSEDED = "superseded"
    """A later request took its place before ACS was asked."""
    FAILED = "failed"
