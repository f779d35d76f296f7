"""Times of withdrawals, comings and goings that told none: what of a recording they move."""

from typing import Any

import pytest

from callvault.contracts.consent import (
    ConsentHold,
    ConsentRecord,
    ConsentTerms,
    DeletionMark,
    Presence,
)
from callvault.contracts.signal_times import UntimedSignal
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.call.pauses import GATE

from .facts import A_SEAL, a_call, at, at_or_none, doubts_of, seconds
from .test_consent import ANA, BEN, CEM, here, said
from .test_signal_times import POLICY, SEEN, a_signal, find, recorded, seen_request

CAME = 10
JOINED = a_signal(ANA, "presence", name="participant_changed", joined=True)
LEFT = a_signal(ANA, "presence", name="participant_changed", joined=False)
WITHDREW = a_signal(ANA, "withdrawal", name="consent")

Ends = tuple[float, float | None]


def over(
    *holds: Ends, policy: str | None = None, marks: tuple[DeletionMark, ...] = (), **facts: Any
) -> RecordingStatus:
    """Make a recording that is over: it is not held back for anything any more."""
    recording = recorded(wanted="stopped", actual="stopped", **facts)
    recording.consent = ConsentTerms(consent_policy=policy)
    recording.holds = [
        ConsentHold(since=at(since), until=at_or_none(until), reason="Ana is missing")
        for since, until in holds
    ]
    recording.marked = list(marks)
    return recording


def a_state(
    *recordings: RecordingStatus,
    people: tuple[Presence, ...] | None = None,
    consents: tuple[ConsentRecord, ...] = (),
    **facts: Any,
) -> CallStatus:
    stays = (here(ANA, joined=SEEN),) if people is None else people
    lists = {"participants": list(stays), "consents": list(consents)}
    return a_call(*recordings, policy=POLICY, **lists, **facts)


def doubts(recording: RecordingStatus) -> list[tuple[float | None, float | None]]:
    return [each[:2] for each in doubts_of(recording)]


# Who came, left or withdrew.


@pytest.mark.parametrize(
    ("came", "since"), [(None, SEEN), (SEEN + 1, SEEN), (SEEN, SEEN), (SEEN - 1, SEEN - 1)]
)
def test_only_what_came_before_it_was_seen_moves_anything(came: float | None, since: float) -> None:
    recording = over((SEEN, 25))
    status = a_state(recording, consents=(said(False, decided=SEEN),))
    find(status, WITHDREW, came)
    assert seconds(status.consents[0].decided_at) == since
    find(status, JOINED, came)
    assert seconds(status.participants[0].joined_at) == since
    assert seconds(recording.holds[0].since) == since
    assert recording.sealed == (A_SEAL if since == SEEN else None)


@pytest.mark.parametrize(
    ("record", "decided"),
    [
        (said(False, decided=SEEN), CAME),
        (said(True, decided=SEEN), SEEN),
        (said(False, BEN, decided=SEEN), SEEN),
        (said(False, decided=15, received=SEEN), 15),
        (said(False, decided=SEEN, received=19), SEEN),
        (said(False, decided=19), 19),
    ],
)
def test_a_withdrawal_was_decided_when_it_came_unless_it_told_a_time(
    record: ConsentRecord, decided: float
) -> None:
    received = record.received_at
    status = a_state(over(), consents=(record,))
    find(status, WITHDREW, CAME)
    assert (seconds(record.decided_at), record.received_at) == (decided, received)
    assert seconds(status.participants[0].joined_at) == SEEN, "it tells of no coming"


@pytest.mark.parametrize(
    ("signal", "who", "before", "after"),
    [
        (JOINED, ANA, (SEEN, None), (CAME, None)),
        (JOINED, ANA, (SEEN, 25), (CAME, 25)),
        (JOINED, ANA, (19, None), (19, None)),
        (JOINED, ANA, (5, SEEN), (5, SEEN)),
        (LEFT, ANA, (SEEN, None), (SEEN, None)),
        (LEFT, ANA, (5, SEEN), (5, CAME)),
        (LEFT, ANA, (None, SEEN), (None, CAME)),
        (LEFT, ANA, (15, SEEN), (15, 15)),
        (LEFT, ANA, (5, 19), (5, 19)),
        (JOINED, ANA, (SEEN, SEEN), (CAME, SEEN)),
        (JOINED, BEN, (SEEN, None), (SEEN, None)),
        (LEFT, BEN, (5, SEEN), (5, SEEN)),
    ],
)
def test_a_coming_or_going_was_when_word_of_it_came(
    signal: UntimedSignal, who: str, before: tuple[Any, Any], after: tuple[Any, Any]
) -> None:
    stay, refusal = here(who, joined=before[0], left=before[1]), said(False, decided=SEEN)
    find(a_state(over(), people=(stay,), consents=(refusal,)), signal, CAME)
    assert (seconds(stay.joined_at), seconds(stay.left_at)) == after
    assert seconds(refusal.decided_at) == SEEN, "it tells of no decision"


@pytest.mark.parametrize(
    ("earlier", "is_kept"),
    [
        (here(joined=5, left=CAME + 1), False),
        (here(joined=None, left=CAME + 1), False),
        (here(joined=CAME, left=CAME + 1), False),
        # They came again after they had left.
        (here(joined=5, left=CAME), True),
        (here(joined=CAME + 1, left=CAME + 2), True),
        (here(joined=5), True),
        (here(BEN, joined=5, left=CAME + 1), True),
        (here(joined=5, left=CAME + 1).model_copy(update={"connection": "d"}), True),
    ],
)
def test_a_coming_within_a_stay_that_has_ended_was_told_twice(
    earlier: Presence, is_kept: bool
) -> None:
    status = a_state(over(), people=(earlier, here(joined=SEEN)))
    find(status, JOINED, CAME)
    assert len(status.participants) == 1 + is_kept


def by(connection: str, joined: float | None, left: float | None = None) -> Presence:
    return here(ANA, joined=joined, left=left).model_copy(update={"connection": connection})


@pytest.mark.parametrize(
    ("signals", "stays", "after"),
    [
        # Away between ten and twelve, and again from fourteen to sixteen.
        (
            [(LEFT, "", 10), (JOINED, "", 12), (LEFT, "", 14), (JOINED, "", 16)],
            [("", 5, SEEN), ("", SEEN, SEEN), ("", SEEN, None)],
            [(5, 10), (12, 14), (16, None)],
        ),
        # The laptop is there before the telephone is gone.
        (
            [(JOINED, "laptop", 10), (LEFT, "phone", 12)],
            [("phone", 5, SEEN), ("laptop", SEEN, None)],
            [(5, 12), (10, None)],
        ),
        # Of two that left, each at its own time; or both, where nobody tells of devices.
        (
            [(LEFT, "laptop", 10), (LEFT, "phone", 12)],
            [("phone", 5, SEEN), ("laptop", 6, SEEN)],
            [(5, 12), (6, 10)],
        ),
        ([(LEFT, "", 10)], [("phone", 5, SEEN), ("laptop", 6, SEEN)], [(5, 10), (6, 10)]),
        (
            [(LEFT, "phone", 10), (JOINED, "phone", 11), (LEFT, "phone", 12)],
            [("phone", 5, SEEN), ("phone", SEEN, SEEN)],
            [(5, 10), (11, 12)],
        ),
    ],
)
def test_comings_and_goings_that_one_task_saw_each_have_their_own_time(
    signals: list[tuple[UntimedSignal, str, float]],
    stays: list[tuple[str, float, float | None]],
    after: list[tuple[float, float | None]],
) -> None:
    people = tuple(by(*stay) for stay in stays)
    status = a_state(over(), people=people)
    for signal, connection, came in signals:
        find(status, signal.model_copy(update={"connection": connection}), came)
    assert [(seconds(stay.joined_at), seconds(stay.left_at)) for stay in people] == after


# What was recorded meanwhile.


@pytest.mark.parametrize(
    ("policy", "signal", "stay", "why"),
    [
        ("all_parties", JOINED, here(ANA, joined=SEEN), "joined, who had not agreed"),
        ("all_parties", LEFT, here(ANA, joined=5, left=SEEN), None),
        ("any_party", LEFT, here(ANA, joined=5, left=SEEN), "left, who alone had agreed"),
        ("any_party", JOINED, here(ANA, joined=SEEN), None),
        ("any_party", JOINED, here(ANA, joined=19), None),
        ("any_party", LEFT, here(BEN, joined=5, left=SEEN), None),
        ("any_party", WITHDREW, here(ANA, joined=5, left=SEEN), None),
    ],
)
def test_a_time_without_consent_is_unconfirmed_that_a_coming_or_going_reveals(
    policy: str, signal: Any, stay: Presence, why: str | None
) -> None:
    recordings = over(policy=policy), over(policy=policy, number=2)
    # Somebody is left who has not agreed.
    find(a_state(*recordings, people=(stay, here(CEM, joined=1))), signal, CAME)
    for recording in recordings:
        assert doubts(recording) == ([(CAME, SEEN)] if why else [])
        assert all(each.reason.endswith(why or "") for each in recording.silence.unconfirmed)


def test_what_a_hold_covers_once_it_is_moved_is_unconfirmed_for_the_hold_alone() -> None:
    recording = over((SEEN, 25), policy="all_parties")
    find(a_state(recording), JOINED, CAME)
    [doubt] = recording.silence.unconfirmed
    assert doubt.reason == "it was held back: Ana is missing"


# Holds and marks.


@pytest.mark.parametrize(
    ("came", "holds", "begins"),
    [
        (CAME, [(SEEN, 25)], [CAME]),
        (CAME, [(19, 25)], [19]),
        (5, [(SEEN, 25)], [5]),
        (4, [(SEEN, 25)], [5]),
        (CAME, [(6, 15), (SEEN, 25)], [6, 15]),
        (CAME, [(6, CAME), (SEEN, 25)], [6, CAME]),
        (CAME, [(6, 8), (SEEN, 25)], [6, CAME]),
        (CAME, [(6, None), (SEEN, 25)], [6, CAME]),
        (CAME, [(SEEN, 22), (23, 25)], [CAME, 23]),
        (4, [(4, 4), (SEEN, 25)], [4, 5]),
    ],
)
@pytest.mark.parametrize("signal", [JOINED, WITHDREW])
def test_a_hold_begins_when_its_signal_came_but_after_the_one_before(
    signal: Any, came: float, holds: list[Ends], begins: list[float]
) -> None:
    recording = over(*holds)
    find(a_state(recording), signal, came)
    assert [seconds(hold.since) for hold in recording.holds] == begins
    moved = [(begin, SEEN) for begin, hold in zip(begins, holds, strict=True) if hold[0] == SEEN]
    assert doubts(recording) == moved


@pytest.mark.parametrize(
    ("facts", "counts_from"),
    [
        ({}, CAME),
        ({"who": "ana"}, SEEN),
        ({"recording": 2}, SEEN),
        ({"operation": "resume"}, SEEN),
        ({"received_at": at(SEEN + 1)}, SEEN),
        ({"received_at": at(SEEN - 1)}, SEEN),
    ],
)
def test_the_pause_that_a_hold_asked_for_counts_from_when_it_begins(
    facts: dict[str, Any], counts_from: float
) -> None:
    record = seen_request(**{"who": GATE, **facts})
    status = a_state(over((SEEN, 25)), over(number=2), requests={"gate": record})
    find(status, JOINED, CAME)
    assert seconds(record.requested_at) == counts_from


@pytest.mark.parametrize(
    ("who", "since", "requested", "begins"),
    [
        (ANA, SEEN, 5, CAME),
        (ANA, SEEN, CAME, CAME),
        (ANA, SEEN, 15, 15),
        (ANA, 19, 5, 19),
        (BEN, SEEN, 5, SEEN),
    ],
)
def test_a_mark_begins_when_somebody_came_but_not_before_its_recording(
    who: str, since: float, requested: float, begins: float
) -> None:
    mark = DeletionMark(participant=who, since=at(since), marked_at=at(since))
    other = mark.model_copy()
    find(
        a_state(over(marks=(mark,), requested_at=at(requested)), over(marks=(other,), number=2)),
        JOINED,
        CAME,
    )
    assert seconds(mark.since) == begins
    assert seconds(other.since) == (CAME if begins < since else since)
