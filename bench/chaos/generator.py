"""Generator of scenarios: the participants of a call, its requests, the treatment of its events.

A scenario is a function of seed and number alone, so that one scenario can be played again.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

RESTART_PROBABILITY = 0.15
EARLY_DELETION_PROBABILITY = 0.01
EARLY_DELETION_SHARE = 0.5
"""Share of the run in which files are deleted, so that their loss is reported before its end."""


class Channel(StrEnum):
    """Channel that an app backend uses for a request."""

    REST = "gateway, answered"
    REST_SIGNAL = "gateway, sent"
    UPDATE = "Temporal client, update"
    SIGNAL = "Temporal client, signal"


class DeliveryMode(StrEnum):
    """Treatment of events on their way from Event Grid to the gateway."""

    ON_TIME = "on time"
    TWICE = "twice"
    LATE = "late"
    """Each with another delay, hence out of order."""
    LOST = "lost"
    REFUSED = "refused"
    """Answered 403 by the proxy: Event Grid writes a dead letter, which is swept."""
    TOO_LATE = "too late"
    """After the export window."""


LOSSY_MODES = (DeliveryMode.LOST, DeliveryMode.TOO_LATE)
"""Treatments that explain a `lost` file."""

_FILE_MODES = {
    DeliveryMode.ON_TIME: 60,
    DeliveryMode.TWICE: 14,
    DeliveryMode.LATE: 18,
    DeliveryMode.LOST: 3,
    DeliveryMode.REFUSED: 3,
    DeliveryMode.TOO_LATE: 2,
}
_CALL_MODES = {
    DeliveryMode.ON_TIME: 70,
    DeliveryMode.TWICE: 10,
    DeliveryMode.LATE: 12,
    DeliveryMode.LOST: 8,
}
_FORMATS = (("audio", "mixed", "wav"), ("audio", "mixed", "mp3"), ("audio", "unmixed", "wav"))


@dataclass(frozen=True)
class Step:
    """A backend's request, some seconds after the step before."""

    operation: str
    channel: Channel
    after: float


@dataclass(frozen=True)
class RecordingPlan:
    channel: Channel
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Scenario:
    """One call, with one recording or two."""

    seed: int
    number: int
    people: int
    media: tuple[str, str, str]
    recordings: tuple[RecordingPlan, ...]
    talk: float
    """Seconds before the first step, and before the call ends."""
    files: DeliveryMode
    """Treatment of the events that announce its files."""
    call_end: DeliveryMode
    deleted_early: bool
    """The service deletes its files before they are announced."""

    @property
    def name(self) -> str:
        return f"scenario {self.number} of seed {self.seed}"

    def lag(self, event: int) -> float:
        """Return the delay of the ``event``-th event in seconds, if that event is to be late."""
        # Dice of its own, for no seed decides in which order events come.
        return Random(f"{self.seed} {self.number} lag {event}").uniform(1, 15)


def scenario(seed: int, number: int, of: int, pauses: int | None = None) -> Scenario:
    """Draw the scenario with this number, in a run of ``of`` scenarios.

    Without ``pauses``, the number of each recording's pauses is drawn, too.
    """
    # The text is part of the seed: another text would draw other scenarios for known seeds.
    dice = Random(f"{seed} life {number}")
    restarts = dice.random() < RESTART_PROBABILITY
    recordings = [_recording(dice, pauses, ends=restarts)]
    if restarts:
        recordings.append(_recording(dice, pauses))
    # The draw comes first, so that the rest of a life does not depend on the run's length.
    early = dice.random() < EARLY_DELETION_PROBABILITY and number < of * EARLY_DELETION_SHARE
    return Scenario(
        seed=seed,
        number=number,
        people=dice.randint(1, 4),
        media=dice.choice(_FORMATS),
        recordings=tuple(recordings),
        talk=dice.uniform(0.3, 1.5),
        files=DeliveryMode.LATE if early else _drawn(dice, _FILE_MODES),
        call_end=_drawn(dice, _CALL_MODES),
        deleted_early=early,
    )


def _recording(dice: Random, pauses: int | None, *, ends: bool = False) -> RecordingPlan:
    drawn = dice.choice((0, 1, 1, 2))
    verbs = ["pause", "resume"] * (drawn if pauses is None else pauses)
    if verbs and dice.random() < 0.2:
        verbs.pop()  # stopped while it is paused
    if ends or dice.random() < 0.6:
        verbs.append("stop")
    steps = (
        Step(operation, dice.choice([*Channel]), dice.uniform(0.1, 1.2)) for operation in verbs
    )
    return RecordingPlan(dice.choice((Channel.REST, Channel.SIGNAL)), tuple(steps))


def _drawn(dice: Random, weights: dict[DeliveryMode, int]) -> DeliveryMode:
    return dice.choices([*weights], [*weights.values()])[0]
