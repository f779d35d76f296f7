"""What is asked of a run."""

from dataclasses import dataclass

RUNGS = (0.3, 0.6, 0.9)
"""Of the export window: enough alarms to see whether they are late, and not more."""


@dataclass(frozen=True)
class Options:
    """A seed, so many lives, and how much time things have."""

    seed: int
    lives: int = 1000
    at_once: int = 24
    export_window: float = 180.0
    """Seconds."""
    event_expected_within: float = 20.0
    """Seconds."""
    state_checked_every: float = 5.0
    """Seconds after which ACS is first asked whether a recording is still on: the word that the
    call is over may be lost, too."""
    peace: float = 12.0
    """Seconds between two blows, on average."""
    fault_rate: float = 0.006
    """Part of the requests to the service that meet a fault of a kind, in the worst weather."""
    alarm_within: float = 5.0
    """Seconds that an alarm may be late."""
    sabotage: str = ""
    """Name of the promise that is broken on purpose."""

    @property
    def ladder(self) -> tuple[float, ...]:
        """Ages of a file, in seconds, at which an alarm is raised."""
        return tuple(rung * self.export_window for rung in RUNGS)

    @property
    def asks_result(self) -> bool:
        """Whether Callvault may ask ACS for files that no event announced: with even seeds.

        Then a lost event is no cause for a lost file.
        """
        return self.seed % 2 == 0

    @property
    def settles_within(self) -> float:
        """Seconds from the last life until every workflow must be over.

        A loss takes two windows, what lay with a dead worker a heartbeat.
        """
        return 3 * self.export_window + 240

    @property
    def again(self) -> str:
        """The command that plays the same seed again."""
        sabotage = f" SABOTAGE={self.sabotage}" if self.sabotage else ""
        return f'make chaos SEEDS="{self.seed}" LIVES={self.lives}{sabotage}'


def short(seed: int, lives: int = 30, sabotage: str = "") -> Options:
    """A run of some two minutes, in which every part is struck.

    It shares its machine with other tests, whose load is no fault of Callvault's; so alarms have
    more time. Where a promise is broken on purpose, the weather is so bad that it must show.
    """
    return Options(
        seed,
        lives,
        at_once=10,
        export_window=40,
        event_expected_within=6,
        peace=4,
        fault_rate=0.02 if sabotage else 0.006,
        alarm_within=20,
        sabotage=sabotage,
    )
