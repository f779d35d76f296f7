"""Late joiners: who is to hear that a recording is on, and until when it is held back."""

from typing import Any

import pytest

from callvault.contracts.consent import Announcement, JoinerAnnouncement, Presence
from callvault.contracts.status import CallStatus, RecordingStatus
from tests.policies import a_policy
from tests.unit.call import hashed, recording_call
from workflows.call import late_joiners
from workflows.call.late_joiners import Joiner

from .facts import a_call, a_recording, at, at_or_none, seconds

ANA = hashed("ana")
TELLING = a_policy(announce_late_joiners=True)
SILENT = a_policy(announce_late_joiners=False)


def told(answered: float | None = None, problem: str = "", who: str = ANA) -> JoinerAnnouncement:
    return JoinerAnnouncement(
        participant=who, requested_at=at(1), answered_at=at_or_none(answered), problem=problem
    )


def with_joiners(*told: JoinerAnnouncement, **facts: Any) -> RecordingStatus:
    return a_recording(joiner_announcements=list(told), **facts)


def here(*, joined: float | None, left: float | None = None, who: str = ANA) -> Presence:
    times = {"joined_at": at_or_none(joined), "left_at": at_or_none(left)}
    return Presence(participant=who, told_at=at(1), **times)


def left(who: str = ANA) -> Presence:
    return Presence(participant=who, left_at=at(5), told_at=at(5))


@pytest.mark.parametrize(
    ("policy", "facts", "is_noted"),
    [
        (TELLING, {}, True),
        (SILENT, {}, False),
        (None, {}, False),
        (TELLING, {"wanted": "stopped"}, False),
        (TELLING, {"wanted": "paused"}, True),
        (TELLING, {"origin": "announced"}, False),
    ],
)
def test_who_joins_is_to_hear_of_each_recording_that_is_on_where_a_resource_wants_it(
    policy: Any, facts: dict[str, Any], is_noted: bool
) -> None:
    recording = a_recording(**facts)
    status = a_call(recording, policy=policy)
    late_joiners.joined(status, ANA, at(7))
    noted = [
        (each.participant, seconds(each.requested_at)) for each in recording.joiner_announcements
    ]
    assert noted == ([(ANA, 7)] if is_noted else [])
    assert late_joiners.to_tell(status) == ([Joiner(1, ANA)] if is_noted else [])


@pytest.mark.parametrize(
    ("people", "is_noted"),
    [
        ([], True),
        ([here(joined=4)], False),
        ([here(joined=5)], False),
        ([here(joined=6)], True),
        ([here(joined=4), here(joined=7)], False),
        ([here(joined=4, left=5), here(joined=7)], True),
        ([here(joined=4, left=6), here(joined=7)], False),
        # They have left before it was answered: it may be that they heard none of it.
        ([here(joined=4, left=5.9), here(joined=7)], True),
        # Named by a request, and told of once more by their device.
        ([here(joined=None), here(joined=7)], False),
        ([here(who=hashed("ben"), joined=4), here(joined=7)], True),
        ([here(joined=None).model_copy(update={"may_have_left": True})], True),
    ],
)
def test_who_was_here_when_all_were_announced_to_has_heard_it(
    people: list[Presence], is_noted: bool
) -> None:
    first = Announcement(requested_at=at(5), answered_at=at(6))
    recording = a_recording(announcement=first)
    # One that was adopted was announced to nobody.
    other = a_recording(number=2)
    late_joiners.joined(a_call(recording, other, policy=TELLING, participants=people), ANA, at(9))
    assert bool(recording.joiner_announcements) is is_noted
    assert other.joiner_announcements


def test_who_comes_again_is_to_hear_it_again_only_if_that_failed() -> None:
    heard, failed, other = told(3), told(problem="503"), told(problem="503", who=hashed("ben"))
    recordings = (with_joiners(heard), with_joiners(other, failed, number=2))
    status = a_call(*recordings, policy=TELLING)
    assert late_joiners.to_tell(status) == []
    late_joiners.joined(status, ANA, at(7))
    assert late_joiners.to_tell(status) == [Joiner(2, ANA)]
    assert [len(each.joiner_announcements) for each in recordings] == [1, 2]


@pytest.mark.parametrize(("room", "left_out"), [(1, 1), (2, 0)])
def test_who_is_one_too_many_is_counted(
    room: int, left_out: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_joiners, "MAX_JOINERS", room)
    recording = with_joiners(told(3, who=hashed("ben")))
    late_joiners.joined(a_call(recording, policy=TELLING), ANA, at(7))
    assert recording.joiners_left_out == left_out
    assert len(recording.joiner_announcements) == 2 - left_out


@pytest.mark.parametrize(
    ("announcement", "facts", "people", "awaits"),
    [
        (told(), {}, [], True),
        (told(3), {}, [], False),
        (told(problem="503"), {}, [], False),
        (told(), {"wanted": "stopped"}, [], False),
        (told(), {}, [left()], False),
        (told(), {}, [left(hashed("ben"))], True),
    ],
)
def test_an_announcement_matters_until_it_is_answered_or_they_or_the_recording_are_gone(
    announcement: JoinerAnnouncement, facts: dict[str, Any], people: list, awaits: bool
) -> None:
    recording = with_joiners(announcement, **facts)
    status = a_call(recording, participants=people)
    assert late_joiners.awaits(status, recording, announcement) is awaits
    assert bool(late_joiners.to_tell(status)) is awaits


@pytest.mark.parametrize(
    ("announcements", "people", "left_out", "count"),
    [
        ([], [], 0, 0),
        ([told()], [], 0, 1),
        ([told(problem="503")], [], 0, 1),
        ([told(3)], [], 0, 0),
        ([told()], [left()], 0, 0),
        ([told(), told(who=hashed("ben"))], [left()], 0, 1),
        ([], [], 2, 2),
        ([told()], [], 2, 3),
    ],
)
def test_a_recording_is_held_back_while_somebody_here_has_not_heard_it(
    announcements: list, people: list, left_out: int, count: int
) -> None:
    recording = with_joiners(*announcements, joiners_left_out=left_out)
    status: CallStatus = a_call(recording, participants=people)
    said = f"{count} who joined have not heard the announcement" if count else ""
    assert late_joiners.unheard(status, recording) == said


def test_the_webhooks_answer_is_noted_of_the_one_it_is_about() -> None:
    recording = with_joiners(told(who=hashed("ben")), told())
    late_joiners.told(recording, ANA, at(9))
    late_joiners.not_told(recording, hashed("ben"), "503")
    noted = [(each.problem, seconds(each.answered_at)) for each in recording.joiner_announcements]
    assert noted == [("503", None), ("", 9)]


HEARD, OPEN, FAILED = told(3), told(), told(problem="503")


@pytest.mark.parametrize(
    ("mine", "theirs", "known"),
    [
        ([], [OPEN], (None, "")),
        ([OPEN], [], (None, "")),
        ([OPEN], [HEARD], (3, "")),
        ([HEARD], [OPEN], (3, "")),
        ([FAILED], [HEARD], (3, "")),
        ([HEARD], [FAILED], (3, "")),
        ([OPEN], [FAILED], (None, "")),
        ([FAILED], [OPEN], (None, "")),
        ([FAILED], [FAILED], (None, "503")),
    ],
)
def test_what_two_states_know_of_an_announcement_is_joined(
    mine: list[JoinerAnnouncement], theirs: list[JoinerAnnouncement], known: tuple
) -> None:
    ben = told(8, who=hashed("ben"))
    mine, theirs = [each.model_copy() for each in mine], [each.model_copy() for each in theirs]
    recording = with_joiners(ben, *mine)
    late_joiners.join(recording, with_joiners(*theirs))
    [first, joined] = recording.joiner_announcements
    assert first is ben
    assert joined.participant == ANA
    assert (seconds(joined.answered_at), joined.problem) == known


@pytest.mark.parametrize(
    ("mine", "theirs", "room", "left_out"),
    [(1, 2, 2, 2), (2, 1, 2, 2), (0, 0, 2, 0), (0, 0, 1, 1), (1, 2, 1, 3)],
)
def test_who_is_left_out_in_either_state_is_counted(
    mine: int, theirs: int, room: int, left_out: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_joiners, "MAX_JOINERS", room)
    recording = with_joiners(told(), joiners_left_out=mine)
    ben = told(who=hashed("ben"))
    late_joiners.join(recording, with_joiners(ben, joiners_left_out=theirs))
    assert recording.joiners_left_out == left_out
    assert len(recording.joiner_announcements) == room


def test_what_is_not_kept_is_awaited_no_more_and_its_answer_changes_nothing() -> None:
    call = recording_call()
    call.life.policy_known(TELLING)
    call.joins("cem")
    [joiner] = call.gate.joiners_to_tell()
    call.recording.joiner_announcements.clear()
    assert not call.gate.awaits_joiner(joiner)
    call.gate.joiner_told(joiner, "", call.ticks())
    call.gate.joiner_told(joiner, "503", call.ticks())
    assert call.recording.joiner_announcements == []
