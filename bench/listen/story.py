"""A story: what happens in one call, step by step, and what its clocks and channels are like."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Verb(StrEnum):
    """What somebody does, or what happens to the service."""

    START = "asks for a recording"
    STOP = "asks to stop"
    PAUSE = "asks to pause"
    RESUME = "asks to resume"
    AGREE = "agrees"
    WITHDRAW = "withdraws"
    JOIN = "joins"
    LEAVE = "leaves"
    FAULT = "the service meets a fault"
    FOREIGN_RESUME = "somebody else resumes at the service"
    FOREIGN_PAUSE = "somebody else pauses at the service"
    FALSE_CALLBACK = "a callback tells what is not so"
    KILL = "a worker is killed"
    FREEZE = "a worker is frozen"


class Channel(StrEnum):
    """How a request reaches Callvault."""

    REST = "REST"
    REST_ASYNC = "REST, without waiting"
    UPDATE = "update"
    SIGNAL = "signal"


WORKER_STEPS = frozenset({Verb.KILL, Verb.FREEZE})


@dataclass(frozen=True)
class Step:
    """One step of a story."""

    index: int
    """Names the step, also in a story from which others were left out."""
    at: float
    """Seconds since the story began."""
    verb: Verb
    who: int = 0
    """A participant, an agent or a worker, by number."""
    channel: Channel = Channel.REST
    more: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        whose = {
            Verb.START: "the backend",
            Verb.PAUSE: f"agent {self.who}",
            Verb.RESUME: f"agent {self.who}",
            Verb.STOP: f"agent {self.who}",
            Verb.AGREE: f"participant {self.who}",
            Verb.WITHDRAW: f"participant {self.who}",
            Verb.JOIN: f"participant {self.who}",
            Verb.LEAVE: f"participant {self.who}",
        }.get(self.verb, "")
        details = " ".join(f"{name}={value}" for name, value in self.more.items())
        how = f"({self.channel})" if self.verb in REQUESTS else ""
        number = f"worker {self.who}:" if self.verb in WORKER_STEPS else ""
        words = [f"{self.at:6.2f} s  [{self.index}]", number, whose, self.verb, how, details]
        return " ".join(word for word in words if word)


REQUESTS = frozenset({Verb.START, Verb.STOP, Verb.PAUSE, Verb.RESUME, Verb.AGREE, Verb.WITHDRAW})
"""Verbs that are requests to Callvault."""


class Callbacks(StrEnum):
    """What becomes of the service's callbacks."""

    SENT = "sent"
    LOST = "lost"
    LATE = "late"


@dataclass(frozen=True)
class Clocks:
    """Seconds by which each clock is ahead of ours."""

    service: float = 0.0
    event_grid: float = 0.0
    reporters: float = 0.0


@dataclass(frozen=True)
class Story:
    """One call."""

    number: int
    length: float
    """Seconds until the call ends."""
    people: int
    """In the call from its beginning."""
    steps: tuple[Step, ...]
    policy: str = "none"
    named: tuple[int, ...] = ()
    """Who must agree, where the policy is ``named``."""
    terms: Mapping[str, Any] = field(default_factory=dict)
    """Other fields of the start request."""
    channel_type: str = "mixed"
    clocks: Clocks = Clocks()
    callbacks: Callbacks = Callbacks.SENT
    callback_delay: float = 0.0
    event_delay: float = 0.0
    """Seconds from Event Grid's delivery until the gateway has it."""
    start_delay: float = 0.2
    """Seconds from a start until the service records."""

    def without(self, left_out: Collection[int]) -> "Story":
        """Return the story without the steps of these indices."""
        return replace(self, steps=tuple(s for s in self.steps if s.index not in left_out))

    @property
    def worker_steps(self) -> tuple[Step, ...]:
        """The kills and freezes."""
        return tuple(step for step in self.steps if step.verb in WORKER_STEPS)

    def told(self) -> str:
        """Tell the story, a line for each step."""
        setting = (
            f"{self.people} participants, policy {self.policy}"
            f"{f' {list(self.named)}' if self.named else ''}, {dict(self.terms)}, "
            f"{self.channel_type}, callbacks {self.callbacks} ({self.callback_delay:g} s), "
            f"events after {self.event_delay:g} s, active after {self.start_delay:g} s, "
            f"clocks {self.clocks}"
        )
        return "\n".join([setting, *map(str, self.steps), f"{self.length:6.2f} s  the call ends"])
