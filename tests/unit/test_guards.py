"""Whom does a guard stop?"""

from workflows.call import acs_answers
from workflows.call.alarms import Alarms
from workflows.call.guards import Watchdog
from workflows.call.lifecycle import LOOKOUT_TIMEOUT
from workflows.call.silence import STARTING_TIMEOUT

from .call import ALL, POLICY, SECOND, Call, awaiting, recording_call


def test_what_began_paused_and_is_never_proven_to_be_is_alarmed() -> None:
    call = Call(pause_on_start=True).confirms("start")
    watch = Watchdog(call.life, Alarms(call.life.status, "workflow"))
    due = watch.next_due()
    assert due is not None
    within = POLICY.guards.pause_confirm_within
    assert due <= call.now + STARTING_TIMEOUT + within
    watch.act(due)
    assert [r.alarm.kind for r in call.life.status.alarms] == ["pause_unconfirmed"]


def test_what_was_confirmed_as_it_waited_for_consent_is_watched_once_it_may_record() -> None:
    """ACS is asked to begin paused, and may not heed it: nobody was told for as long as it hung."""
    call = awaiting(ALL, "ana", before_consent="wait", pause_on_start=True)
    watch = Watchdog(call.life, Alarms(call.life.status, "workflow"))
    [pause] = [r for r in call.life.status.requests.values() if r.operation == "pause"]
    assert (pause.state, watch.next_due()) == ("confirmed", None)
    call.agrees("ana")
    begun_at = call.now
    call.is_asked("start")
    due = begun_at + STARTING_TIMEOUT + POLICY.guards.pause_confirm_within
    assert watch.next_due() == due
    watch.act(due)
    assert [r.alarm.kind for r in call.life.status.alarms] == ["pause_unconfirmed"]
    assert (pause.is_overdue, watch.next_due()) == (True, None)


def test_another_ones_pause_that_was_confirmed_before_the_start_keeps_it_from_starting() -> None:
    """Also if both came by one workflow task: who asked for it was told that it is silent."""
    call = awaiting(ALL, "ana", before_consent="wait", pause_on_start=True)
    call.now -= SECOND
    assert call.asks("pause", requested_by="agent-7").received_at == call.recording.requested_at
    call.agrees("ana")
    assert call.next is None
    call.asks("resume", requested_by="agent-7")
    assert call.next == "start"


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
    watch.act(call.now + LOOKOUT_TIMEOUT)
    assert not call.recording.is_held
