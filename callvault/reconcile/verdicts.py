"""The verdict on one recording, by a source's account and the archives' contents."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from callvault.contracts.reconciliation import Verdict
from callvault.reconcile.records import Account, Claim


@dataclass(frozen=True, slots=True)
class Amiss:
    """The reason why an object is not in the archive as it should be."""

    what: str
    is_unknown: bool = False
    """True if the archive did not answer, so that the object may well be there."""


Amisses = Mapping[Claim, Amiss]
"""The claims that do not hold; all others do."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, with its reason and the objects it is about."""

    verdict: Verdict
    what: str = ""
    objects: tuple[str, ...] = ()


def judge(account: Account, amiss: Amisses) -> Judgement:
    """Judge a recording: first by the contents of its archive, then by its state."""
    wrong = {claim: amiss[claim] for claim in account.claims if claim in amiss}
    if gone := {claim: why for claim, why in wrong.items() if not why.is_unknown}:
        return _about(Verdict.MISSING, gone)
    if wrong:
        return _about(Verdict.UNKNOWN, wrong)
    # By the value: a state that only a newer worker knows is no error.
    decide = _BY_STATE.get(account.state, _going_on)
    return decide(account)


def _about(verdict: Verdict, wrong: Mapping[Claim, Amiss]) -> Judgement:
    sentences = "; ".join(f"{claim}: {why.what}" for claim, why in wrong.items())
    return Judgement(verdict, sentences, tuple(map(str, wrong)))


def _archived(account: Account) -> Judgement:
    if account.manifest is not None:
        return Judgement(Verdict.COMPLETE)
    if not account.is_over:
        return Judgement(Verdict.OPEN)
    names = tuple(map(str, account.claims))
    return Judgement(Verdict.MISSING, "it was archived and has no manifest", names)


def _lost(account: Account) -> Judgement:
    verdict = Verdict.PARTIAL if account.files else Verdict.LOST
    kept = f"{len(account.files)} of {account.announced} announced files are archived"
    return Judgement(verdict, "; ".join(filter(None, (account.problem, kept))))


def _failed_to_start(account: Account) -> Judgement:
    why = f": {account.problem}" if account.problem else ""
    return Judgement(Verdict.MISSING, f"it was asked for and did not begin{why}")


def _untold(account: Account) -> Judgement:
    return Judgement(Verdict.UNKNOWN, account.problem)


def _going_on(account: Account) -> Judgement:
    if not account.is_over:
        return Judgement(Verdict.OPEN)
    why = account.problem or "its workflow ended before it did"
    return Judgement(Verdict.MISSING, f"it was {account.state.replace('_', ' ')}: {why}")


_BY_STATE: Mapping[str, Callable[[Account], Judgement]] = {
    "archived": _archived,
    "lost": _lost,
    "failed_to_start": _failed_to_start,
    "declined": lambda account: Judgement(Verdict.DECLINED, account.problem),
    "empty": lambda _: Judgement(Verdict.EMPTY),
    "": _untold,
}

_BEST_FIRST = (
    Verdict.COMPLETE,
    Verdict.OPEN,
    Verdict.DECLINED,
    Verdict.EMPTY,
    Verdict.PARTIAL,
    Verdict.LOST,
    Verdict.UNKNOWN,
    Verdict.MISSING,
)


def best(judged: Iterable[tuple[Account, Judgement]]) -> tuple[Account, Judgement]:
    """Choose, of several archives that hold a recording, the one that holds most of it."""
    return min(judged, key=lambda pair: _BEST_FIRST.index(pair[1].verdict))
