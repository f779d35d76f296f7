"""Places where events lie that were not delivered; a sweep empties them.

Their methods block. A letter is marked after its events are delivered, never removed: a crash in
between, or a second sweeper, delivers it twice, and an event that comes twice is one event.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Letter:
    """A body of events."""

    name: str
    etag: str = ""
    """Which version it is, where the place knows versions."""
    metadata: dict[str, str] = field(default_factory=dict)
    """What the place knows of it already."""


class Letters(Protocol):
    """A place; its methods raise our errors, `TryAgain` for what passes."""

    @property
    def place(self) -> str:
        """Its name, for people."""

    def waiting(self) -> Iterator[Letter]:
        """The letters that are not marked."""

    def read(self, letter: Letter) -> bytes:
        """The events, as a delivery's body."""

    def mark(self, letter: Letter) -> None:
        """Note that it is delivered. Not an error where another one did, or where it is gone."""
