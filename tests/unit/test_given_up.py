"""Are files doubted that may be those of a start which counts as failed? (points 6, 7 of G20)"""

from typing import Any

from callvault.archive.manifests.manifest import _of_recording
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.events import RecordingStateChanged
from callvault.contracts.status import RecordingStatus
from workflows.call import acs_answers, callbacks, file_events

from .call import ALL, NOON, SECOND, Call, awaiting, chunk, event


def tell_of_file(call: Call) -> RecordingStatus:
    """Tell of a file of a recording whose id nobody has told."""
    told = event(chunk(document="late"), of="unheard-of")
    file_events.fold(call.life, call.alarms, told, call.ticks())
    return call.life.status.recordings[-1]


def kinds(call: Call) -> list[AlarmKind]:
    return [record.alarm.kind for record in call.life.status.alarms]


def given_up_start(**terms: Any) -> Call:
    """A start that nobody answered, while it was to begin paused."""
    call = awaiting(ALL, "ana", **terms)
    start = call.is_asked("start")
    acs_answers.failed(call.life, start, "no answer", call.ticks(), is_denied=False)
    assert call.recording.state == "failed_to_start"
    return call


def test_a_file_after_a_start_was_given_up_is_a_finding_and_an_alarm() -> None:
    call = given_up_start()
    recording = tell_of_file(call)
    assert "may be what the start of recording 1 began" in recording.problem
    assert next(iter(_of_recording(recording, []))) == recording.problem, "the manifest says so"
    assert kinds(call).count(AlarmKind.STATE_UNEXPECTED) == 1
    assert all(each.until for each in recording.silence.unconfirmed)
    assert recording.silence.unconfirmed, "it was to be silent"


def test_a_file_before_the_start_was_given_up_is_doubted_as_soon_as_that_is_known() -> None:
    call = awaiting(ALL, "ana")
    start = call.is_asked("start")
    assert tell_of_file(call).problem == "", "the start may yet be answered"
    acs_answers.failed(call.life, start, "no answer", call.ticks(), is_denied=False)
    for _ in range(2):
        file_events.doubt(call.life, call.alarms, call.ticks())
    recording = call.life.status.recordings[-1]
    assert "may be what the start of recording 1 began" in recording.problem
    assert recording.silence.unconfirmed
    assert kinds(call).count(AlarmKind.STATE_UNEXPECTED) == 1


def test_a_file_that_was_announced_before_a_start_was_asked_for_is_not_of_that_start() -> None:
    call = Call().confirms("start", "confirm")
    call.asks("stop")
    call.confirms("stop")
    recording = tell_of_file(call)
    call.asks("start")
    acs_answers.failed(
        call.life, call.is_asked("start"), "no answer", call.ticks(), is_denied=False
    )
    file_events.doubt(call.life, call.alarms, call.ticks())
    assert recording.problem == ""


def test_it_is_so_after_the_call_has_ended_too_and_said_once() -> None:
    call = given_up_start()
    call.ends()
    assert call.life.is_over
    recording = tell_of_file(call)
    tell_of_file(call)
    assert recording.problem
    assert kinds(call).count(AlarmKind.STATE_UNEXPECTED) == 1


def test_a_withdrawal_after_the_call_marks_what_a_start_may_have_begun_and_the_file_too() -> None:
    call = given_up_start(on_withdrawal="pause_and_mark")
    call.ends()
    call.withdraws("ana")
    [mark] = call.recording.marked
    assert mark.until is None, "that ACS records no more, nothing proves"
    assert mark.since in [each.since for each in tell_of_file(call).marked]


def test_the_marks_of_a_file_end_with_it_though_those_of_its_start_are_open() -> None:
    call = given_up_start(on_withdrawal="pause_and_mark")
    call.withdraws("ana")
    [mark] = call.recording.marked
    assert mark.until is None, "it may begin still"
    recording = tell_of_file(call)
    assert recording.marked
    assert all(each.until is not None for each in recording.marked)


def test_what_acs_refused_has_begun_nothing_that_a_file_could_be_of() -> None:
    call = awaiting(ALL, "ana")
    call.refuses(call.is_asked("start"))
    assert tell_of_file(call).problem == ""


def test_a_file_after_acs_told_that_an_accepted_start_had_failed_is_doubted() -> None:
    call = Call().confirms("start")
    failed = RecordingStateChanged(
        recording=1, recording_id="recording-1", state="", at=NOON + SECOND, problem="8512"
    )
    callbacks.fold(call.life, call.alarms, failed, call.ticks())
    assert "8512" in tell_of_file(call).problem


def test_files_of_others_are_doubted_in_no_other_call() -> None:
    call = Call().confirms("start", "confirm")
    assert tell_of_file(call).problem == ""
