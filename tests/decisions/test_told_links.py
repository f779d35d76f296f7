"""Links that were told outside: which contradict the chain, and how that is said."""

import pytest

from callvault.archive.verify import told_links
from callvault.archive.verify.told_links import ToldLink
from callvault.contracts.manifest import LinkReference

from .facts import at, at_or_none


class AChain:
    """A chain whose links have the hashes of these letters; ``.`` is a damaged one."""

    def __init__(self, letters: str, sealed: float | None = None) -> None:
        self._letters, self._sealed = letters, sealed
        self.end = len(letters)

    def sha256(self, sequence: int) -> str | None:
        letter = self._letters[sequence - 1]
        return None if letter == "." else hash_of(letter)

    def sealed_at(self, sequence: int):
        return at_or_none(self._sealed)


def hash_of(letter: str) -> str:
    return f"{ord(letter):x}" * 32


def told(*links: str, when: float | None = None) -> list[ToldLink]:
    """Tell links, each as its number and letter: ``2b``."""
    return [
        ToldLink(
            LinkReference(sequence=int(each[:-1]), sha256=hash_of(each[-1])),
            f"witness {number}",
            at_or_none(when),
        )
        for number, each in enumerate(links, 1)
    ]


def found(chain: AChain, links: list[ToldLink]) -> list[tuple[int, str]]:
    return [(each.sequence, each.text) for each in told_links.contradictions(links, chain)]


@pytest.mark.parametrize(
    ("chain", "links", "sequence", "says", "more"),
    [
        ("abc", ("4d",), 4, "the chain ends at link 3", ""),
        ("abc", ("5e", "4d"), 4, "(witness 2), and the chain ends", "(1 more that were seen"),
        ("", ("1a",), 1, "and the chain is gone", ""),
        ("abx", ("3c",), 3, "the chain was rewritten after its beginning", ""),
        ("abx", ("2b", "3c"), 3, "the chain was rewritten after link 2", ""),
        ("abx", ("1a", "2b", "3c"), 3, "the chain was rewritten after link 2", ""),
        ("axy", ("3c", "2b"), 2, "rewritten after its beginning", "(1 more that were seen"),
        ("axc", ("2b", "3c"), 2, "link 3, which is in the chain, was seen too (witness 2)", ""),
        ("axc", ("1a", "2b", "3c"), 2, "two chains were shown, a fork after link 1", ""),
    ],
)
def test_a_link_that_is_not_in_the_chain_is_said_with_what_happened(
    chain: str, links: tuple[str, ...], sequence: int, says: str, more: str
) -> None:
    [(number, text)] = found(AChain(chain), told(*links))
    assert number == sequence
    assert says in text
    assert (more in text) if more else ("more that were seen" not in text)


@pytest.mark.parametrize("links", [("3c",), ("1a", "2b", "3c"), (), ("2x",)])
def test_what_is_in_the_chain_or_damaged_there_is_no_contradiction(links: tuple[str, ...]) -> None:
    assert found(AChain("a.c"), told(*links)) == []


@pytest.mark.parametrize(
    ("sealed", "when", "is_set_back"),
    [(11, 10, True), (10, 10, False), (9, 10, False), (None, 10, False), (11, None, False)],
)
def test_what_was_sealed_after_another_was_told_shows_an_archive_that_was_set_back(
    sealed: float | None, when: float | None, is_set_back: bool
) -> None:
    links = told("1a", "3c", when=when)
    [(_, text)] = found(AChain("abx", sealed), links)
    assert ("was set back to an older state, no older than link 1" in text) is is_set_back
    if is_set_back:
        assert f"sealed after that, at {at(11):%Y-%m-%d %H:%M:%S} UTC" in text


@pytest.mark.parametrize(
    ("links", "sequences"),
    [
        (("2b", "2x"), [2]),
        (("3c", "3y", "2b", "2x"), [2]),
        (("2b", "2b", "3c"), []),
    ],
)
def test_two_links_of_one_number_are_a_fork_whatever_the_archive_holds(
    links: tuple[str, ...], sequences: list[int]
) -> None:
    chain = AChain("...")
    said = found(chain, told(*links))
    assert [number for number, _ in said] == sequences
    assert all("were shown, by witness" in text for _, text in said)
