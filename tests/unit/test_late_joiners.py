"""Is nobody recorded who joins later and may not have heard that it is recorded?"""

import pytest

from tests.policies import a_policy
from workflows.call import late_joiners

from .call import Call, hashed, recording_call


def announcing(**terms: object) -> Call:
    """A call whose resource announces recordings to those who join later."""
    call = recording_call(**terms)
    call.life.policy_known(a_policy(announce_late_joiners=True))
    return call


def answers(call: Call, problem: str = "") -> None:
    [joiner] = call.gate.joiners_to_tell()
    call.gate.joiner_told(joiner, problem, call.ticks())


def test_the_recording_is_held_back_until_the_announcement_is_answered() -> None:
    call = announcing()
    call.joins("cem")
    call.confirms("pause")
    assert "1 who joined have not heard" in call.recording.holds[-1].reason
    answers(call)
    call.confirms("resume")
    assert call.gate.joiners_to_tell() == []


def test_who_leaves_need_not_hear_it_and_who_comes_again_must() -> None:
    call = announcing()
    call.joins("cem")
    call.leaves("cem")
    assert (call.next, call.gate.joiners_to_tell()) == (None, [])
    call.joins("cem")
    assert call.next == "pause"
    assert len(call.gate.joiners_to_tell()) == 1


def test_who_has_heard_it_need_not_hear_it_again() -> None:
    call = announcing()
    call.joins("cem", connection="a")
    answers(call)
    call.joins("cem", connection="b")
    assert call.gate.joiners_to_tell() == []
    assert not call.recording.is_held


def test_an_announcement_that_fails_holds_back_until_they_leave() -> None:
    call = announcing()
    call.joins("cem")
    answers(call, "no such tune")
    assert call.recording.is_held
    assert [r.alarm.kind for r in call.life.status.alarms] == ["not_announced"]
    assert call.gate.joiners_to_tell() == []
    call.leaves("cem")
    assert not call.recording.is_held
    call.joins("cem")
    answers(call)
    assert not call.recording.is_held


def test_a_backends_own_pause_outlives_the_announcement() -> None:
    call = announcing()
    call.asks("pause", reason="card number")
    call.confirms("pause")
    call.joins("cem")
    answers(call)
    assert call.next is None


def test_more_joiners_than_can_be_announced_to_hold_the_recording_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(late_joiners, "MAX_JOINERS", 1)
    call = announcing()
    call.joins("cem", "dan")
    answers(call)
    assert (call.recording.joiners_left_out, call.recording.is_held) == (1, True)


def test_those_whom_the_request_names_are_there_from_the_beginning() -> None:
    call = announcing(participants=[hashed("ana")])
    assert call.gate.joiners_to_tell() == []


def test_without_the_setting_nobody_is_announced_to() -> None:
    call = recording_call()
    call.joins("cem")
    assert (call.next, call.gate.joiners_to_tell()) == (None, [])
