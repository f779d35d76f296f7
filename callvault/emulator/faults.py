"""Faults on purpose: scripted for single requests, or drawn from the seed."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from callvault.emulator.behaviours import Rate
from callvault.emulator.operations import ALL_OPERATIONS, CONTENT, CONTROL, FILES, Operation


class FaultKind(StrEnum):
    THROTTLED = "throttled"
    INTERNAL_ERROR = "internal_error"
    UNAVAILABLE = "unavailable"
    CONFLICT_8571 = "conflict_8571"
    CONFLICT_8573 = "conflict_8573"
    HANG = "hang"
    RESET = "reset"
    SLOW_DRIP = "slow_drip"
    TRUNCATED = "truncated"
    WRONG_CONTENT_LENGTH = "wrong_content_length"
    ZERO_BYTES_FIRST = "zero_bytes_first"
    HTML_400 = "html_400"
    HTML_200 = "html_200"
    FLIPPED_BIT = "flipped_bit"
    ETAG_CHANGES = "etag_changes"
    RANGE_IGNORED = "range_ignored"
    UNAUTHORIZED = "unauthorized"
    EARLY_404 = "early_404"
    PAUSE_NOT_EFFECTIVE = "pause_not_effective"
    PAUSE_ON_START_IGNORED = "pause_on_start_ignored"
    SLOW = "slow"
    LATE_EFFECT = "late_effect"


class Description(NamedTuple):
    about: str
    operations: frozenset[Operation]
    """Operations that it can happen to."""


_CHANGES = frozenset({Operation.START, Operation.PAUSE, Operation.RESUME, Operation.STOP})

KINDS: dict[FaultKind, Description] = {
    FaultKind.THROTTLED: Description("429 with Retry-After, code 8589", ALL_OPERATIONS),
    FaultKind.INTERNAL_ERROR: Description("500, code 9999", ALL_OPERATIONS),
    FaultKind.UNAVAILABLE: Description("503 with an empty body", ALL_OPERATIONS),
    FaultKind.CONFLICT_8571: Description("409, recording operation conflict", _CHANGES),
    FaultKind.CONFLICT_8573: Description("409, pause or resume not allowed", _CHANGES),
    FaultKind.HANG: Description(
        "no answer, for `seconds` or until the client gives up", ALL_OPERATIONS
    ),
    FaultKind.RESET: Description(
        "TCP reset, after `afterBytes` of the body if given", ALL_OPERATIONS
    ),
    FaultKind.SLOW_DRIP: Description("the body, a few bytes at a time", FILES),
    FaultKind.TRUNCATED: Description("the connection closes in the middle of the body", FILES),
    FaultKind.WRONG_CONTENT_LENGTH: Description("a tenth is missing; no one says so", FILES),
    FaultKind.ZERO_BYTES_FIRST: Description("200 with nothing in it", FILES),
    FaultKind.HTML_400: Description("400 with an HTML page", ALL_OPERATIONS),
    FaultKind.HTML_200: Description("200 with an HTML page instead of the file", FILES),
    FaultKind.FLIPPED_BIT: Description("one bit of the body is wrong", FILES),
    FaultKind.ETAG_CHANGES: Description("another ETag than before", FILES),
    FaultKind.RANGE_IGNORED: Description("200 with the whole file for a range", FILES),
    FaultKind.UNAUTHORIZED: Description("401 although the signature is right", ALL_OPERATIONS),
    FaultKind.EARLY_404: Description("404 although it is there", CONTENT | CONTROL),
    FaultKind.PAUSE_NOT_EFFECTIVE: Description(
        "202, but the recording goes on", frozenset({Operation.PAUSE})
    ),
    FaultKind.PAUSE_ON_START_IGNORED: Description(
        "a start records at once, whatever `pauseOnStart` says", frozenset({Operation.START})
    ),
    FaultKind.SLOW: Description(
        "carried out after `effectAfter`, answered `seconds` later", CONTROL
    ),
    FaultKind.LATE_EFFECT: Description(
        "answered at once, carried out after `effectAfter`",
        frozenset({Operation.PAUSE, Operation.RESUME, Operation.STOP}),
    ),
}


class _Rule(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, populate_by_name=True
    )

    operation: Operation | None = None
    """Only requests for this operation."""
    path: Annotated[str, Field(max_length=500)] | None = None
    """Only paths that match this pattern, with ``*`` and ``?``."""
    call_id: Annotated[str, Field(max_length=100)] | None = None
    """Only control requests for this call; the rule ends with the call."""
    retry_after: Annotated[int, Field(ge=0)] = 1
    """Seconds, of ``throttled``."""
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Duration of ``hang``, of the wait of ``slow`` between effect and answer, or of the pauses of
    ``slow_drip`` between pieces."""
    after_bytes: Annotated[int, Field(ge=0)] | None = None
    """Length of the body before ``reset`` or ``truncated`` cuts it."""
    takes_effect: bool = False
    """The request is carried out before it is answered with the fault."""
    effect_after: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 0.0
    """Seconds from a request until it is carried out, if it is; its answer does not wait for it,
    but for that of ``slow``."""


class ScriptedFault(_Rule):
    """A rule of one kind, for the requests that match."""

    kind: FaultKind
    nth: Annotated[int, Field(ge=1)] = 1
    """The first matching request that it may hit."""
    times: Annotated[int, Field(ge=1)] | None = 1
    """Number of requests it hits; None for all."""
    probability: Rate = 1.0


class RandomFaults(_Rule):
    """A rule of several kinds, for a part of the requests that match."""

    rate: Rate
    kinds: tuple[FaultKind, ...] = tuple(FaultKind)


Rule = ScriptedFault | RandomFaults


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that happens to one request."""

    kind: FaultKind
    rule: Rule
    draw: int
    """A large number from the seed, for what is left to chance."""


@dataclass
class _Active:
    number: int
    rule: Rule
    seen: int = 0
    fired: int = 0
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)


class FaultScript:
    """The active rules, and the draw of each request.

    Chance depends on the seed, the rule, and the number of earlier requests with the same method
    and path: not on the interleaving of requests for different paths.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rules: list[_Active] = []
        self._made = 0

    def add(self, rule: Rule) -> int:
        """Activate a rule and return its number."""
        self._made += 1
        self._rules.append(_Active(self._made, rule))
        return self._made

    def clear(self) -> None:
        self._rules.clear()

    def forget(self, call_id: str) -> None:
        """Drop the rules of a call."""
        self._rules = [each for each in self._rules if each.rule.call_id != call_id]

    @property
    def name_calls(self) -> bool:
        """True if a rule is for one call only."""
        return any(each.rule.call_id for each in self._rules)

    def active(self) -> list[tuple[int, Rule, int]]:
        """List number, rule and count of hits, in the order in which rules are tried."""
        return [(each.number, each.rule, each.fired) for each in self._rules]

    def fault_for(
        self, operation: Operation, method: str, path: str, call_id: str | None = None
    ) -> Fault | None:
        """Return the fault that this request meets, if any; rules are tried in order."""
        for active in self._rules:
            if _matches(active.rule, operation, path, call_id):
                fault = self._try(active, operation, method, path)
                if fault:
                    active.fired += 1
                    return fault
        return None

    def _try(self, active: _Active, operation: Operation, method: str, path: str) -> Fault | None:
        active.seen += 1
        active.requests[method, path] += 1
        draw = self._draw(active, method, path)
        kind = _chosen(active, operation, draw)
        # The bits above those that `_chosen` uses.
        return Fault(kind, active.rule, draw >> 96) if kind else None

    def _draw(self, active: _Active, method: str, path: str) -> int:
        occurrence = active.requests[method, path]
        text = f"{self._seed} {active.number} {method} {path} {occurrence}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest())


def _matches(rule: Rule, operation: Operation, path: str, call_id: str | None) -> bool:
    if rule.operation not in {None, operation} or rule.call_id not in {None, call_id}:
        return False
    if rule.path is not None and not fnmatchcase(path, rule.path):
        return False
    return bool(_possible(rule, operation))


def _possible(rule: Rule, operation: Operation) -> Sequence[FaultKind]:
    kinds = (rule.kind,) if isinstance(rule, ScriptedFault) else rule.kinds
    return [kind for kind in kinds if operation in KINDS[kind].operations]


def _chosen(active: _Active, operation: Operation, draw: int) -> FaultKind | None:
    rule = active.rule
    # Chance and choice take different bits of the draw, so that they do not depend on each other.
    chance = (draw & 0xFFFFFFFF) / 2**32
    if isinstance(rule, ScriptedFault):
        used_up = rule.times is not None and active.fired >= rule.times
        hits = active.seen >= rule.nth and not used_up and chance < rule.probability
        return rule.kind if hits else None
    kinds = _possible(rule, operation)
    return kinds[(draw >> 32) % 2**64 % len(kinds)] if chance < rule.rate else None
