"""Sweeps a store of undelivered events: delivers them, and marks what is delivered."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import structlog

from callvault.contracts.base import shorten
from callvault.contracts.sweeps import SweepReport
from callvault.errors import CallvaultError, InvalidRequest, Throttled, Unavailable
from callvault.ingest.concurrency import for_each
from callvault.ingest.intake import Disposition, EventOutcome, Intake, with_disposition
from callvault.ingest.undelivered import DeadLetter, UndeliveredStore

MAX_CONCURRENT_READS = 16
"""Dead letters that are read at the same time."""

MAX_LISTED = 20
"""Problems that a report names one by one; the log has them all."""

_TRANSIENT = (Unavailable, Throttled)
"""Errors whose end is waited for. A blob in the Archive tier is a conflict, and stays one."""

log = structlog.get_logger(__name__)

OnStep = Callable[[SweepReport], None]
"""Called from time to time, with what was done so far."""


def _ignore(report: SweepReport) -> None:
    """The default of `OnStep`."""


@dataclass
class Sweep:
    """One sweep of one store. Used once."""

    store: UndeliveredStore
    intake: Intake
    on_step: OnStep = _ignore
    _count: Counter[str] = field(default_factory=Counter)
    _problems: list[str] = field(default_factory=list)
    _unread: list[str] = field(default_factory=list)
    """Why the store itself takes or gives nothing, for each letter of a batch that it was so of."""

    async def run(self) -> SweepReport:
        """Deliver everything that can be; the rest stays for the next sweep.

        Raises `Unavailable` while Temporal or the store is away, and in the end if a dead letter
        had to wait; what was done until then is marked.
        """
        pending = self.store.pending()
        deferred: list[str] = []
        while some := await asyncio.to_thread(_next, pending):
            problems = await for_each(self._sweep, some, MAX_CONCURRENT_READS)
            # The oldest may wait for a call of their own, and would keep the rest from it for ever:
            # only where nobody answers, the rest would have to wait as well.
            if all(problems):
                await self._require_answers(len(some))
            self._unread.clear()
            deferred += filter(None, problems)
            self.on_step(self.report())
        if deferred:
            raise Unavailable(
                f"{len(deferred)} letters wait: sweep again. Of the first: {deferred[0]}",
                owner="callvault",
            )
        return self.report()

    async def _require_answers(self, letters: int) -> None:
        """Raise `Unavailable` if the store was away for so many letters, or Temporal is now."""
        if len(self._unread) == letters:
            raise Unavailable(self._unread[0], owner="callvault")
        await self.intake.check()

    def report(self) -> SweepReport:
        """Return what was done so far."""
        return SweepReport(
            location=self.store.location,
            dead_letters=self._count["letters"],
            delivered=self._count[Disposition.DELIVERED],
            ignored=self._count[Disposition.IGNORED],
            not_understood=self._count[Disposition.NOT_UNDERSTOOD],
            failed=self._count["failed"],
            problems=tuple(self._problems[:MAX_LISTED]),
        )

    def interrupted_by(self, error: CallvaultError) -> SweepReport:
        """Return what was done until an error ended the sweep, and that error."""
        return self.report().model_copy(update={"problem": shorten(str(error), 500)})

    async def _sweep(self, dead_letter: DeadLetter) -> str:
        """Return why the letter has to wait; empty if it has not."""
        self._count["letters"] += 1
        try:
            return await self._deliver(dead_letter)
        except InvalidRequest as error:
            self._not_understood(dead_letter, str(error))
        except _TRANSIENT as error:
            self._unread.append(str(error))
            return str(error)
        except CallvaultError as error:
            self._failed(dead_letter, str(error))
        except Exception as error:
            # One letter, whatever it holds, must not end the sweep of all others.
            log.exception(
                "an error of ours", location=self.store.location, dead_letter=dead_letter.name
            )
            self._failed(dead_letter, f"an error of Callvault's own: {type(error).__name__}")
        return ""

    async def _deliver(self, dead_letter: DeadLetter) -> str:
        """Return why the letter has to wait; empty if it has not."""
        delivery = await asyncio.to_thread(self.store.read, dead_letter)
        outcomes = await self.intake.deliver(delivery.events())
        for outcome in with_disposition(outcomes, Disposition.WAITING):
            # Nothing is counted: the whole letter comes again, its other events too.
            return outcome.problem
        for outcome in outcomes:
            self._note(dead_letter, outcome)
        if not with_disposition(outcomes, Disposition.NOT_UNDERSTOOD):
            log.info(
                "swept",
                location=self.store.location,
                dead_letter=dead_letter.name,
                why=_reason(outcomes),
            )
            await self._mark(dead_letter)
        return ""

    async def _mark(self, dead_letter: DeadLetter) -> None:
        try:
            await asyncio.to_thread(self.store.mark_delivered, dead_letter)
        except _TRANSIENT:
            raise
        except CallvaultError as error:
            self._failed(dead_letter, f"delivered, but not marked: {error}")

    def _note(self, dead_letter: DeadLetter, outcome: EventOutcome) -> None:
        if outcome.disposition is Disposition.NOT_UNDERSTOOD:
            self._not_understood(dead_letter, outcome.problem)
        else:
            self._count[outcome.disposition] += 1

    def _not_understood(self, dead_letter: DeadLetter, problem: str) -> None:
        self._count[Disposition.NOT_UNDERSTOOD] += 1
        self._add_problem("not understood", dead_letter, problem)

    def _failed(self, dead_letter: DeadLetter, problem: str) -> None:
        self._count["failed"] += 1
        self._add_problem("a letter could not be swept", dead_letter, problem)

    def _add_problem(self, what: str, dead_letter: DeadLetter, problem: str) -> None:
        self._problems.append(shorten(f"{dead_letter.name}: {problem}", 500))
        log.warning(
            what, location=self.store.location, dead_letter=dead_letter.name, problem=problem
        )


def _next(pending: Iterator[DeadLetter]) -> list[DeadLetter]:
    return list(islice(pending, MAX_CONCURRENT_READS))


def _reason(outcomes: list[EventOutcome]) -> str:
    """Return why Event Grid gave the events up, as far as it says."""
    # CloudEvents spell the key in lower case.
    reasons = (
        outcome.raw.get("deadLetterReason") or outcome.raw.get("deadletterreason") or ""
        for outcome in outcomes
    )
    return ", ".join(sorted({shorten(str(reason), 100) for reason in reasons if reason}))
