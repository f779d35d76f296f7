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
    HOST_1 = "host-1"
    """A host with a worker, in a network namespace of its own (`bench.cluster`)."""
    HOST_2 = "host-2"
    HOST_3 = "host-3"
    HISTORY_1 = "history-1"
    """A history host of a Temporal server of several processes."""
    HISTORY_2 = "history-2"


WORKERS = (Part.WORKER_1, Part.WORKER_2)
HOSTS = (Part.HOST_1, Part.HOST_2, Part.HOST_3)
HISTORY = (Part.HISTORY_1, Part.HISTORY_2)
LINES = (Part.LINE_TO_TEMPORAL, Part.LINE_TO_ACS)
ON_ONE_HOST = tuple(part for part in Part if part not in (*HOSTS, *HISTORY))
"""The parts where workers have no hosts of their own, and Temporal's server is one process."""


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
    CUT_OFF = "cut off"
    """What a host sends and what is sent to it is lost, and no end of a connection hears of it."""
    LINK_DOWN = "link down"
    """A host's interface is down: its programs are told at once that nothing can be reached."""
    ONE_WAY = "one way"
    """What is sent to a host is lost, what it sends arrives: a half-open connection."""
    SLOW_LINE = "slow line"
    SLOW_PROCESSOR = "slow processor"
    """A host's programs run for a small share of the time."""


HOST_FAULTS = (
    Fault.KILL,
    Fault.CUT_OFF,
    Fault.LINK_DOWN,
    Fault.ONE_WAY,
    Fault.SLOW_LINE,
    Fault.SLOW_PROCESSOR,
    Fault.WRONG_CLOCK,
)
LEAVES_WORK = (Fault.KILL, Fault.CUT_OFF, Fault.LINK_DOWN, Fault.ONE_WAY)
"""The faults after which somebody else has to go on with what a worker has begun."""
ONLY_SLOW = (Fault.SLOW_LINE, Fault.SLOW_PROCESSOR)
"""The faults with which a worker still works."""


@dataclass
class Outage:
    """A time in which a part did not work, in seconds since the epoch."""

    part: Part
    fault: Fault
    began: float
    ended: float | None = None
    """None while the fault lasts."""
