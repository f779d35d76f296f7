"""Is what was recorded of somebody who did not agree marked, from when they came until silence?"""

from datetime import timedelta
from typing import Any

import pytest

from callvault.contracts.activity_io import SealedRecording
from tests.policies import a_policy
from workflows.call.silence import ARRIVAL_TIMEOUT, STARTING_TIMEOUT

from .call import ALL, NOON, SECOND, Call, agreed, awaiting, chunk, hashed

MARKING: dict[str, Any] = {"on_withdrawal": "pause_and_mark"}
SEALED = SealedRecording(
    archive="main",
    object_name="manifests/1.json",
    location="/archive/manifests/1.json",
    sequence=1,
    sha256="0" * 64,
    key_id=None,
    findings=(),
)


def archived_and_sealed(**terms: Any) -> Call:
    """A call whose only recording is over, archived and sealed."""
    call = agreed(**terms)
    call.ends()
    call.confirms("stop")
    call.announced(chunk())
    call.archives(chunk())
    call.life.sealed(call.recording, SEALED, call.ticks())
    return call


def test_a_withdrawal_marks_what_was_recorded_until_acs_is_silent() -> None:
    call = agreed(**MARKING)
    call.withdraws("ana")
    [mark] = call.recording.marked
    assert (mark.participant, mark.until) == (hashed("ana"), None)
    assert mark.since == call.recording.requested_at
    call.confirms("pause")
    assert mark.until == call.now


def test_who_never_agreed_and_refuses_is_marked_from_their_coming() -> None:
    call = agreed(**MARKING)
    call.joins("cem")
    came = call.now
    call.withdraws("cem")
    [mark] = call.recording.marked
    assert (mark.participant, mark.since, mark.until) == (hashed("cem"), came, None)
    call.confirms("pause")
    assert mark.until == call.now


@pytest.mark.parametrize("policy", ["any_party", "named"])
def test_who_never_agreed_and_was_never_seen_is_marked_from_the_beginning(policy: str) -> None:
    call = agreed(policy, **MARKING)
    call.withdraws("cem")
    [mark] = call.recording.marked
    assert mark.since == call.recording.requested_at
    assert call.next == "pause"


def test_who_came_before_by_a_device_that_nobody_told_of_is_marked_from_the_beginning() -> None:
    call = agreed(**MARKING)
    call.leaves("cem", connection="a")
    call.joins("cem", connection="b")
    call.withdraws("cem")
    [mark] = call.recording.marked
    assert mark.since == call.recording.requested_at


def test_a_withdrawal_marks_earlier_recordings_of_the_call_too() -> None:
    call = agreed(**MARKING)
    call.asks("stop")
    call.confirms("stop")
    stopped = call.recording.stopped_at
    named = {"consent_policy": "named", "consent_participants": [hashed("ben")]}
    call.asks("start", **named, **MARKING)
    call.confirms("start", "confirm")
    call.withdraws("ana")
    [mark] = call.recording.marked
    assert (mark.participant, mark.until) == (hashed("ana"), stopped)
    [second] = call.life.recording(2).marked
    assert second.until is None


@pytest.mark.parametrize("reaction", ["pause", "pause_and_mark"])
def test_a_withdrawal_after_sealing_has_the_manifest_renewed_whatever_the_reaction(
    reaction: str,
) -> None:
    call = archived_and_sealed(on_withdrawal=reaction)
    record = call.decides("ana", False)
    assert record is not None
    assert record.given is False
    assert call.recording.sealed is None, "another manifest follows, with the withdrawal"
    assert [mark.until for mark in call.recording.marked] == (
        [call.recording.stopped_at] if reaction == "pause_and_mark" else []
    )


def test_an_agreement_after_the_end_is_recorded_and_renews_nothing() -> None:
    call = archived_and_sealed()
    assert call.decides("ana", True) is not None
    assert call.recording.sealed == SEALED


def test_files_that_are_announced_after_a_withdrawal_are_marked() -> None:
    """A start that was thought to have failed; its recording is known from its files alone."""
    call = awaiting(ALL, "ana", before_consent="wait", **MARKING)
    call.agrees("ana")
    call.refuses(call.is_asked("start"))
    call.withdraws("ana")
    call.announced(chunk(), of="of-nobody", recording_start_time=NOON)
    late = call.life.recording(2)
    assert [(m.participant, m.since, m.until) for m in late.marked] == [
        (hashed("ana"), NOON, call.now)
    ]


def begun_paused(**terms: Any) -> Call:
    """A recording that was to begin paused, and was stopped before that could be read."""
    call = awaiting(ALL, "ana", "ben", **MARKING, **terms)
    call.confirms("start")
    return call


def test_what_began_paused_may_have_recorded_until_that_was_read() -> None:
    call = begun_paused()
    call.ends()
    call.confirms("stop")
    call.withdraws("ben")
    assert [mark.participant for mark in call.recording.marked] == [hashed("ben")]


def test_a_file_of_what_was_read_to_be_paused_all_the_time_is_marked_for_who_refused() -> None:
    call = begun_paused()
    call.polls("inactive", STARTING_TIMEOUT)
    call.withdraws("ben")
    call.ends()
    call.confirms("stop")
    assert call.recording.marked == []
    call.announced(chunk())
    assert [mark.participant for mark in call.recording.marked] == [hashed("ben")]


def test_files_whose_beginning_nobody_tells_are_marked_from_long_before() -> None:
    call = agreed(**MARKING)
    call.withdraws("ana")
    call.announced(chunk(), of="of-nobody")
    [mark] = call.life.recording(2).marked
    assert mark.since < NOON - timedelta(days=1)


def test_the_same_refusal_in_other_words_marks_nothing_twice() -> None:
    call = agreed(**MARKING)
    call.withdraws("ana")
    call.withdraws("ana", reason="again")
    call.confirms("pause")
    call.withdraws("ana", reason="and again")
    assert len(call.recording.marked) == 1


def test_a_second_withdrawal_marks_what_was_recorded_in_between() -> None:
    call = agreed(**MARKING)
    call.withdraws("ana")
    call.confirms("pause")
    call.agrees("ana")
    call.confirms("resume")
    call.withdraws("ana")
    call.confirms("pause")
    assert [mark.until for mark in call.recording.marked][-1] == call.now


def test_without_a_policy_a_refusal_is_kept_and_marks_nothing() -> None:
    call = Call(**MARKING)
    call.confirms("start", "confirm")
    assert call.decides("ana", False) is not None
    assert (call.recording.marked, call.next) == ([], None)


def test_a_recording_that_was_paused_all_the_time_has_nothing_to_be_marked() -> None:
    call = awaiting(ALL, "ana", "ben", **MARKING)
    call.confirms("start")
    call.polls("inactive", STARTING_TIMEOUT)
    call.withdraws("ana")
    call.ends()
    call.confirms("stop")
    call.withdraws("ben", decided_at=call.now - SECOND)
    assert call.recording.marked == []


def test_a_withdrawal_while_a_resume_is_in_flight_marks_what_it_may_record() -> None:
    call = agreed(**MARKING)
    call.asks("pause")
    call.confirms("pause")
    call.asks("resume")
    resume = call.is_asked("resume")
    call.withdraws("ana")
    [mark] = call.recording.marked
    assert mark.until is None, "it may record since the resume was asked"
    call.gives_up(resume)
    assert mark.until is None
    call.confirms("pause")
    assert mark.until is None, "the resume may still arrive"
    call.polls("inactive", ARRIVAL_TIMEOUT)
    assert mark.until == call.now


def test_a_withdrawal_while_the_start_is_in_flight_marks_what_it_may_record() -> None:
    call = awaiting(ALL, "ana", before_consent="wait", **MARKING)
    call.agrees("ana")
    start = call.is_asked("start")
    call.withdraws("ana")
    [mark] = call.recording.marked
    call.answers(start)
    call.confirms("pause")
    assert mark.until is None, "it may be starting"
    call.polls("inactive", STARTING_TIMEOUT)
    assert (mark.since, mark.until) == (call.recording.requested_at, call.now)


def test_a_withdrawal_before_anything_could_sound_marks_nothing() -> None:
    call = awaiting(ALL, "ana", "ben", **MARKING)
    call.agrees("ana")
    call.withdraws("ana")
    assert call.recording.marked == []


@pytest.mark.parametrize("is_late", [True, False])
def test_what_goes_on_though_nobody_asked_for_it_is_marked_until_its_end_is_told(
    is_late: bool,
) -> None:
    """The mark ended with the event about the first file, whatever was recorded after it."""
    call = Call(start_recording=False)
    call.life.policy_known(a_policy(consent={"consent_policy": ALL, **MARKING}))
    if not is_late:
        call.withdraws("ana")
    goes_on = chunk(reason="ChunkMaximumTimeExceeded")
    call.announced(goes_on, ended="SessionStillOngoing", recording_start_time=NOON)
    if is_late:
        call.withdraws("ana")
    assert [(mark.since, mark.until) for mark in call.recording.marked] == [(NOON, None)]
    assert not call.has_paused
    call.archives(goes_on)
    call.announced(chunk(1))
    assert [(mark.since, mark.until) for mark in call.recording.marked] == [(NOON, call.now)]
    assert call.has_paused


def test_a_mark_of_what_goes_on_ends_with_the_wait_for_its_files() -> None:
    call = Call(start_recording=False)
    call.life.policy_known(a_policy(consent={"consent_policy": ALL, **MARKING}))
    call.announced(chunk(reason="ChunkMaximumTimeExceeded"), ended="")
    call.withdraws("ana")
    call.life.window_closed(1, call.ticks())
    assert [mark.until for mark in call.recording.marked] == [call.now]
