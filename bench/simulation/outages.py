"""What fails in one life, and for how long."""

import random
from enum import StrEnum

from bench.simulation.faults import Fault
from bench.simulation.server import Activity


class Delivery(StrEnum):
    """The fate of one attempt."""

    ANSWERED = "answered"
    LOST = "lost"
    UNHEARD = "unheard"
    """It has its effect, and the answer is lost."""
    REFUSED = "refused"


class Outages:
    """The fate of every attempt at an activity."""

    def __init__(self, faults: frozenset[Fault], rng: random.Random) -> None:
        self._is_failing = Fault.ACS in faults
        # Some services hear no pause, and some archives take no file.
        self._hears_no_pause = self._is_failing and rng.random() < 0.2
        self._archives_nothing = Fault.ARCHIVE in faults and rng.random() < 0.05
        self._is_away = False

    def toggle(self) -> str:
        """Let ACS be away, or come back; say so in a few words."""
        self._is_away = not self._is_away
        return "ACS is away" if self._is_away else "ACS is back"

    def end(self) -> None:
        """Let everything answer from now on, save an archive that takes no file."""
        self._is_failing = self._hears_no_pause = self._is_away = False

    def delivery(self, activity: Activity, rng: random.Random) -> Delivery:
        """Draw the fate of an attempt."""
        if activity.asks_temporal_alone:
            # Temporal answers, as it does for every workflow task.
            return Delivery.ANSWERED
        drawn = self._draw(rng)
        is_unheard = activity.kind == "pause_recording" and self._hears_no_pause
        is_copy = activity.kind == "export_chunk" and not activity.input.is_archived_alone
        is_refused = is_copy and self._archives_nothing
        return Delivery.LOST if is_unheard or is_refused else drawn

    def _draw(self, rng: random.Random) -> Delivery:
        if not self._is_failing:
            return Delivery.ANSWERED
        if self._is_away and rng.random() < 0.8:
            return Delivery.LOST
        if rng.random() < 0.7:
            return Delivery.ANSWERED
        return Delivery(rng.choice(["lost"] * 5 + ["unheard"] * 3 + ["refused"]))
