"""The parts of the cluster, the faults that they meet, and the times of these faults."""

from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    TEMPORAL = "temporal"
    AZURITE = "azurite"
    EMULATOR = "emulator"
    GATEWAY = "gateway"
    WORKER_1 = "worker-1"
    WORKER_2 = "worker-2"
    ARCHIVE = "archive"
    """The directory of the archive, where that is no container."""
    SECRETS = "secrets"
    """The files with keys, which are read again while processes run."""
    LINE_TO_TEMPORAL = "line of worker-1 to Temporal"
    LINE_TO_ACS = "line to ACS"


WORKERS = (Part.WORKER_1, Part.WORKER_2)
LINES = (Part.LINE_TO_TEMPORAL, Part.LINE_TO_ACS)


class Fault(StrEnum):
    """A fault that is injected into a part."""

    KILL = "SIGKILL"
    END = "SIGTERM"
    FREEZE = "SIGSTOP"
    """The part does not answer for a while, then continues."""
    RESTORE = "set back"
    """Its data are set back to an earlier copy, while the workers run."""
    RESTORE_ALL = "set back, and the archive with it"
    UNMOUNT = "unmounted"
    """An empty directory stands in its place for a while."""
    WRONG_CLOCK = "wrong clock"
    """Its clock is minutes off for a while."""
    ROTATE = "rotated"
    HOLD = "held"
    """What is sent is held, and arrives when the line is back, even if its sender has given up."""
    HALF_OPEN = "half-open"
    """What is sent is lost, and no end of a connection hears of it."""
    LOSSY = "lossy"
    """Packets get lost: what is sent comes late, and connections are reset."""


@dataclass
class Outage:
    """A time in which a part did not work, in seconds since the epoch."""

    part: Part
    fault: Fault
    began: float
    ended: float | None = None
    """None while the fault lasts."""
