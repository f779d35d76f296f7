"""Event Grid promises little: duplicates, disorder, delay and loss, as far as wanted."""

from datetime import timedelta
from random import Random

from callvault.emulator.behaviours import LiveBehaviours

_HELD_BACK = timedelta(seconds=10)
_DUPLICATE_AFTER = timedelta(seconds=1)


class Disturbance:
    """Draws from the seed, in the order of publishing."""

    def __init__(self, seed: int, behaviours: LiveBehaviours) -> None:
        self._random = Random(f"deliveries {seed}")  # noqa: S311 - reproducible chance is wanted
        self._behaviours = behaviours

    def lags(self) -> tuple[timedelta, ...]:
        """How long after publishing the next event is delivered, once for every time it is."""
        wanted = self._behaviours.now
        lost, late, twice = (self._random.random() for _ in range(3))
        if lost < wanted.event_loss:
            return ()
        held_back = _HELD_BACK if late < wanted.event_disorder else timedelta(0)
        lag = timedelta(seconds=wanted.event_lag_seconds) + held_back
        return (lag, lag + _DUPLICATE_AFTER) if twice < wanted.event_duplicates else (lag,)
