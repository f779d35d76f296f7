"""Holds: when a recording is held back, since when, and what ends that."""

from typing import Any

import pytest

from callvault.contracts.consent import Announcement, ConsentHold, ConsentRecord, DeletionMark
from callvault.contracts.states import RequestState
from callvault.contracts.status import CallStatus, ControlRecord, PauseRecord, RecordingStatus
from tests.policies import a_policy
from tests.unit.call import hashed
from workflows.call import consent_holds
from workflows.call.commands import Operation
from workflows.call.pauses import GATE
from workflows.call.request_records import Requests

from .facts import a_call, a_recording, at, at_or_none, seconds
from .test_consent import here, said

ANY = a_policy(consent={"consent_policy": "any_party"})
FREE = a_policy(consent={"consent_policy": "none"})
ANA, BEN = hashed("ana"), hashed("ben")
AGREED = {"consents": [said(True)], "participants": [here()]}


def a_hold(since: float, until: float | None = None) -> ConsentHold:
    return ConsentHold(since=at(since), until=at_or_none(until), reason="before")


def review(status: CallStatus, now: float = 9) -> str:
    return consent_holds.review(status, status.recordings[0], Requests(status), at(now))


def holds_of(recording: RecordingStatus) -> list[tuple[float | None, float | None]]:
    return [(seconds(hold.since), seconds(hold.until)) for hold in recording.holds]


def asked(status: CallStatus) -> list[tuple[str, str, float | None]]:
    return [
        (r.operation, r.requested_by, seconds(r.requested_at)) for r in status.requests.values()
    ]


@pytest.mark.parametrize(
    ("policy", "facts", "is_held"),
    [
        (ANY, {}, True),
        (FREE, {}, False),
        (None, {}, False),
        (ANY, {"origin": "announced"}, False),
        (ANY, {"actual": "stopped"}, False),
        (ANY, {"actual": "stopped", "looked_for_until": at(99)}, True),
        (ANY, {"wanted": "stopped"}, True),
    ],
)
def test_a_recording_without_consent_is_held_back_until_it_is_over(
    policy: Any, facts: dict[str, Any], is_held: bool
) -> None:
    status = a_call(a_recording(**facts), policy=policy)
    told = review(status)
    assert status.recordings[0].is_held is is_held
    assert told.startswith("held back, nobody who is known") if is_held else told == ""


@pytest.mark.parametrize(
    ("wanted", "requests"), [("active", [("pause", GATE, 9)]), ("paused", []), ("stopped", [])]
)
def test_a_hold_asks_for_a_pause_where_it_would_record(wanted: str, requests: list) -> None:
    status = a_call(a_recording(wanted=wanted), policy=ANY)
    review(status)
    assert asked(status) == requests
    assert [pause.requested_by for pause in status.recordings[0].pauses] == [r[1] for r in requests]


def test_a_hold_that_lasts_tells_what_is_lacking_now_and_asks_for_nothing_more() -> None:
    recording = a_recording(holds=[a_hold(5)])
    status = a_call(recording, policy=ANY, consents=[said(False, decided=3)])
    assert review(status) == ""
    assert holds_of(recording) == [(3, None)], "word came of what was missing earlier"
    assert recording.holds[0].reason.startswith("nobody who is known")
    assert status.requests == {}


def test_a_hold_that_lasts_begins_no_later_than_it_did() -> None:
    recording = a_recording(holds=[a_hold(5)])
    review(a_call(recording, policy=ANY))
    assert holds_of(recording) == [(5, None)]


@pytest.mark.parametrize(
    ("holds", "refused", "requested", "since"),
    [
        ([], None, 0, 9),
        ([], 3, 0, 3),
        ([], 3, 5, 5),
        ([], 99, 0, 9),
        ([a_hold(2, 6)], 3, 0, 6),
        ([a_hold(2, 6)], 7, 0, 7),
        ([a_hold(4, 6)], 3, 0, 3),
        ([a_hold(4, 6)], 4, 0, 6),
        ([a_hold(4, 6)], None, 0, 9),
        ([a_hold(1, 2), a_hold(4, 6)], 3, 0, 3),
    ],
)
def test_a_hold_begins_where_the_last_one_ended_unless_somebody_had_refused_before(
    holds: list[ConsentHold], refused: float | None, requested: float, since: float
) -> None:
    decisions: list[ConsentRecord] = [] if refused is None else [said(False, BEN, decided=refused)]
    recording = a_recording(holds=list(holds), requested_at=at(requested))
    review(a_call(recording, policy=ANY, consents=decisions))
    assert holds_of(recording)[-1] == (since, None)


@pytest.mark.parametrize(
    ("wanted", "says", "requests"),
    [
        ("active", "held back no longer, consent is given", [("resume", GATE, 9)]),
        ("paused", "consent is given, and it stays paused as was asked", []),
        ("stopped", "consent is given, and it stays stopped as was asked", []),
    ],
)
def test_with_consent_what_the_hold_paused_goes_on_and_nothing_else(
    wanted: str, says: str, requests: list
) -> None:
    own = PauseRecord(requested_by=GATE, reason="", requested_at=at(5), received_at=at(5))
    recording = a_recording(holds=[a_hold(5)], wanted=wanted, pauses=[own])
    if wanted == "paused":
        other = own.model_copy(update={"requested_by": "ana"})
        recording.pauses.append(other)
    status = a_call(recording, policy=ANY, **AGREED)
    assert review(status) == says
    assert asked(status) == requests
    assert holds_of(recording) == [(5, 9)]
    assert recording.holds[0].ended_by == "consent is given"
    assert [pause.is_open for pause in recording.pauses] == [False, *[True] * (wanted == "paused")]


@pytest.mark.parametrize(("before", "after"), [(None, 9), (4, 4)])
@pytest.mark.parametrize("is_held", [True, False])
def test_consent_was_given_when_it_was_first(
    before: float | None, after: float, is_held: bool
) -> None:
    recording = a_recording(
        consented_at=at_or_none(before), holds=[a_hold(5, None if is_held else 6)]
    )
    told = review(a_call(recording, policy=ANY, **AGREED))
    assert seconds(recording.consented_at) == after
    assert bool(told) is is_held


@pytest.mark.parametrize(
    ("within", "facts", "is_announced"),
    [
        (None, {"actual": "none"}, False),
        (9, {"actual": "none"}, True),
        (9, {"actual": "starting"}, False),
    ],
)
def test_an_announcement_is_to_be_made_before_a_recording_begins(
    within: float | None, facts: dict[str, Any], is_announced: bool
) -> None:
    policy = ANY.model_copy(update={"announce_within": None if within is None else at(9) - at(0)})
    recording = a_recording(**facts)
    review(a_call(recording, policy=policy))
    assert (recording.announcement is not None) is is_announced
    assert recording.consent.consent_policy == "any_party"
    if is_announced:
        assert seconds(recording.announcement.requested_at) == 9
        recording.announcement = known = Announcement(requested_at=at(1))
        review(a_call(recording, policy=policy))
        assert recording.announcement is known


def test_who_has_not_heard_the_announcement_holds_a_recording_back() -> None:
    recording = a_recording(joiners_left_out=1)
    assert "have not heard" in review(a_call(recording, policy=FREE))


@pytest.mark.parametrize(
    ("facts", "holds", "declined"),
    [
        ({}, [(5, 20)], "it ended without consent: before"),
        ({"was_active": True}, [(5, 20)], ""),
        ({"consented_at": at(1)}, [(5, 20)], ""),
        ({"problem": "start failed"}, [(5, 20)], ""),
        ({"declined": "nobody agreed"}, [(5, 20)], "nobody agreed"),
        ({"actual": "unknown"}, [(5, None)], ""),
        ({"looked_for_until": at(99)}, [(5, None)], ""),
    ],
)
def test_a_hold_ends_with_its_recording_which_was_declined_if_it_never_recorded(
    facts: dict[str, Any], holds: list, declined: str
) -> None:
    recording = a_recording(**{"actual": "stopped", "holds": [a_hold(5)], **facts})
    consent_holds.finish(recording, None, at(20))
    assert holds_of(recording) == holds
    assert recording.declined == declined
    if holds[0][1]:
        assert recording.holds[0].ended_by == "the recording is over"


def test_what_is_over_and_not_held_is_not_declined() -> None:
    recording = a_recording(actual="stopped", holds=[a_hold(5, 6)])
    consent_holds.finish(recording, at(20), at(20))
    assert (holds_of(recording), recording.declined) == ([(5, 6)], "")


def test_marks_end_with_a_recordings_sound_whether_or_not_it_is_held() -> None:
    mark = DeletionMark(participant=ANA, since=at(2), marked_at=at(2))
    recording = a_recording(marked=[mark])
    consent_holds.finish(recording, at(7), at(9))
    assert seconds(mark.until) == 7


@pytest.mark.parametrize(
    ("askers", "is_own"),
    [([], False), ([GATE], True), (["ana"], False), ([GATE, "ana"], False), ([GATE, GATE], True)],
)
def test_what_consent_alone_demands_is_its_own(askers: list[str], is_own: bool) -> None:
    known: dict[str, Any] = {
        "reason": "",
        "requested_at": at(1),
        "received_at": at(1),
        "recording": 1,
        "state": RequestState.PENDING,
    }
    pending = [ControlRecord(operation="pause", requested_by=who, **known) for who in askers]
    pending.append(ControlRecord(operation="resume", requested_by="ben", **known))
    assert consent_holds.is_own(Operation.PAUSE, pending) is is_own
