"""Intervals: times joined, cut out of others, and left over, at each touch of two ends."""

import pytest

from callvault.contracts.silence import SilenceAccount
from workflows.call import intervals
from workflows.call.intervals import FOREVER, Span

from .facts import at, doubtful, seconds, silent

Ends = tuple[float, float | None]


def spans(*ends: Ends) -> list[Span]:
    return [Span(at(since), FOREVER if until is None else at(until)) for since, until in ends]


def ends_of(found: list[Span]) -> list[Ends]:
    return [
        (seconds(each.since), None if each.until == FOREVER else seconds(each.until))
        for each in found
    ]


@pytest.mark.parametrize(
    ("cut", "left"),
    [
        ([], [(5, 9)]),
        ([(1, 3)], [(5, 9)]),
        ([(1, 5)], [(5, 9)]),
        ([(1, 6)], [(6, 9)]),
        ([(5, 6)], [(6, 9)]),
        ([(6, 7)], [(5, 6), (7, 9)]),
        ([(6, 9)], [(5, 6)]),
        ([(6, None)], [(5, 6)]),
        ([(9, 12)], [(5, 9)]),
        ([(11, 12)], [(5, 9)]),
        ([(5, 9)], []),
        ([(1, None)], []),
        ([(6, 8), (6, 7)], [(5, 6), (8, 9)]),
        ([(5, 6), (7, 8)], [(6, 7), (8, 9)]),
    ],
)
def test_what_is_outside_of_others_is_left_over(cut: list[Ends], left: list[Ends]) -> None:
    [whole] = spans((5, 9))
    assert ends_of(list(intervals.outside(spans(*cut), whole))) == left


@pytest.mark.parametrize(
    ("given", "inside"),
    [
        ([], []),
        ([(1, 5)], []),
        ([(1, 6)], [(5, 6)]),
        ([(6, 7), (8, 12)], [(6, 7), (8, 9)]),
        ([(9, 12)], []),
        ([(1, None)], [(5, 9)]),
    ],
)
def test_what_lies_within_another_is_cut_to_it(given: list[Ends], inside: list[Ends]) -> None:
    [whole] = spans((5, 9))
    assert ends_of(list(intervals.within(spans(*given), whole))) == inside


def test_what_is_open_lasts_for_ever() -> None:
    assert intervals.span_of(silent(3)) == Span(at(3), FOREVER)
    assert intervals.span_of(doubtful(3, 4)) == Span(at(3), at(4))


@pytest.mark.parametrize(
    ("given", "joined"),
    [
        ([(1, 3), (4, 5)], [(1, 3), (4, 5)]),
        ([(1, 3), (3, 5)], [(1, 5)]),
        ([(1, 4), (2, 3)], [(1, 4)]),
        ([(4, 5), (1, 4)], [(1, 5)]),
        ([(1, None), (2, 3)], [(1, None)]),
        ([(1, 3), (2, None)], [(1, None)]),
        ([(1, 3), (2, None), (9, 10)], [(1, None)]),
        ([(3, 3)], [(3, 3)]),
        ([(1, 3), (3, 3)], [(1, 3)]),
    ],
)
def test_what_overlaps_or_touches_is_joined(given: list[Ends], joined: list[Ends]) -> None:
    found = intervals.merged(doubtful(*ends) for ends in given)
    assert [(seconds(each.since), seconds(each.until)) for each in found] == joined


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_what_is_joined_is_a_finding_if_a_part_of_it_was(first: bool, second: bool) -> None:
    parts = [doubtful(1, 3, first), doubtful(2, 4, second)]
    [joined] = intervals.merged(parts)
    assert joined.is_finding is (first or second)
    assert (parts[0].until, parts[0].is_finding) == (at(3), first), "what was given is not changed"


def test_what_has_no_length_is_left_out() -> None:
    kept = intervals.without_empty([doubtful(1, 1), doubtful(1, 2), doubtful(3)])
    assert kept == [doubtful(1, 2), doubtful(3)]


@pytest.mark.parametrize(
    ("doubt", "left"),
    [
        ((1, 3), [(1, 3)]),
        ((1, 5), [(1, 5)]),
        ((1, 9), [(1, 5)]),
        ((5, 9), [(5, 5)]),
        ((6, 9), []),
        ((6, None), []),
        ((5, None), [(5, 5)]),
        ((1, None), [(1, 5)]),
    ],
)
def test_a_proof_ends_what_was_unconfirmed_for_want_of_it(doubt: Ends, left: list[Ends]) -> None:
    account = SilenceAccount(unconfirmed=[doubtful(*doubt)])
    intervals.prove(account, silent(5))
    assert account.silent == [silent(5)]
    found = [(seconds(each.since), seconds(each.until)) for each in account.unconfirmed]
    assert found == left


@pytest.mark.parametrize(
    ("doubts", "left"),
    [
        ([(1, 2)], [(4, None)]),
        ([(5, 6)], [(4, 5), (6, None)]),
        ([(3, 5)], [(5, None)]),
        ([(5, None)], [(4, 5)]),
        ([(5, 5)], [(4, None)]),
        ([(1, None)], []),
    ],
)
def test_no_silence_is_claimed_in_what_is_doubted(doubts: list[Ends], left: list[Ends]) -> None:
    account = SilenceAccount(silent=[silent(4)])
    intervals.doubt(account, [doubtful(*ends) for ends in doubts])
    assert [(seconds(each.since), seconds(each.until)) for each in account.silent] == left
    assert len(account.unconfirmed) == len(doubts)
