"""Options of a run, in its long and in its short form."""

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
    """Seconds after which ACS is first polled for a recording's state: the event of the call's end
    may be lost, too."""
    peace: float = 12.0
    """Seconds between two faults of the cluster, on average."""
    fault_rate: float = 0.006
    """Share of the requests to the service that meet a fault of each kind, at the worst."""
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
        """True for even seeds: Callvault may ask ACS for files that no event announced.

        A lost event then is no cause for a lost file.
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
    """Make the options of a run of some two minutes, in which every part meets a fault."""
    # Other tests share the machine, and their load is not Callvault's fault: alarms get more time.
    # With a mutation, faults are so frequent that the broken promise must show.
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
