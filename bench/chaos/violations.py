"""A broken promise."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Violation:
    """A promise that was broken; scenario 0 stands for the whole run."""

    scenario: int
    what: str
