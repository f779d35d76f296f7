"""What a sweep is asked for and what it found: of the Schedule's workflow and of the terminal."""

from callvault.contracts.base import Message


class SweepOrder(Message):
    """Sweep these dead-letter containers, by their configured names; all without any."""

    dead_letters: tuple[str, ...] = ()


class SweepReport(Message):
    """What one place held that had not been delivered before."""

    place: str
    letters: int = 0
    """Blobs or files that were looked at."""
    delivered: int = 0
    """Events that a workflow has now."""
    ignored: int = 0
    """Events that nobody needs."""
    not_understood: int = 0
    """Events, or whole letters. They stay where they are, and the next sweep tries them again."""
    failed: int = 0
    """Letters that could not be read, or that are delivered and could not be marked. They too."""
    problems: tuple[str, ...] = ()
    """Of the first of these two kinds, which letter it is and why."""
    problem: str = ""
    """Why the place could not be swept to its end; empty where it was. The rest was done before."""


class SweepReports(Message):
    """One for each place."""

    reports: tuple[SweepReport, ...] = ()
