"""Is every combination of hold, retention and erasure decided as it was promised?"""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from callvault.contracts.hold_messages import HoldTarget
from callvault.contracts.holds import HoldAction, HoldRecord
from callvault.contracts.retention import AtEnd, OnErasure, RetentionTerms
from callvault.retention.decision import (
    Decision,
    Facts,
    Verdict,
    decide,
    end_of_retention,
    strictest,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KEPT, HELD, DUE, ERASE, REFUSED = Verdict


def hold(hold_id: str = "0" * 16, at: datetime = NOW - DAY) -> HoldRecord:
    return HoldRecord(
        object_name=f"holds/{hold_id}.json",
        archive="main",
        id=hold_id,
        action=HoldAction.PLACED,
        target=HoldTarget(recording_id="rec-1"),
        requested_by="counsel-1",
        reason="case 7",
        recorded_at=at,
        software="callvault",
        previous=None,
        signature=None,
    )


# The retention of the resource, and that of the request: none, over, running.
RETENTIONS = {"none": None, "over": DAY, "runs": 30 * DAY}
SEALED = {"not sealed": None, "sealed": NOW - 2 * DAY}

# Facts: sealed, open, held, believed (or a doubt is on its manifests), retention that counts (the
# longer one), at its end, erasure asked, answer to it. `-` is any value. The first row that fits is
# the promise.
TABLE = """
    -           -     held  -      -     -      -      -       held     a legal hold is on it
    -           -     -     doubt  -     -      asked  -       refused  it proves nothing
    -           -     -     doubt  -     -      -      -       kept     it proves nothing
    not sealed  -     -     -      -     -      asked  -       refused  it is not sealed yet
    not sealed  -     -     -      -     -      -      -       kept     it is not sealed yet
    -           open  -     -      -     -      asked  -       refused  workflow is still open
    -           open  -     -      -     -      -      -       kept     workflow is still open
    -           -     -     -      runs  -      asked  erase   erase    beats its retention
    -           -     -     -      runs  -      asked  refuse  refused  its retention runs until
    -           -     -     -      runs  -      -      -       kept     its retention runs until
    -           -     -     -      over  -      asked  -       erase    and its retention ended at
    -           -     -     -      none  -      asked  -       erase    and it has no retention
    -           -     -     -      over  erase  -      -       due      its retention ended at
    -           -     -     -      over  keep   -      -       kept     keeps what is over
    -           -     -     -      none  -      -      -       kept     nobody asked
"""
COLUMNS = (12, 6, 6, 7, 6, 7, 7, 8, 9)


def rows() -> list[tuple[list[str], str]]:
    found = []
    for line in filter(None, map(str.strip, TABLE.splitlines())):
        cells, rest = [], line
        for width in COLUMNS:
            cells.append(rest[:width].strip())
            rest = rest[width:]
        found.append((cells, rest.strip()))
    return found


COMBINATIONS = list(
    product(
        SEALED,
        ("open", "closed"),
        ("held", "free"),
        ("doubt", "believed"),
        RETENTIONS,
        RETENTIONS,
        AtEnd,
        ("asked", "not asked"),
        OnErasure,
    )
)


def longer(one: str, other: str) -> str:
    order = list(RETENTIONS)
    return max(one, other, key=order.index)


@pytest.mark.parametrize("combination", COMBINATIONS, ids=" ".join)
def test_every_combination_is_decided_by_the_first_row_that_fits(
    combination: tuple[str, ...],
) -> None:
    sealed, is_open, held, doubt, resource, request, at_end, asked, on_erasure = combination
    told = (sealed, is_open, held, doubt, longer(resource, request), at_end, asked, on_erasure)
    (*_, verdict), reason = next(
        (cells, reason)
        for cells, reason in rows()
        if all(cell in ("-", fact) for cell, fact in zip(cells, told, strict=False))
    )
    decision = decide(
        Facts(
            sealed_at=SEALED[sealed],
            terms=RetentionTerms(
                retention=RETENTIONS[resource],
                at_end=AtEnd(at_end),
                on_erasure=OnErasure(on_erasure),
            ),
            requested=RETENTIONS[request],
            holds=[hold()] if held == "held" else [],
            is_open=is_open == "open",
            erasure_asked=asked == "asked",
            doubt="it proves nothing" if doubt == "doubt" else "",
        ),
        NOW,
    )
    assert decision.verdict == verdict
    assert reason in decision.reason
    assert decision.erases is (verdict in ("due", "erase"))


def test_every_row_of_the_table_decides_something() -> None:
    assert len(COMBINATIONS) == 2 * 2 * 2 * 2 * 3 * 3 * 2 * 2 * 2
    assert {verdict for (*_, verdict), _ in rows()} == set(Verdict)


def decided(**facts: object) -> Decision:
    return decide(Facts(**{"sealed_at": NOW - DAY, **facts}), NOW)  # type: ignore[arg-type]


def test_retention_ends_at_its_last_moment_and_not_before() -> None:
    erases = RetentionTerms(retention=DAY, at_end=AtEnd.ERASE)
    assert decided(terms=erases).verdict is Verdict.DUE
    second = timedelta(seconds=1)
    assert decided(terms=erases, sealed_at=NOW - DAY + second).verdict is Verdict.KEPT


def test_a_request_can_lengthen_the_retention_and_never_shorten_it() -> None:
    terms = RetentionTerms(retention=10 * DAY)
    for requested, days in ((None, 10), (DAY, 10), (20 * DAY, 20)):
        facts = Facts(sealed_at=NOW, terms=terms, requested=requested)
        assert end_of_retention(facts) == NOW + days * DAY
    assert end_of_retention(Facts(sealed_at=NOW, requested=DAY)) == NOW + DAY


def test_a_retention_that_leaves_the_calendar_lasts_to_its_end() -> None:
    facts = Facts(sealed_at=NOW, requested=timedelta(days=3_650_000))
    ends = end_of_retention(facts)
    assert ends is not None
    assert ends.year == 9999
    assert decide(facts, NOW).verdict is Verdict.KEPT


def test_the_oldest_of_several_holds_is_named_and_the_others_are_counted() -> None:
    holds = [hold("b" * 16), hold("a" * 16, NOW - 5 * DAY), hold("c" * 16)]
    reason = decided(holds=holds).reason
    assert "case 7 (hold aaaaaaaaaaaaaaaa, by counsel-1, and 2 more)" in reason
    assert "more" not in decided(holds=holds[:1]).reason


@pytest.mark.parametrize(("asked", "verdict"), [(True, Verdict.REFUSED), (False, Verdict.KEPT)])
def test_a_recording_of_a_resource_that_nobody_knows_stays(asked: bool, verdict: Verdict) -> None:
    decision = decided(terms=None, erasure_asked=asked)
    assert (decision.verdict, decision.erases) == (verdict, False)
    assert "its resource is not in the settings" in decision.reason
    assert decided(terms=None, holds=[hold()]).verdict is Verdict.HELD


def test_of_several_decisions_the_one_that_keeps_most_counts() -> None:
    decisions = [Decision(verdict, "") for verdict in Verdict]
    order = []
    while decisions:
        order.append(strictest(decisions).verdict)
        decisions = [each for each in decisions if each.verdict is not order[-1]]
    assert order == [HELD, REFUSED, KEPT, DUE, ERASE]


def test_the_end_of_the_retention_is_told_with_the_decision() -> None:
    terms = RetentionTerms(retention=3 * DAY)
    kept = decided(terms=terms)
    assert (kept.until, "2026-03-04 12:00 UTC" in kept.reason) == (NOW + 2 * DAY, True)
