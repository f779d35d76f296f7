"""Sweeps a place of undelivered events: delivers what lies there, and marks what is delivered."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import structlog

from callvault.contracts.base import shorten
from callvault.contracts.sweeps import SweepReport
from callvault.errors import CallvaultError, InvalidRequest, Throttled, Unavailable
from callvault.ingest import eventgrid
from callvault.ingest.concurrency import for_each
from callvault.ingest.intake import Fate, Intake, Outcome, of_fate
from callvault.ingest.undelivered import Letter, Letters

AT_ONCE = 16
"""Letters that are read at the same time."""

TOLD = 20
"""Problems that a report names one by one; the log has them all."""

_PASSING = (Unavailable, Throttled)
"""A letter waits for an end of these. A blob in the Archive tier is a conflict, and stays one."""

log = structlog.get_logger(__name__)

OnStep = Callable[[SweepReport], None]
"""Called with what was done so far, from time to time."""


def _nobody(report: SweepReport) -> None:
    """Nobody listens."""


@dataclass
class Sweep:
    """One sweep of one place. Used once."""

    letters: Letters
    intake: Intake
    on_step: OnStep = _nobody
    _count: Counter[str] = field(default_factory=Counter)
    _problems: list[str] = field(default_factory=list)

    async def run(self) -> SweepReport:
        """Deliver everything that can be; what cannot stays for the next sweep.

        Raises `Unavailable` while Temporal or the place is away, and in the end where a letter
        had to wait; what was done until then is marked.
        """
        waiting, late = self.letters.waiting(), 0
        while some := await asyncio.to_thread(_take, waiting):
            problems = await for_each(self._sweep, some, AT_ONCE)
            if all(problems):
                raise Unavailable(problems[0], owner="callvault")
            late += len([problem for problem in problems if problem])
            self.on_step(self.report())
        if late:
            raise Unavailable(f"{late} letters wait: sweep again", owner="callvault")
        return self.report()

    def report(self) -> SweepReport:
        """What was done so far."""
        return SweepReport(
            place=self.letters.place,
            letters=self._count["letters"],
            delivered=self._count[Fate.DELIVERED],
            ignored=self._count[Fate.IGNORED],
            not_understood=self._count[Fate.NOT_UNDERSTOOD],
            failed=self._count["failed"],
            problems=tuple(self._problems[:TOLD]),
        )

    def ended_by(self, error: CallvaultError) -> SweepReport:
        """What was done until an error ended the sweep, and which one."""
        return self.report().model_copy(update={"problem": shorten(str(error), 500)})

    async def _sweep(self, letter: Letter) -> str:
        """Why it has to wait; empty where it has not."""
        self._count["letters"] += 1
        try:
            return await self._deliver(letter)
        except InvalidRequest as error:
            self._not_understood(letter, str(error))
        except _PASSING as error:
            return str(error)
        except CallvaultError as error:
            self._failed(letter, str(error))
        return ""

    async def _deliver(self, letter: Letter) -> str:
        """Why it has to wait; empty where it has not."""
        body = await asyncio.to_thread(self.letters.read, letter)
        outcomes = await self.intake.take(eventgrid.read_delivery(body))
        for outcome in of_fate(outcomes, Fate.WAITING):
            return outcome.problem
        for outcome in outcomes:
            self._note(letter, outcome)
        if not of_fate(outcomes, Fate.NOT_UNDERSTOOD):
            log.info("swept", place=self.letters.place, letter=letter.name, why=_reason(outcomes))
            await self._mark(letter)
        return ""

    async def _mark(self, letter: Letter) -> None:
        try:
            await asyncio.to_thread(self.letters.mark, letter)
        except _PASSING:
            raise
        except CallvaultError as error:
            self._failed(letter, f"delivered, but not marked: {error}")

    def _note(self, letter: Letter, outcome: Outcome) -> None:
        if outcome.fate is Fate.NOT_UNDERSTOOD:
            self._not_understood(letter, outcome.problem)
        else:
            self._count[outcome.fate] += 1

    def _not_understood(self, letter: Letter, problem: str) -> None:
        self._count[Fate.NOT_UNDERSTOOD] += 1
        self._tell("not understood", letter, problem)

    def _failed(self, letter: Letter, problem: str) -> None:
        self._count["failed"] += 1
        self._tell("a letter could not be swept", letter, problem)

    def _tell(self, what: str, letter: Letter, problem: str) -> None:
        self._problems.append(shorten(f"{letter.name}: {problem}", 500))
        log.warning(what, place=self.letters.place, letter=letter.name, problem=problem)


def _take(waiting: Iterator[Letter]) -> list[Letter]:
    return list(islice(waiting, AT_ONCE))


def _reason(outcomes: list[Outcome]) -> str:
    """Why Event Grid gave the events up, as far as it says; CloudEvents spell it in lower case."""
    said = (outcome.event.raw for outcome in outcomes if outcome.event)
    reasons = {raw.get("deadLetterReason") or raw.get("deadletterreason") or "" for raw in said}
    return ", ".join(sorted(shorten(str(reason), 100) for reason in reasons if reason))
