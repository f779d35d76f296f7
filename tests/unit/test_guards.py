"""Whom does a guard stop?"""

from workflows.call import acs_answers
from workflows.call.alarms import Alarms
from workflows.call.guards import Watchdog
from workflows.call.silence import STARTING_TIMEOUT

from .call import POLICY, Call, awaiting, recording_call


def test_what_began_paused_and_is_never_proven_to_be_is_alarmed() -> None:
    call = Call(pause_on_start=True).confirms("start")
    watch = Watchdog(call.life, Alarms(call.life.status, "workflow"))
    due = watch.next_due()
    assert due is not None
    within = POLICY.guards.pause_confirm_within
    assert due <= call.now + STARTING_TIMEOUT + within
    watch.act(due)
    assert [r.alarm.kind for r in call.life.status.alarms] == ["pause_unconfirmed"]


def a_pause_that_hangs_while_the_next_recording_is_asked_for() -> tuple[Call, Watchdog]:
    call = recording_call(on_pause_failure="stop")
    watch = Watchdog(call.life, Alarms(call.life.status, "workflow"))
    call.asks("pause")
    call.is_asked("pause")
    call.asks("stop")
    call.asks("start", request_id="s2")
    return call, watch


def test_a_pause_that_is_not_confirmed_stops_no_recording_but_its_own() -> None:
    call, watch = a_pause_that_hangs_while_the_next_recording_is_asked_for()
    watch.act(call.now + POLICY.guards.pause_confirm_within)
    assert [(r.alarm.kind, r.alarm.what[:11]) for r in call.life.status.alarms] == [
        ("pause_unconfirmed", "recording 1")
    ]
    assert (call.recording.wanted, call.life.recording(2).wanted) == ("stopped", "active")


def test_a_hold_ends_with_the_wait_for_a_start_that_was_given_up() -> None:
    call = awaiting("any_party", "ana")
    call.agrees("ana")
    start = call.is_asked("start")
    acs_answers.failed(call.life, start, "no answer", call.ticks(), is_denied=False)
    call.leaves("ana")
    assert call.recording.is_held, "it may begin still"
    watch = Watchdog(call.life, Alarms(call.life.status, "workflow"))
    watch.act(call.now + acs_answers.LOOKOUT_TIMEOUT)
    assert not call.recording.is_held
