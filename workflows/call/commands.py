"""The commands to ACS, and which of them brings a recording nearer to what is wanted."""

from dataclasses import dataclass
from enum import StrEnum

from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import RecordingStatus


class Operation(StrEnum):
    """The operations of ACS control."""

    START = "start"
    CONFIRM = "confirm"
    """Read the state after a start until ACS says ``active``."""
    READ = "read"
    """Read the state, because ACS told something else than what was known."""
    ADOPT = "adopt"
    """Find out if an id that ACS told is that of a start which was given up."""
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


@dataclass(frozen=True)
class Command:
    """One operation to ask of ACS for one recording."""

    recording: int
    operation: Operation
    pause_on_start: bool = False
    is_urgent: bool = False
    """True for a reading that a request to pause waits for."""

    @property
    def makes_sound(self) -> bool:
        """True if ACS may record once this has arrived: it may not heed that it is to be paused."""
        return self.operation in (Operation.START, Operation.RESUME)


TARGET_OF = {
    Operation.START: Wanted.ACTIVE,
    Operation.PAUSE: Wanted.PAUSED,
    Operation.RESUME: Wanted.ACTIVE,
    Operation.STOP: Wanted.STOPPED,
}
OPERATION_FOR = {
    Wanted.ACTIVE: Operation.RESUME,
    Wanted.PAUSED: Operation.PAUSE,
    Wanted.STOPPED: Operation.STOP,
}
REACHED = {
    Wanted.ACTIVE: Actual.ACTIVE,
    Wanted.PAUSED: Actual.PAUSED,
    Wanted.STOPPED: Actual.STOPPED,
}
READINGS = (Operation.CONFIRM, Operation.READ, Operation.ADOPT)
"""The operations that change nothing at ACS."""


def next_operation(recording: RecordingStatus) -> Operation | None:
    """Name the operation to ask for next; None while actual is what is wanted."""
    match recording.actual:
        case Actual.NONE:
            # A start that is not wanted any more was ended without asking ACS.
            return Operation.START if recording.may_begin else None
        case Actual.STARTING if recording.target is Wanted.ACTIVE:
            return Operation.CONFIRM
        case actual if actual is REACHED[recording.target]:
            return Operation.READ if recording.needs_read else None
        case _:
            return OPERATION_FOR[recording.target]


def still_serves(command: Command, recording: RecordingStatus) -> bool:
    """Tell if asking for ``command`` still serves what is wanted of the recording."""
    match command.operation:
        case Operation.START | Operation.STOP | Operation.ADOPT:
            # Never given up half-way: what they did must be known.
            return True
        case Operation.CONFIRM:
            waits = recording.actual is Actual.STARTING
            return waits and recording.target is Wanted.ACTIVE
        case Operation.READ:
            return recording.actual is REACHED[recording.target]
        case operation:
            return recording.target is TARGET_OF[operation]
