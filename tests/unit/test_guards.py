"""Whom does a guard stop?"""

from workflows.call.alarms import Alarms
from workflows.call.guards import Watchdog

from .call import POLICY, Call, recording_call


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
