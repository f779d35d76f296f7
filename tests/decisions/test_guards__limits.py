"""Guards of pauses, resumes and recordings that last too long, and of what is awaited."""

import pytest

from callvault.contracts.states import Actual
from tests.unit.call import POLICY, SECOND, Call, agreed, paused_call, recording_call
from workflows.call import acs_answers
from workflows.call.lifecycle import FIRST_REFUSED_INTERVAL, LOOKOUT_TIMEOUT
from workflows.call.silence import STARTING_TIMEOUT

from .facts import at
from .test_guards import MINUTE, WITHIN, alarms, asked_by_callvault, guarding, said

# A pause that lasts too long.


@pytest.mark.parametrize(
    ("reaction", "says", "asked"),
    [
        ("alarm", "since", []),
        (
            "resume",
            "longer than it may: it is released, and ACS is asked to resume",
            [("resume", "agent paused longer than it may")],
        ),
    ],
)
def test_a_pause_that_lasts_too_long_is_ended_or_alarmed(
    reaction: str, says: str, asked: list
) -> None:
    call = recording_call(max_pause=MINUTE, on_max_pause=reaction)
    record = call.asks("pause", requested_by="agent")
    call.confirms("pause")
    watch, due = guarding(call), record.requested_at + MINUTE
    assert watch.next_due() == due
    watch.act(due - SECOND)
    assert alarms(call) == []
    watch.act(due)
    assert alarms(call) == [("pause_too_long", "warning")]
    assert f"paused by agent since {record.requested_at:%H:%M:%S} UTC" in said(call)
    assert says in said(call)
    assert asked_by_callvault(call) == asked
    assert call.recording.pauses[0].is_too_long
    watch.act(due)
    assert len(alarms(call)) == 1


def test_of_two_holders_the_one_who_paused_too_long_is_released_and_the_other_holds() -> None:
    call = recording_call(max_pause=MINUTE, on_max_pause="resume")
    first = call.asks("pause", requested_by="agent")
    call.confirms("pause")
    call.now += MINUTE / 2
    call.asks("pause", requested_by="ben")
    guarding(call).act(first.requested_at + MINUTE)
    assert [pause.is_open for pause in call.recording.pauses] == [False, True]
    what = "this pause is released, and it stays paused by ben"
    assert what in said(call)
    assert f"recording 1: {what}" in call.timeline
    assert asked_by_callvault(call) == []


@pytest.mark.parametrize("why", ["no limit", "held back", "stopped"])
def test_no_pause_is_too_long_without_a_limit_or_while_consent_is_missing(why: str) -> None:
    call = agreed(max_pause=None if why == "no limit" else MINUTE)
    call.asks("pause", requested_by="agent")
    call.confirms("pause")
    if why == "held back":
        call.withdraws("ana")
    if why == "stopped":
        call.asks("stop")
    guarding(call).act(call.now + MINUTE * 2)
    assert "pause_too_long" not in dict(alarms(call))


def test_the_time_for_which_consent_held_it_back_is_no_pause_of_a_backends() -> None:
    call = agreed(max_pause=MINUTE)
    record = call.asks("pause", requested_by="agent")
    call.confirms("pause")
    assert guarding(call).next_due() == record.requested_at + MINUTE
    call.withdraws("ana")
    call.now += MINUTE / 2
    call.agrees("ana")
    assert guarding(call).next_due() == call.recording.holds[-1].until + MINUTE


# A resume that comes to nothing.


def test_a_resume_that_expires_is_taken_back_at_its_moment() -> None:
    call = paused_call()
    record = call.asks("resume", expires_at=call.now + 30 * SECOND)
    call.is_asked("resume")
    watch, due = guarding(call), record.expires_at
    assert watch.next_due() == due
    watch.act(due - SECOND)
    assert record.state == "pending"
    watch.act(due)
    assert (record.state, record.problem[:10]) == ("failed", "it expired")
    assert "recording 1: resume expired" in call.timeline
    why = "the resume of agent expired before ACS had confirmed it"
    assert asked_by_callvault(call) == [("pause", why)]
    assert call.recording.wanted == "paused"


@pytest.mark.parametrize("is_asked_again", [True, False])
def test_a_resume_that_released_nothing_or_was_asked_again_pauses_nothing(
    is_asked_again: bool,
) -> None:
    call = paused_call()
    record = call.asks("resume", expires_at=call.now + 30 * SECOND)
    call.is_asked("resume")
    if is_asked_again:
        call.asks("resume", requested_by="agent", expires_at=call.now + MINUTE * 9)
    else:
        for pause in call.recording.pauses:
            pause.released_at = at(-9)
    guarding(call).act(record.expires_at)
    assert record.state == "failed"
    assert asked_by_callvault(call) == []


# A recording that lasts too long, what is refused, looked for, awaited.


def test_a_recording_is_stopped_at_its_maximum_and_once() -> None:
    call = recording_call(max_duration=MINUTE)
    watch, due = guarding(call), call.recording.started_at + MINUTE
    assert watch.next_due() == due
    watch.act(due - SECOND)
    assert asked_by_callvault(call) == []
    for _ in range(2):
        watch.act(due)
    assert asked_by_callvault(call) == [("stop", "recording 1 reached its maximum")]


@pytest.mark.parametrize("why", ["no limit", "not started", "stopped"])
def test_a_recording_without_a_maximum_or_a_beginning_or_after_its_stop_is_not_stopped(
    why: str,
) -> None:
    limit = None if why == "no limit" else MINUTE
    call = Call(max_duration=limit) if why == "not started" else recording_call(max_duration=limit)
    if why == "stopped":
        call.asks("stop", requested_by="ana")
    guarding(call).act(call.now + MINUTE * 9)
    assert asked_by_callvault(call) == []


def test_what_acs_refused_is_asked_again_at_its_moment() -> None:
    call = recording_call()
    call.asks("stop")
    call.refuses(call.is_asked("stop"))
    watch, due = guarding(call), call.now + FIRST_REFUSED_INTERVAL
    assert (watch.next_due(), call.next) == (due, None)
    watch.act(due - SECOND)
    assert call.next is None
    watch.act(due)
    assert (watch.next_due(), call.next) == (None, "stop")


def test_a_start_that_was_given_up_is_looked_for_until_its_moment() -> None:
    call = Call()
    start = call.is_asked("start")
    acs_answers.failed(call.life, start, "no answer", call.ticks(), is_denied=False)
    watch, due = guarding(call), call.now + LOOKOUT_TIMEOUT
    assert watch.next_due() == due
    watch.act(due - SECOND)
    assert call.recording.looked_for_until == due
    watch.act(due)
    assert (call.recording.looked_for_until, watch.next_due()) == (None, None)


def test_a_callback_is_awaited_until_its_moment_while_it_starts() -> None:
    call = Call()
    call.life.status.policy = POLICY.model_copy(update={"callback_url": "https://gateway"})
    call.confirms("start")
    watch, due = guarding(call), call.now + acs_answers.CALLBACK_TIMEOUT
    assert (watch.next_due(), call.next) == (due, None)
    watch.act(due - SECOND)
    assert call.next is None
    watch.act(due)
    assert (watch.next_due(), call.next) == (None, "confirm")


def test_of_several_things_the_first_is_due_next() -> None:
    call = recording_call(max_duration=MINUTE)
    record = call.asks("pause")
    assert guarding(call).next_due() == record.requested_at + WITHIN
    record.is_overdue = True
    assert guarding(call).next_due() == call.recording.started_at + MINUTE


@pytest.mark.parametrize("facts", [{"origin": "announced"}, {"actual": Actual.STOPPED}])
def test_nothing_is_asked_again_of_what_is_over_or_was_not_asked_for(facts: dict) -> None:
    call = recording_call()
    call.recording.ask_again_at = call.now
    assert guarding(call).next_due() == call.now
    for name, value in facts.items():
        setattr(call.recording, name, value)
    assert guarding(call).next_due() is None


def test_nothing_is_due_of_what_records_as_it_should_nor_of_what_was_not_asked_for() -> None:
    call = recording_call(max_duration=MINUTE)
    call.recording.origin = "announced"
    assert guarding(call).next_due() is None
    assert guarding(recording_call()).next_due() is None


def test_what_began_paused_is_due_once_it_can_have_started() -> None:
    call = Call(pause_on_start=True).confirms("start")
    begun = call.recording.sound.begun_at
    assert guarding(call).next_due() == begun + STARTING_TIMEOUT + WITHIN
