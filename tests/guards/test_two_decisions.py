"""Two refusals, and an agreement beside them: changes of these decisions once survived."""

from datetime import timedelta

import pytest

from callvault.contracts.consent import ConsentRecord
from tests.unit.call import NOON, Call, agreed, hashed
from workflows.call import consent

MINUTE = timedelta(minutes=1)


def decision(given: bool, decided: int, received: int) -> ConsentRecord:
    """Make a decision of Ana, with its times in minutes."""
    return ConsentRecord(
        participant=hashed("ana"),
        given=given,
        decided_at=NOON + decided * MINUTE,
        received_at=NOON + received * MINUTE,
    )


@pytest.mark.parametrize(
    ("refusals", "counts"),
    [
        ([], True),
        ([(0, 0)], True),
        ([(0, 0), (1, 1)], True),
        ([(0, 0), (30, 30)], False),
        ([(30, 30), (0, 0)], False),
        ([(10, 10)], False),
    ],
)
def test_an_agreement_in_joined_histories_counts_only_if_it_follows_every_refusal(
    refusals: list[tuple[int, int]], counts: bool
) -> None:
    call = Call()
    call.life.status.consents = [
        *(decision(False, *times) for times in refusals),
        decision(True, 10, 10),
    ]
    consent.recount(call.life.status)
    assert call.life.status.consents[-1].counts is counts
    assert all(record.counts for record in call.life.status.consents[:-1])


def test_of_two_who_lack_consent_the_first_says_since_when_it_is_missing() -> None:
    call = agreed()
    call.now += 9 * MINUTE
    call.joins("cem", at=NOON + 2 * MINUTE)
    call.joins("dan", at=NOON + 3 * MINUTE)
    since = consent.missing_since(call.life.status, call.recording.consent, NOON + 9 * MINUTE)
    assert since == NOON + 2 * MINUTE
