"""The verdict on one recording, by a source's account and the archives' contents."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from callvault.causes import Cause, blame_in
from callvault.contracts.reconciliation import Verdict
from callvault.reconcile.records import ExpectedObject, Record


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """The reason why an object is not in the archive as it should be."""

    what: str
    is_unknown: bool = False
    """True if the archive did not answer, so that the object may well be there."""
    is_erased: bool = False
    """True if a record in the archive says that it was erased."""


Discrepancies = Mapping[ExpectedObject, Discrepancy]
"""The claims that do not hold; all others do."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, with its reason and the objects it is about."""

    verdict: Verdict
    what: str = ""
    objects: tuple[str, ...] = ()


def judge(record: Record, discrepancies: Discrepancies) -> Judgement:
    """Judge a recording: first by the contents of its archive, then by its state."""
    wrong = {
        expected: discrepancies[expected]
        for expected in record.expected_objects
        if expected in discrepancies
    }
    # Before the unknown: one object that is surely gone decides.
    erased = {expected: why for expected, why in wrong.items() if why.is_erased}
    left = {expected: why for expected, why in wrong.items() if not why.is_erased}
    if gone := {expected: why for expected, why in left.items() if not why.is_unknown}:
        return _about(Verdict.MISSING, gone)
    if left:
        return _about(Verdict.UNKNOWN, left)
    if erased:
        return _about(Verdict.ERASED, erased)
    # By the value: a state that only a newer worker knows is no error.
    decide = _BY_STATE.get(record.state, _going_on)
    return decide(record)


def _about(verdict: Verdict, wrong: Mapping[ExpectedObject, Discrepancy]) -> Judgement:
    sentences = "; ".join(f"{expected}: {why.what}" for expected, why in wrong.items())
    return Judgement(verdict, sentences, tuple(map(str, wrong)))


def _archived(record: Record) -> Judgement:
    if record.manifest is not None:
        return Judgement(Verdict.COMPLETE)
    names = tuple(map(str, record.expected_objects))
    if not record.is_over and record.unsealed:
        return Judgement(Verdict.MISSING, record.unsealed, names)
    if not record.is_over:
        return Judgement(Verdict.OPEN)
    return Judgement(Verdict.MISSING, "it was archived and has no manifest", names)


def _lost(record: Record) -> Judgement:
    verdict = Verdict.PARTIAL if record.files else Verdict.LOST
    archived = f"{len(record.files)} of {record.announced} announced files are archived"
    return Judgement(verdict, "; ".join(filter(None, (record.problem, archived))))


def _failed_to_start(record: Record) -> Judgement:
    why = f": {record.problem}" if record.problem else ""
    if blame_in(record.problem).cause is Cause.UNKNOWN_CALL:
        return Judgement(Verdict.NO_SUCH_CALL, f"it was asked for, of no call of ACS{why}")
    return Judgement(Verdict.MISSING, f"it was asked for and did not begin{why}")


def _unknown(record: Record) -> Judgement:
    return Judgement(Verdict.UNKNOWN, record.problem)


def _going_on(record: Record) -> Judgement:
    if not record.is_over:
        return Judgement(Verdict.OPEN)
    why = record.problem or "its workflow ended before it did"
    return Judgement(Verdict.MISSING, f"it was {record.state.replace('_', ' ')}: {why}")


_BY_STATE: Mapping[str, Callable[[Record], Judgement]] = {
    "archived": _archived,
    "lost": _lost,
    "failed_to_start": _failed_to_start,
    "declined": lambda record: Judgement(Verdict.DECLINED, record.problem),
    "empty": lambda _: Judgement(Verdict.EMPTY),
    "erased": lambda record: Judgement(Verdict.ERASED, record.problem),
    "": _unknown,
}

_BEST_FIRST = (
    Verdict.COMPLETE,
    Verdict.OPEN,
    Verdict.DECLINED,
    Verdict.NO_SUCH_CALL,
    Verdict.EMPTY,
    Verdict.ERASED,
    Verdict.PARTIAL,
    Verdict.LOST,
    Verdict.UNKNOWN,
    Verdict.MISSING,
)


def best(judged: Iterable[tuple[Record, Judgement]]) -> tuple[Record, Judgement]:
    """Choose, of several archives that hold a recording, the one that holds most of it."""
    return min(judged, key=lambda pair: _BEST_FIRST.index(pair[1].verdict))
