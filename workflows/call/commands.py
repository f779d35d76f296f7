"""What can be asked of ACS, and which of it brings a recording nearer to what is wanted. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import RecordingStatus


class Verb(StrEnum):
    """What can be asked of ACS."""

    START = "start"
    CONFIRM = "confirm"
    """Read the state after a start until ACS says ``active``."""
    READ = "read"
    """Read the state, because ACS told something else than what was known."""
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


@dataclass(frozen=True)
class Control:
    """One thing to ask of ACS for one recording."""

    recording: int
    verb: Verb
    pause_on_start: bool = False

    @property
    def begins_sound(self) -> bool:
        """Whether ACS records once this has arrived, answered or not."""
        return self.verb is Verb.RESUME or (self.verb is Verb.START and not self.pause_on_start)


GOAL = {
    Verb.START: Wanted.ACTIVE,
    Verb.PAUSE: Wanted.PAUSED,
    Verb.RESUME: Wanted.ACTIVE,
    Verb.STOP: Wanted.STOPPED,
}
TOWARDS = {Wanted.ACTIVE: Verb.RESUME, Wanted.PAUSED: Verb.PAUSE, Wanted.STOPPED: Verb.STOP}
REACHED = {
    Wanted.ACTIVE: Actual.ACTIVE,
    Wanted.PAUSED: Actual.PAUSED,
    Wanted.STOPPED: Actual.STOPPED,
}
READINGS = (Verb.CONFIRM, Verb.READ)
"""What changes nothing at ACS."""


def next_verb(recording: RecordingStatus) -> Verb | None:
    """What to ask for next; a start that nobody wants any more has been ended without asking."""
    match recording.actual:
        case Actual.NONE:
            return Verb.START if recording.may_begin else None
        case Actual.STARTING if recording.wish is Wanted.ACTIVE:
            return Verb.CONFIRM
        case actual if actual is REACHED[recording.wish]:
            return Verb.READ if recording.is_doubted else None
        case _:
            return TOWARDS[recording.wish]


def serves(control: Control, recording: RecordingStatus) -> bool:
    """Tell whether asking for ``control`` still serves what is wanted of the recording.

    A start and a stop are never given up half-way: what they did must be known.
    """
    match control.verb:
        case Verb.START | Verb.STOP:
            return True
        case Verb.CONFIRM:
            waits = recording.actual is Actual.STARTING
            return waits and recording.wish is Wanted.ACTIVE
        case Verb.READ:
            return recording.actual is REACHED[recording.wish]
        case verb:
            return recording.wish is GOAL[verb]
