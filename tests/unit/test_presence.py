"""Who is in the call, perhaps in it, or gone, in every order of comings and goings?"""

from datetime import timedelta

import pytest

from callvault.contracts.requests import RecordingRequest
from workflows.call import consent, presence

from .call import ALL, NOON, SECOND, Call, agreed, awaiting, hashed


def test_who_came_by_two_devices_is_there_until_both_are_gone() -> None:
    call = agreed()
    call.joins("cem", connection="a")
    call.joins("cem", connection="b")
    call.leaves("cem", connection="a")
    assert call.recording.is_held
    call.leaves("cem", connection="b")
    assert not call.recording.is_held


def test_who_had_two_devices_before_the_request_is_perhaps_there_when_one_leaves() -> None:
    call = awaiting(ALL, "ana", "cem")
    call.agrees("ana")
    call.leaves("cem", connection="a")
    assert call.recording.is_held, "nobody knows how many devices a named participant has"
    call.leaves("cem")
    assert not call.recording.is_held, "the backend says that they are gone, with all devices"


def test_who_is_named_and_comes_by_another_device_stays_when_that_leaves() -> None:
    call = awaiting(ALL, "ana", "cem")
    call.agrees("ana")
    call.joins("cem", connection="b")
    call.leaves("cem", connection="b")
    assert call.recording.is_held
    call.joins("cem")
    assert presence.here(call.life.status) == {hashed("ana"), hashed("cem")}


def test_who_agreed_and_perhaps_has_left_is_not_enough_for_any_party() -> None:
    call = awaiting("any_party", "ana", "ben")
    call.agrees("ana")
    call.leaves("ana", connection="a")
    assert call.recording.is_held
    call.joins("ana", connection="b")
    assert not call.recording.is_held


def test_whose_devices_are_known_is_not_there_once_more_because_a_request_names_them() -> None:
    call = Call(start_recording=False)
    call.joins("ana", connection="a")
    call.asks("start", consent_policy=ALL, participants=[hashed("ana")])
    call.leaves("ana", connection="a")
    assert presence.gone(call.life.status) == {hashed("ana")}


def test_whose_device_is_known_is_not_there_once_more_because_a_coming_names_none() -> None:
    call = agreed()
    call.joins("cem", connection="a")
    call.joins("cem")
    call.leaves("cem", connection="a")
    assert presence.gone(call.life.status) == {hashed("cem")}
    assert not call.recording.is_held


def test_comings_and_goings_stand_in_the_timeline_each_by_its_name() -> None:
    call = agreed()
    call.joins("cem")
    assert f"{consent.short(hashed('cem'))} joined the call" in call.timeline
    call.leaves("cem")
    assert f"{consent.short(hashed('cem'))} left the call" in call.timeline


def test_a_coming_that_is_older_than_the_going_changes_nothing() -> None:
    call = agreed()
    call.leaves("cem", at=NOON)
    call.joins("cem", at=NOON - SECOND)
    assert call.recording.is_held is False


@pytest.mark.parametrize("connection", ["", "a"])
def test_a_going_that_is_older_than_the_coming_changes_nothing(connection: str) -> None:
    call = agreed()
    call.joins("cem", connection=connection, at=NOON)
    call.leaves("cem", connection=connection, at=NOON - SECOND)
    assert call.recording.is_held


def test_every_stay_is_kept_with_its_times() -> None:
    call = agreed()
    for minute in (1, 3):
        call.joins("cem", connection="a", at=NOON - timedelta(minutes=10 - minute))
        call.leaves("cem", connection="a", at=NOON - timedelta(minutes=9 - minute))
    stays = [p for p in call.life.status.participants if p.participant == hashed("cem")]
    assert [(p.joined_at, p.left_at) for p in stays] == [
        (NOON - timedelta(minutes=9), NOON - timedelta(minutes=8)),
        (NOON - timedelta(minutes=7), NOON - timedelta(minutes=6)),
    ]


def test_what_is_told_twice_is_one_stay() -> None:
    call = agreed()
    for _ in range(2):
        call.joins("cem", connection="a")
    for _ in range(2):
        call.leaves("cem", connection="a")
    assert len(call.life.status.participants) == 3


def test_many_reconnections_of_one_make_nobody_else_present(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presence, "MAX_STAYS", 20)
    call = awaiting("any_party", "ana", "cem")
    call.agrees("ana")
    call.leaves("ana")
    for number in range(40):
        call.joins("cem", connection=str(number))
        call.leaves("cem", connection=str(number))
    assert len(call.life.status.participants) == 20
    assert call.life.status.participants_left_out == 22
    assert call.recording.is_held, "she who agreed has left, and that is not forgotten"


def test_more_people_than_can_be_told_apart_leave_no_policy_met(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presence, "MAX_OPEN", 5)
    call = agreed()
    for number in range(6):
        call.joins(f"guest-{number}")
        call.agrees(f"guest-{number}")
    assert len(call.life.status.participants) == 5
    assert call.recording.is_held


def test_a_long_id_of_a_connection_is_kept_short() -> None:
    call = agreed()
    call.joins("cem", connection="ü" * 100)
    assert len(call.life.status.participants[-1].connection) == presence.MAX_CONNECTION


def test_an_id_of_a_connection_is_kept_as_it_is_up_to_the_bound() -> None:
    call, longest = agreed(), "c" * presence.MAX_CONNECTION
    call.joins("cem", connection=longest)
    assert call.life.status.participants[-1].connection == longest


def test_a_participant_may_be_named_twice() -> None:
    people = [hashed("ana")] * 2
    request = {"server_call_id": "c", "consent_policy": ALL, "participants": people}
    assert len(RecordingRequest.model_validate(request).participants) == 2
    assert len(Call(consent_policy=ALL, participants=people).life.status.participants) == 1
