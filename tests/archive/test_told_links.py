"""A link that was told outside and is not in the chain: each way to be wrong has its sentence."""

from datetime import datetime, timedelta

import pytest

from callvault.archive.verify.told_links import ToldLink, contradictions
from callvault.contracts.manifest import LinkReference
from tests.archive.sealed import NOON

HOUR = timedelta(hours=1)


class Seen:
    """A chain of links, each by a letter; they were sealed an hour apart."""

    def __init__(self, letters: str, *, damaged: int = 0, sealed: timedelta = HOUR) -> None:
        self._letters = letters
        self._damaged = damaged
        self._sealed = sealed

    @property
    def end(self) -> int:
        return len(self._letters)

    def sha256(self, sequence: int) -> str | None:
        return None if sequence == self._damaged else hash_of(self._letters[sequence - 1])

    def sealed_at(self, sequence: int) -> datetime | None:
        return NOON + sequence * self._sealed


def hash_of(letter: str) -> str:
    return f"{ord(letter):x}" * 32


def told(sequence: int, letter: str, *, at: datetime | None = None, by: str = "them") -> ToldLink:
    return ToldLink(LinkReference(sequence=sequence, sha256=hash_of(letter)), by, at)


def said(chain: Seen, *links: ToldLink) -> list[str]:
    return [each.text for each in contradictions(links, chain)]


def later(sequence: int, letter: str) -> ToldLink:
    """Tell a link when it was sealed for long."""
    return told(sequence, letter, at=NOON + 100 * HOUR)


def test_what_is_in_the_chain_is_no_contradiction() -> None:
    assert said(Seen("abc"), told(1, "a"), later(3, "c"), told(3, "c", by="others")) == []
    assert said(Seen("abc")) == []
    assert said(Seen("")) == []


def test_a_cut_names_the_first_missing_link_and_counts_the_others() -> None:
    [text] = said(Seen("ab"), later(2, "b"), later(5, "e"), later(3, "c"))
    assert text.startswith("link 3 was seen before (them), and the chain ends at link 2: the chain")
    assert "1 more" in text
    [gone] = said(Seen(""), told(1, "a"))
    assert "and the chain is gone" in gone
    assert "more" not in gone


def test_a_rewritten_chain_names_the_last_link_that_is_still_there() -> None:
    [text] = said(Seen("abxy"), later(1, "a"), later(2, "b"), later(4, "d"), later(3, "c"))
    assert text.startswith(f"link 3 was seen before with SHA-256 {hash_of('c')} (them)")
    assert "the chain was rewritten after link 2" in text
    assert "1 more" in text
    [whole] = said(Seen("xyz"), later(2, "b"))
    assert "the chain was rewritten after its beginning" in whole


@pytest.mark.parametrize(("sequence", "letter"), [(3, "x"), (4, "y")])
def test_a_fork_is_told_by_two_links_of_which_one_is_there(sequence: int, letter: str) -> None:
    texts = said(Seen("abxy"), later(2, "b"), later(3, "c"), later(sequence, letter))
    assert f"and link {sequence}, which is in the chain, was seen too" in texts[0]
    assert "a fork after link 2" in texts[0]
    assert len(texts) == (2 if sequence == 3 else 1)


def test_a_link_before_the_changed_one_is_no_fork() -> None:
    [text] = said(Seen("abx"), later(2, "b"), later(3, "c"))
    assert "rewritten" in text


def test_two_told_links_of_one_number_are_a_fork_whatever_is_there() -> None:
    [cut, fork] = said(Seen("a"), told(2, "b", by="one"), told(2, "c", by="other"))
    assert "cut off" in cut
    assert fork == "two different links 2 were shown, by one and by other: a fork"


def test_an_archive_that_was_set_back_went_on_after_the_link_was_told() -> None:
    [text] = said(Seen("abx"), later(2, "b"), told(3, "c", at=NOON + 2 * HOUR))
    assert "sealed after that, at 2026-03-02 15:00:00 UTC" in text
    assert "was set back to an older state, no older than link 2" in text
    [same] = said(Seen("abx"), told(3, "c", at=NOON + 3 * HOUR))
    assert "rewritten" in same
    [untold] = said(Seen("abx"), told(3, "c"))
    assert "rewritten" in untold


def test_a_damaged_link_is_told_as_such_and_not_as_rewritten() -> None:
    assert said(Seen("abc", damaged=2), later(2, "b"), later(3, "c")) == []


def test_a_cut_and_a_change_are_both_told() -> None:
    cut, changed = said(Seen("ax"), later(2, "b"), later(3, "c"))
    assert "ends at link 2" in cut
    assert "rewritten" in changed
