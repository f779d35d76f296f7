"""The states that a recording, a chunk and a request go through."""

from enum import StrEnum


class Wanted(StrEnum):
    """What the signals, taken together, ask for."""

    ACTIVE = "active"
    PAUSED = "paused"
    STOPPED = "stopped"


class Actual(StrEnum):
    """What ACS has confirmed. ACS itself knows only ``active`` and ``inactive``."""

    NONE = "none"
    STARTING = "starting"
    ACTIVE = "active"
    PAUSED = "paused"
    UNSURE = "unsure"
    """ACS was asked for a change and may or may not have made it: it must be asked again."""
    STOPPED = "stopped"


class RecordingState(StrEnum):
    """Where a recording stands in its life."""

    AWAITING_CONSENT = "awaiting_consent"
    """Consent was missing ever since it was asked for: nothing is recorded yet."""
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

    @property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset(
    {
        RecordingState.ARCHIVED,
        RecordingState.LOST,
        RecordingState.EMPTY,
        RecordingState.FAILED_TO_START,
        RecordingState.DECLINED,
    }
)


class ChunkState(StrEnum):
    """Where a chunk stands: announced by the service, then archived and verified, or lost."""

    ANNOUNCED = "announced"
    ARCHIVED = "archived"
    LOST = "lost"


class RequestState(StrEnum):
    """What became of a control request."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    SUPERSEDED = "superseded"
    """A later request took its place before ACS was asked."""
    FAILED = "failed"
