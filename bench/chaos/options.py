"""Options of a run, in its long and in its short form."""

from dataclasses import dataclass

from activities.export import GONE_AFTER
from bench.chaos.parts import Part

ESCALATION_STEPS = (0.3, 0.6, 0.9)
"""Parts of the export window: few steps, but enough alarms to measure their lateness."""


@dataclass(frozen=True)
class Options:
    """A seed, a number of scenarios, and the times of a run."""

    seed: int
    scenarios: int = 1000
    concurrency: int = 24
    export_window: float = 180.0
    """Seconds."""
    event_expected_within: float = 20.0
    """Seconds."""
    state_poll_interval: float = 5.0
    """Seconds after which ACS is first polled for a recording's state: the event of the call's end
    may be lost, too."""
    fault_interval: float = 6.0
    """Seconds between two faults of the cluster, on average."""
    fault_rate: float = 0.006
    """Share of the requests to the service that meet a fault of each kind, at the worst."""
    max_alarm_latency: float = 5.0
    """Seconds that an alarm may be late."""
    mutation: str = ""
    """Name of the promise that is broken on purpose."""
    parts: tuple[Part, ...] = ()
    """The parts that meet faults; without any, all of a cluster on one host."""
    freeze: tuple[float, float] | None = None
    """Seconds for which they stand still, at least and at most, which is all that they meet then;
    None for faults of every kind."""
    pauses: int | None = None
    """Pauses of each recording; None to draw their number."""
    target: str = "chaos"
    """The target of `make` that plays it."""

    @property
    def escalation_schedule(self) -> tuple[float, ...]:
        """Ages of a file, in seconds, at which an alarm is raised."""
        return tuple(step * self.export_window for step in ESCALATION_STEPS)

    @property
    def has_directory(self) -> bool:
        """True for even seeds: the archive is a directory, which is unmounted and set back.

        The service's copies are deleted then. With odd seeds it is a container.
        """
        return self.seed % 2 == 0

    @property
    def polls_result(self) -> bool:
        """True for even seeds: Callvault may ask ACS for files that no event announced.

        A lost event is then no valid cause of a lost file.
        """
        return self.seed % 2 == 0

    @property
    def settle_timeout(self) -> float:
        """Seconds from the last scenario until every workflow must be over.

        A loss takes two windows, a task of a dead worker one heartbeat time-out. Where the archive
        was away as the window closed, the service must have denied the file for long.
        """
        return 3 * self.export_window + 240 + GONE_AFTER.total_seconds()

    @property
    def command(self) -> str:
        """The command that plays the same seed again."""
        mutation = f" MUTATION={self.mutation}" if self.mutation else ""
        return f'make {self.target} SEEDS="{self.seed}" SCENARIOS={self.scenarios}{mutation}'


def short(
    seed: int,
    scenarios: int = 30,
    mutation: str = "",
    parts: tuple[Part, ...] = (),
    freeze: tuple[float, float] | None = None,
) -> Options:
    """Make the options of a run of some two minutes, in which every part meets a fault."""
    # Other tests share the machine and slow everything down: alarms get more time.
    # With a mutation, faults are so frequent that the broken promise must show.
    return Options(
        seed,
        scenarios,
        concurrency=16 if freeze else 10,
        export_window=40,
        event_expected_within=6,
        fault_interval=4,
        fault_rate=0.02 if mutation else 0.006,
        # What stands still has an alarm that it was just given for half a minute.
        max_alarm_latency=40 if freeze else 20,
        mutation=mutation,
        parts=parts,
        freeze=freeze,
        # What a part did that stood still shows where silence is wanted a moment later.
        pauses=3 if freeze else None,
    )
