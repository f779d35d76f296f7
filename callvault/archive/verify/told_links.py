"""Links that were told outside an archive, compared with its chain: cut, changed, forked.

A link holds the hash of the one before: whoever knows one knows all before it. So one told link
that is not in the chain proves that what was sealed up to it was changed, whatever the signatures
say: the chain may have been signed anew with the real key.

The kinds are told by the times that documents state. Who has the key can lie about these; that
something was changed does not depend on them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from callvault.contracts.manifest import LinkReference


@dataclass(frozen=True, slots=True)
class ToldLink:
    """A link, as something outside the archive tells it."""

    link: LinkReference
    source: str
    """The one who tells it, for a sentence: ``the checkpoint of 2026-03-02 12:00 UTC``."""
    at: datetime | None = None
    """Time at which it was told, where that is known."""


class Chain(Protocol):
    """A chain as it was seen."""

    @property
    def end(self) -> int:
        """Number of its last link; 0 where there is none."""

    def sha256(self, sequence: int) -> str | None:
        """Return the hash of a link; None where it is missing or damaged, which is told apart."""

    def sealed_at(self, sequence: int) -> datetime | None:
        """Return when it was sealed, by what it names; None where that cannot be read."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One sentence about a link that was told and is not in the chain."""

    sequence: int
    text: str


def contradictions(told: Sequence[ToldLink], chain: Chain) -> Iterator[Contradiction]:
    """Compare; one sentence for each kind of fault, about the earliest link that shows it."""
    yield from _cut(told, chain)
    within = [each for each in told if each.link.sequence <= chain.end]
    seen = [(each, chain.sha256(each.link.sequence)) for each in within]
    there = [each for each, found in seen if found == each.link.sha256]
    others = [each for each, found in seen if found not in {None, each.link.sha256}]
    if others:
        first = min(others, key=lambda each: each.link.sequence)
        yield _changed(first, there, chain, len(others) - 1)
    yield from _contradicting(told)


def _cut(told: Sequence[ToldLink], chain: Chain) -> Iterator[Contradiction]:
    beyond = [each for each in told if each.link.sequence > chain.end]
    if beyond:
        first = min(beyond, key=lambda each: each.link.sequence)
        number = first.link.sequence
        ends = f"ends at link {chain.end}" if chain.end else "is gone"
        yield Contradiction(
            number,
            f"link {number} was seen before ({first.source}), and the chain {ends}: the chain's end"
            f" was cut off, or an older copy of the archive was put back{_more(len(beyond) - 1)}",
        )


def _changed(
    first: ToldLink, there: Sequence[ToldLink], chain: Chain, others: int
) -> Contradiction:
    number = first.link.sequence
    text = f"link {number} was seen before with SHA-256 {first.link.sha256} ({first.source})"
    sealed_at = chain.sealed_at(number)
    after = next((each for each in there if each.link.sequence >= number), None)
    before = max((each.link.sequence for each in there if each.link.sequence < number), default=0)
    since = f"link {before}" if before else "its beginning"
    if first.at and sealed_at and sealed_at > first.at:
        what = (
            f"and the one there now was sealed after that, at {_moment(sealed_at)}: the archive was"
            f" set back to an older state, no older than {since}, and went on from there"
        )
    elif after is not None:
        what = (
            f"and link {after.link.sequence}, which is in the chain, was seen too"
            f" ({after.source}): two chains were shown, a fork after {since}"
        )
    else:
        what = (
            f"and is another one now: the chain was rewritten after {since}, by somebody who can"
            " sign, or this is another archive"
        )
    return Contradiction(number, f"{text}, {what}{_more(others)}")


def _contradicting(told: Sequence[ToldLink]) -> Iterator[Contradiction]:
    """Find the first two that tell different links of one number, whatever the archive holds."""
    known: dict[int, ToldLink] = {}
    for each in sorted(told, key=lambda each: each.link.sequence):
        before = known.setdefault(each.link.sequence, each)
        if before.link != each.link:
            yield Contradiction(
                each.link.sequence,
                f"two different links {each.link.sequence} were shown, by {before.source} and by"
                f" {each.source}: a fork",
            )
            return


def _more(count: int) -> str:
    return f" ({count} more that were seen are not there either)" if count else ""


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
