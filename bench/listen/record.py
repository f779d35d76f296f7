"""The record of a call that was played: what was done and answered, by one clock, and the truth."""

from dataclasses import dataclass, field
from typing import Any

from bench.listen.hearing import TICK, Heard
from bench.listen.relay import Told
from bench.listen.story import Step, Story

MAX_TEXT = 1000


@dataclass
class Deed:
    """A step that was carried out, by our clock, in seconds since the epoch."""

    step: Step
    sent: float
    answered: float | None = None
    """None where no answer came."""
    decided_at: float | None = None
    """Time of a decision as it was reported, by the reporter's clock."""
    is_done: bool = False
    """The answer says that it was done."""
    answer: str = ""
    """The answer, shortened."""


@dataclass(frozen=True)
class Interval:
    """A time that a manifest tells of, in seconds since the epoch."""

    since: float
    until: float
    """Infinite where it is open."""
    why: str = ""


@dataclass
class Recording:
    """A recording: what is in its files, and what its manifest says."""

    recording_id: str
    active_at: float
    """The moment of tick 0, by our clock, as the emulator has it."""
    ended_at: float
    heard: list[Heard] = field(default_factory=list)
    silent: list[Interval] = field(default_factory=list)
    """Times that the manifest calls silent."""
    marked: list[Interval] = field(default_factory=list)
    """Times that the manifest marks: unconfirmed, or to be deleted."""
    problem: str = ""
    """The reason why it cannot be judged: no manifest, or a file that was not archived."""

    def time_of(self, heard: Heard) -> float:
        """Return the beginning of a tick by our clock."""
        return self.active_at + heard.tick * TICK


@dataclass
class Played:
    """A call that was played."""

    story: Story
    server_call_id: str = ""
    call_id: str = ""
    workflow_id: str = ""
    began: float = 0.0
    ended: float = 0.0
    participants: dict[int, str] = field(default_factory=dict)
    """Raw id by number."""
    voices: dict[str, int] = field(default_factory=dict)
    """Voice by raw id."""
    listed: frozenset[int] = frozenset()
    """Participants that the start request named."""
    presence: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    """When each was in the call, by our clock."""
    deeds: list[Deed] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    recordings: list[Recording] = field(default_factory=list)
    problem: str = ""

    def deeds_of(self, *verbs: str) -> list[Deed]:
        return [deed for deed in self.deeds if deed.step.verb in verbs]


def short(answer: Any) -> str:
    """Return the beginning of an answer, for a report."""
    text = str(answer)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 3] + "..."
