"""Input and report of a sweep, by the Schedule's workflow or by the command line."""

from callvault.contracts.base import Message


class SweepInput(Message):
    """Sweep these dead-letter containers, by their configured names; all without any."""

    dead_letters: tuple[str, ...] = ()
    quarantine: bool = False
    """Sweep the gateways' quarantine instead; it must be a container."""


class SweepReport(Message):
    """The undelivered events of one place."""

    location: str
    dead_letters: int = 0
    """Blobs or files that were looked at."""
    delivered: int = 0
    """Events that a workflow has now."""
    ignored: int = 0
    """Events that no workflow needs."""
    not_understood: int = 0
    """Events, or whole letters. They stay where they are, and the next sweep tries them again."""
    failed: int = 0
    """Letters that could not be read, or that are delivered and could not be marked. They too."""
    problems: tuple[str, ...] = ()
    """The letters that were not understood, and the reasons."""
    problem: str = ""
    """The reason why the place could not be swept to its end; empty where it was."""


class SweepReports(Message):
    """One for each place."""

    reports: tuple[SweepReport, ...] = ()
