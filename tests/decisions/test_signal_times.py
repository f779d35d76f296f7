"""Times of signals that told none: what a request then counts from, and what follows of that."""

from typing import Any

import pytest

from callvault.contracts.signal_times import UntimedSignal
from callvault.contracts.status import CallStatus, ControlRecord, PauseRecord, RecordingStatus
from tests.policies import a_policy
from workflows.call.alarms import Alarms
from workflows.call.guards import Watchdog
from workflows.call.lifecycle import Lifecycle
from workflows.call.signal_times import MAX_UNTIMED, SignalTimes

from .facts import A_SEAL, a_call, a_recording, at, at_or_none, doubts_of, seconds, silent
from .test_takeover import a_pause, a_request

SEEN = 20
"""Second at which the workflow saw the signal of every table here."""

POLICY = a_policy(guards={"pause_confirm_within": 10})


def a_signal(subject: str = "r", about: str = "request", **facts: Any) -> UntimedSignal:
    known = {"name": "pause", "run_id": "run", "history_length": 9, "number": 0, **facts}
    return UntimedSignal(**{"subject": subject, "about": about, "received_at": at(SEEN), **known})


def searching(status: CallStatus) -> SignalTimes:
    life = Lifecycle(status)
    return SignalTimes(life, Watchdog(life, Alarms(status, "w")))


def find(status: CallStatus, signal: UntimedSignal, came: float | None) -> None:
    """Find when a signal came, at the thirtieth second; None if that is not to be known."""
    searching(status).found(signal, at_or_none(came), at(30))


def seen_request(operation: str = "pause", **facts: Any) -> ControlRecord:
    """Make a request that counts from when it was seen, and is done."""
    known = {"requested_at": at(SEEN), "received_at": at(SEEN), "state": "confirmed", **facts}
    return a_request(operation, **known)


def recorded(*pauses: PauseRecord, **facts: Any) -> RecordingStatus:
    """Make a recording of the fifth second that is sealed; it may have sounded ever since."""
    known = {"requested_at": at(5), "sound": {"begun_at": 5}, "sealed": A_SEAL, **facts}
    return a_recording(pauses=list(pauses), **known)


def a_state(record: ControlRecord, *recordings: RecordingStatus, **facts: Any) -> CallStatus:
    return a_call(*recordings, requests={"r": record}, policy=POLICY, **facts)


# The search.


@pytest.mark.parametrize(
    ("known", "is_searched"), [(0, True), (MAX_UNTIMED - 1, True), (MAX_UNTIMED, False)]
)
def test_no_more_times_are_searched_for_than_a_state_may_hold(
    known: int, is_searched: bool
) -> None:
    record = seen_request(state="pending")
    others = [a_signal("other", number=n) for n in range(known)]
    status = a_state(record, recorded(), untimed=others)
    searching(status).search(a_signal())
    assert len(status.untimed) == known + is_searched
    assert (a_signal() in status.untimed) is is_searched
    assert record.is_time_awaited is is_searched


@pytest.mark.parametrize(
    ("signal", "is_awaited"),
    [
        (a_signal("r"), True),
        (a_signal("unknown"), False),
        (a_signal("r", "presence"), False),
        (a_signal("r", "withdrawal"), False),
    ],
)
def test_a_request_waits_for_the_time_of_its_own_signal(
    signal: UntimedSignal, is_awaited: bool
) -> None:
    status = a_state(seen_request(state="pending"), recorded())
    searching(status).search(signal)
    assert status.untimed == [signal]
    assert status.requests["r"].is_time_awaited is is_awaited


@pytest.mark.parametrize("came", [10, SEEN, None])
@pytest.mark.parametrize(
    ("signal", "is_awaited"), [(a_signal("r"), False), (a_signal("unknown"), True)]
)
def test_what_is_found_is_searched_for_no_more(
    came: float | None, signal: UntimedSignal, is_awaited: bool
) -> None:
    others = [a_signal(number=1), a_signal("r", "presence")]
    record = seen_request(is_time_awaited=True)
    status = a_state(record, recorded(), untimed=[others[0], signal, others[1]])
    find(status, signal, came)
    assert status.untimed == others
    assert record.is_time_awaited is is_awaited


# What a request counts from.


@pytest.mark.parametrize(
    ("came", "counts_from"),
    [(None, SEEN), (25, SEEN), (SEEN, SEEN), (19, 19), (6, 6), (5, 5), (4, 5)],
)
def test_a_request_counts_from_when_it_came_but_not_before_its_recording(
    came: float | None, counts_from: float
) -> None:
    pause = a_pause(when=SEEN, released_at=at(SEEN))
    record, recording = seen_request(), recorded(pause)
    find(a_state(record, recording), a_signal(), came)
    assert seconds(record.requested_at) == seconds(pause.requested_at) == counts_from
    assert seconds(record.received_at) == SEEN
    is_moved = counts_from < SEEN
    doubts = [(counts_from, SEEN)] if is_moved else []
    assert [each[:2] for each in doubts_of(recording)] == doubts
    assert (recording.sealed is None) is is_moved, "one that was sealed does not know of it"


def test_a_request_that_told_an_earlier_time_counts_from_that() -> None:
    record, recording = seen_request(requested_at=at(8)), recorded()
    find(a_state(record, recording), a_signal(), 10)
    assert (seconds(record.requested_at), recording.sealed) == (8, A_SEAL)


def test_a_pause_that_counts_from_earlier_already_is_not_moved_later() -> None:
    pause = a_pause(when=SEEN, requested_at=at(7), released_at=at(SEEN))
    record = seen_request()
    find(a_state(record, recorded(pause)), a_signal(), 10)
    assert (seconds(record.requested_at), seconds(pause.requested_at)) == (10, 7)


@pytest.mark.parametrize(("number", "counts_from"), [(1, 10), (2, 15), (0, SEEN), (3, SEEN)])
def test_a_request_is_of_one_recording_and_is_left_alone_if_that_is_not_known(
    number: int, counts_from: float
) -> None:
    recordings = recorded(), recorded(number=2, requested_at=at(15))
    record = seen_request("resume", recording=number)
    find(a_state(record, *recordings), a_signal(), 10)
    assert seconds(record.requested_at) == counts_from


@pytest.mark.parametrize(
    ("expires", "after"), [(None, None), (SEEN + 60, 10 + 60), (SEEN + 59, SEEN + 59), (81, 81)]
)
def test_a_resume_that_did_not_say_when_it_expires_does_so_earlier(
    expires: float | None, after: float | None
) -> None:
    record = seen_request("resume", expires_at=at_or_none(expires))
    find(a_state(record, recorded()), a_signal(), 10)
    assert seconds(record.expires_at) == after


@pytest.mark.parametrize(
    ("silence", "doubts"),
    [
        ([], [(10, SEEN)]),
        ([(12, 14)], [(10, 12), (14, SEEN)]),
        ([(8, SEEN)], []),
    ],
)
def test_what_was_not_proven_silent_since_it_came_is_unconfirmed(
    silence: list[tuple[float, float]], doubts: list[tuple[float, float]]
) -> None:
    pause = a_pause(when=SEEN, released_at=at(SEEN))
    recording = recorded(pause)
    recording.silence.silent = [silent(*each) for each in silence]
    find(a_state(seen_request(), recording), a_signal(), 10)
    assert [each[:2] for each in doubts_of(recording)] == doubts
    assert {each.reason for each in recording.silence.unconfirmed} <= {"ana asked for a pause"}


# What follows of that.


def paused(**facts: Any) -> tuple[ControlRecord, CallStatus]:
    """Make a recording that is proven silent since the second after its pause was seen."""
    record = seen_request(**facts)
    recording = recorded(
        a_pause(when=SEEN), wanted="paused", actual="paused", sound={"begun_at": 5}
    )
    recording.silence.silent = [silent(SEEN + 1)]
    recording.sound.inactive_at = at(SEEN)
    return record, a_state(record, recording)


@pytest.mark.parametrize(
    ("came", "state", "is_late"),
    [
        (11, "confirmed", False),
        (10, "confirmed", True),
        (10, "pending", True),
        (11, "pending", False),
    ],
)
def test_a_pause_is_alarmed_that_was_confirmed_too_long_after_it_came(
    came: float, state: str, is_late: bool
) -> None:
    record, status = paused(state=state)
    find(status, a_signal(), came)
    assert (record.state, record.is_overdue) == ("confirmed", is_late)
    told = [("pause_unconfirmed", "critical")] if is_late else []
    assert [(each.alarm.kind, each.alarm.severity) for each in status.alarms] == told


@pytest.mark.parametrize("signal", [a_signal(), a_signal("ana", "presence")])
def test_what_is_known_by_then_is_settled_also_if_nothing_has_moved(
    signal: UntimedSignal,
) -> None:
    record, status = paused(state="pending")
    find(status, signal, None)
    assert (record.state, seconds(record.settled_at)) == ("confirmed", 30)
