"""Stores of events that were not delivered; a sweep delivers them.

Methods of a store block. A dead letter is marked after its events are delivered, never removed.
A crash in between, or a second sweeper, delivers it twice; an event that comes twice is one event.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from callvault.ingest.deliveries import Delivery


@dataclass(frozen=True)
class DeadLetter:
    """A body of events, by its name in the store."""

    name: str
    etag: str = ""
    """The version that was listed, if the store knows versions."""
    metadata: dict[str, str] = field(default_factory=dict)
    """The metadata that the store has of it already."""
    is_delivered: bool = False
    """True if it is marked; `UndeliveredStore.pending` yields none of these."""


class KeptLetters(Protocol):
    """All letters that a store keeps, those that are delivered too; erasures delete some."""

    @property
    def location(self) -> str:
        """The store's name, for people."""

    def all(self) -> Iterator[DeadLetter]:
        """Yield every letter, marked or not."""

    def content(self, dead_letter: DeadLetter) -> bytes:
        """Return its bytes as they are stored; `InvalidRequest` where it cannot be read."""

    def delete(self, dead_letter: DeadLetter) -> None:
        """Delete it for good. Not an error if it is gone."""

    def close(self) -> None:
        """Release connections."""


class UndeliveredStore(Protocol):
    """A store; its methods raise our errors, `TryAgain` for those that pass."""

    @property
    def location(self) -> str:
        """The store's name, for people."""

    def pending(self) -> Iterator[DeadLetter]:
        """Yield the dead letters that are not marked."""

    def read(self, dead_letter: DeadLetter) -> Delivery:
        """Return the events, as they were to be delivered."""

    def mark_delivered(self, dead_letter: DeadLetter) -> None:
        """Note that it is delivered. Not an error if another sweeper did, or if it is gone."""

    def close(self) -> None:
        """Release connections."""
