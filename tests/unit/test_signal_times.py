"""What follows when it becomes known that a signal came earlier than it was seen?"""

from datetime import timedelta

from callvault.contracts.signal_times import UntimedSignal
from callvault.contracts.status import ControlRecord
from workflows.call.alarms import Alarms
from workflows.call.guards import Watchdog
from workflows.call.signal_times import MAX_UNTIMED, SignalTimes

from .call import ALL, SECOND, Call, agreed, hashed, paused_call, recording_call

LATE = timedelta(minutes=2)


class Times:
    """The search for the times of one call's signals."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.watch = Watchdog(call.life, Alarms(call.life.status, "workflow"))
        self.search = SignalTimes(call.life, self.watch)

    def untimed(self, name: str, subject: str) -> UntimedSignal:
        """Begin to search for the time of what came just now."""
        signal = UntimedSignal(
            name=name,
            about="presence" if name == "participant_changed" else "request",
            subject=subject,
            joined=True if name == "participant_changed" else None,
            run_id="run",
            history_length=10,
            number=0,
            received_at=self.call.now,
        )
        self.search.search(signal)
        return signal

    def found(self, signal: UntimedSignal, late: timedelta) -> None:
        now = self.call.ticks()
        self.search.found(signal, signal.received_at - late, now)
        self.watch.act(now)


def resumed(call: Call) -> tuple[Times, UntimedSignal, ControlRecord]:
    """Resume by a signal that tells no time."""
    times = Times(call)
    record = call.asks("resume", request_id="r1")
    return times, times.untimed("resume", "r1"), record


def test_a_resume_is_not_sent_before_it_is_known_when_it_came() -> None:
    call = paused_call()
    times, signal, record = resumed(call)
    assert (record.state, call.next) == ("pending", None)
    times.found(signal, SECOND)
    assert call.next == "resume"


def test_a_resume_waits_for_the_time_of_another_one_that_is_pending() -> None:
    call = paused_call()
    times, signal, _ = resumed(call)
    call.asks("resume", request_id="r2", requested_by="agent")
    assert call.next is None
    times.found(signal, SECOND)
    assert call.next == "resume"


def test_a_resume_that_came_too_long_ago_is_not_carried_out() -> None:
    """A worker was away: the talk has gone on meanwhile."""
    call = paused_call()
    call.now += 2 * LATE
    times, signal, record = resumed(call)
    times.found(signal, LATE)
    assert record.state == "failed"
    assert "expired" in record.problem
    assert (call.recording.target, call.next) == ("paused", "read")


def test_a_resume_is_sent_where_it_is_not_to_be_known_when_it_came() -> None:
    call = paused_call()
    times, signal, record = resumed(call)
    times.search.found(signal, None, call.ticks())
    assert record.requested_at == record.received_at
    assert call.next == "resume"


def test_a_time_is_never_moved_later_nor_before_the_recording() -> None:
    call = recording_call()
    times = Times(call)
    record = call.asks("pause", request_id="p1")
    signal = times.untimed("pause", "p1")
    times.found(signal, -LATE)
    assert record.requested_at == record.received_at
    times.found(signal, 10 * LATE)
    assert record.requested_at == call.recording.requested_at


def test_a_pause_that_is_not_confirmed_yet_is_overdue_once_it_is_known_when_it_came() -> None:
    call = recording_call()
    call.now += LATE
    times = Times(call)
    record = call.asks("pause", request_id="p1")
    call.is_asked("pause")
    times.found(times.untimed("pause", "p1"), LATE / 2)
    assert record.is_overdue
    [alarm] = call.life.status.alarms
    assert "it may be recording" in alarm.alarm.what


def test_what_was_silent_already_is_not_told_to_be_late() -> None:
    call = paused_call()
    call.now += LATE
    times = Times(call)
    call.asks("pause", requested_by="ben", request_id="p2")
    call.reads("inactive")
    times.found(times.untimed("pause", "p2"), LATE / 2)
    assert not call.life.status.alarms


def test_a_hold_that_has_ended_leaves_what_was_heard_before_it_was_seen_unconfirmed() -> None:
    call = agreed(ALL)
    call.now += LATE
    times = Times(call)
    call.joins("eve")
    signal = times.untimed("participant_changed", hashed("eve"))
    call.confirms("pause")
    call.agrees("eve")
    assert not call.recording.is_held
    times.found(signal, LATE / 2)
    [hold] = call.recording.holds[1:]
    assert hold.since == signal.received_at - LATE / 2
    interval = call.recording.silence.unconfirmed[-1]
    assert (interval.since, interval.is_finding) == (hold.since, True)


def test_a_mark_begins_when_somebody_came_and_not_when_that_was_seen() -> None:
    call = agreed(ALL, on_withdrawal="pause_and_mark")
    call.now += LATE
    times = Times(call)
    call.joins("eve")
    signal = times.untimed("participant_changed", hashed("eve"))
    call.withdraws("eve")
    times.found(signal, LATE / 2)
    [mark] = call.recording.marked
    assert mark.since == signal.received_at - LATE / 2


def test_no_more_times_are_searched_for_than_a_state_can_hold() -> None:
    call = recording_call()
    times = Times(call)
    for _ in range(MAX_UNTIMED + 5):
        times.untimed("participant_changed", hashed("ana"))
    assert len(call.life.status.untimed) == MAX_UNTIMED
