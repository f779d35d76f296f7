"""Who holds a pause, who releases it, and what does a request under a used id do?"""

from datetime import timedelta

import pytest

from callvault.contracts.requests import ControlRequest
from callvault.contracts.status import ControlRecord
from workflows.call import pauses, repeats, state_limits
from workflows.call.alarms import Alarms
from workflows.call.commands import Operation
from workflows.call.guards import Watchdog
from workflows.call.lifecycle import Lifecycle

from .call import SECOND, Call, hashed, paused_call, recording_call


def watching(call: Call) -> Watchdog:
    return Watchdog(call.life, Alarms(call.life.status, "workflow"))


def both_pause(**request: object) -> Call:
    """Two agents have paused, each for themselves."""
    call = recording_call(**request)
    call.asks("pause", requested_by="ana", reason="card number")
    call.confirms("pause")
    call.asks("pause", requested_by="ben", reason="diagnosis")
    return call


def alarms_of(call: Call) -> list[tuple[str, str]]:
    return [(record.alarm.kind, record.alarm.what) for record in call.life.status.alarms]


# Held by who asked.


def test_a_resume_releases_the_pauses_of_its_requester_alone() -> None:
    call = both_pause()
    resume = call.asks("resume", requested_by="ana")
    call.reads("inactive")
    assert (call.recording.wanted, call.next) == ("paused", None)
    assert (resume.state, resume.is_done) == ("superseded", False)
    assert [(each.requested_by, each.reason) for each in resume.held_by] == [("ben", "diagnosis")]
    assert "released yours; it stays paused by ben" in resume.problem
    ana, ben = call.recording.pauses
    assert (ana.is_open, ana.released_by, ben.is_open) == (False, "ana", True)


def test_the_last_who_resumes_lets_it_record_again() -> None:
    call = both_pause()
    call.reads("inactive")
    call.asks("resume", requested_by="ana")
    last = call.asks("resume", requested_by="ben")
    sent_at = call.now
    call.confirms("resume")
    assert (last.state, last.held_by) == ("confirmed", [])
    assert [pause.resumed_at for pause in call.recording.pauses] == [sent_at, sent_at]


def test_who_has_not_paused_releases_nothing() -> None:
    call = paused_call()
    resume = call.asks("resume", requested_by="supervisor")
    assert (resume.state, [each.requested_by for each in resume.held_by]) == (
        "superseded",
        ["agent"],
    )
    assert call.recording.pauses[0].is_open


def test_a_resume_that_the_requesters_own_pause_overtakes_says_so() -> None:
    call = paused_call()
    resume = call.asks("resume", requested_by="agent")
    call.asks("pause", requested_by="agent")
    assert resume.problem == "superseded by the pause of agent"


def test_force_releases_all_and_names_those_who_still_held() -> None:
    call = both_pause()
    resume = call.asks("resume", requested_by="ana", force=True)
    call.confirms("resume")
    assert resume.state == "confirmed"
    assert (resume.force, [each.requested_by for each in resume.released]) == (True, ["ben"])
    assert [pause.released_by for pause in call.recording.pauses] == ["ana", "ana"]
    assert "ana released by force the pauses of ben" in call.timeline


def test_a_start_that_begins_paused_is_held_by_its_requester() -> None:
    call = Call(pause_on_start=True).confirms("start")
    assert call.asks("resume", requested_by="agent").state == "superseded"
    assert call.asks("resume", requested_by="backend").state == "pending"
    call.confirms("resume")


def test_what_somebody_else_paused_falls_to_any_resume() -> None:
    call = recording_call()
    call.recording.pauses.append(
        paused_call().recording.pauses[0].model_copy(update={"requested_by": pauses.THIRD_PARTY})
    )
    pauses.review(call.recording)
    assert call.recording.wanted == "paused"
    call.asks("resume", requested_by="agent")
    assert call.recording.wanted == "active"


def test_stop_ends_all_and_releases_nothing() -> None:
    call = both_pause()
    call.asks("stop", requested_by="carl")
    call.confirms("stop")
    assert call.recording.wanted == "stopped"
    assert all(pause.is_open for pause in call.recording.pauses)


def test_no_resume_releases_what_consent_demands_not_even_by_force() -> None:
    call = Call(consent_policy="all_parties", participants=[hashed("ana")])
    call.agrees("ana")
    call.confirms("start", "confirm")
    call.withdraws("ana")
    assert [pause.requested_by for pause in call.recording.pauses if pause.is_open] == [pauses.GATE]
    resume = call.asks("resume", requested_by="agent", force=True)
    assert resume.state == "failed"
    assert call.recording.pauses[-1].is_open
    assert call.recording.wanted == "active", "a hold is no wish"
    pauses.fold(call.recording, resume)
    assert call.recording.pauses[-1].is_open, "nor by any way round"


def test_nobody_outside_acts_under_callvaults_own_names() -> None:
    for name in pauses.RESERVED:
        request = pauses.of_outside(ControlRequest(requested_by=name))
        assert request.requested_by == f"caller {name}"
    plain = ControlRequest(requested_by="agent")
    assert pauses.of_outside(plain) is plain


def test_a_backends_pause_during_a_hold_has_its_own_record_and_outlives_it() -> None:
    """Fault G14: the evidence named the gate alone."""
    call = Call(consent_policy="all_parties", participants=[hashed("ana")])
    call.confirms("start")
    call.asks("pause", requested_by="agent", reason="card number")
    call.agrees("ana")
    call.reads("inactive")
    assert (call.recording.wanted, call.next) == ("paused", None)
    gate, agent = call.recording.pauses
    assert (gate.requested_by, gate.is_open) == (pauses.GATE, False)
    assert (agent.requested_by, agent.reason, agent.is_open) == ("agent", "card number", True)


def test_holders_without_end_are_held_together_and_stay_within_bounds() -> None:
    call = recording_call()
    for number in range(pauses.MAX_HOLDERS + 5):
        for _ in range(10):
            call.asks("pause", requested_by=f"agent {number}")
    held = {pause.requested_by for pause in call.recording.pauses if pause.is_open}
    assert len(held) == pauses.MAX_HOLDERS + 1
    assert len(call.recording.pauses) <= (pauses.MAX_HOLDERS + 1) * pauses.MAX_OPEN_OF_ONE
    for number in range(pauses.MAX_HOLDERS + 5):
        call.asks("resume", requested_by=f"agent {number}")
    assert [each.requested_by for each in pauses.holders(call.recording)] == [pauses.MANY]
    call.asks("resume", requested_by="agent 1", force=True)
    assert call.recording.wanted == "active"


def test_names_that_begin_alike_are_different_holders_however_long() -> None:
    call = recording_call()
    call.asks("pause", requested_by="x" * 500 + "1")
    assert call.asks("resume", requested_by="x" * 500 + "2").state == "superseded"
    call.asks("resume", requested_by="x" * 500 + "1")
    assert call.recording.wanted == "active"


def test_a_pause_that_is_held_outlives_the_limits_of_a_state_under_its_whole_name() -> None:
    call = recording_call()
    held = "x" * pauses.MAX_NAME
    call.asks("pause", requested_by=held)
    for _ in range(300):
        call.asks("pause", requested_by="agent", reason="y" * 1_000)
        call.asks("resume", requested_by="agent")
    state_limits.fit(call.life.status, 10_000, call.now)
    assert call.recording.pauses_left_out > 0
    assert [pause.requested_by for pause in call.recording.pauses if pause.is_open] == [held]
    call.asks("resume", requested_by=held)
    assert call.recording.wanted == "active"


# The longest pause.


def test_the_longest_pause_counts_from_the_newest_pause_of_each_holder() -> None:
    """Fault G8: one agent's limit ended another's protection."""
    call = recording_call(max_pause=timedelta(seconds=10), on_max_pause="resume")
    watch = watching(call)
    call.asks("pause", requested_by="ana")
    call.confirms("pause")
    call.now += 7 * SECOND
    ben = call.asks("pause", requested_by="ben")
    call.reads("inactive")
    watch.act(ben.requested_at + 3 * SECOND)
    assert [pause.is_open for pause in call.recording.pauses] == [False, True]
    assert (call.recording.wanted, call.next) == ("paused", None)
    [(kind, what)] = alarms_of(call)
    assert kind == "pause_too_long"
    assert "paused by ana" in what
    assert "stays paused by ben" in what
    watch.act(ben.requested_at + 10 * SECOND)
    call.confirms("resume")
    assert [pause.released_by for pause in call.recording.pauses] == ["callvault", "callvault"]


def test_who_pauses_again_is_protected_for_as_long_again() -> None:
    call = recording_call(max_pause=timedelta(seconds=10), on_max_pause="resume")
    call.asks("pause", requested_by="ana")
    call.confirms("pause")
    call.now += 7 * SECOND
    again = call.asks("pause", requested_by="ana")
    call.reads("inactive")
    assert watching(call).next_due() == again.requested_at + 10 * SECOND


# The expiry of a resume.


@pytest.mark.parametrize("own", [timedelta(seconds=5), None])
def test_a_resume_that_is_seen_too_late_does_nothing(own: timedelta | None) -> None:
    call = paused_call()
    asked = call.now
    facts = {"expires_at": asked + own} if own else {}
    call.now += (own or timedelta(seconds=60)) + SECOND
    resume = call.asks("resume", requested_by="agent", requested_at=asked, **facts)
    assert (resume.state, call.next, call.recording.wanted) == ("failed", None, "paused")
    assert "expired" in resume.problem
    assert call.recording.pauses[0].is_open


def test_a_resume_that_cannot_be_sent_in_time_is_taken_back() -> None:
    call = paused_call()
    watch = watching(call)
    resume = call.asks("resume", requested_by="agent")
    command = call.is_asked("resume")
    assert watch.next_due() == resume.expires_at == resume.requested_at + timedelta(seconds=60)
    call.now += timedelta(seconds=61)
    watch.act(call.now)
    assert (resume.state, call.recording.wanted) == ("failed", "paused")
    assert call.life.is_superseded(command)
    call.gives_up(command)
    call.confirms("pause")
    assert [pause.requested_by for pause in call.recording.pauses] == ["agent", pauses.GUARD]
    # It protects nobody of its own: the next resume ends it.
    call.asks("resume", requested_by="agent")
    call.confirms("resume")
    assert call.recording.state == "recording"


def test_a_resume_that_expires_beside_a_younger_one_leaves_that_its_way() -> None:
    call = paused_call()
    watch = watching(call)
    call.asks("resume", requested_by="agent")
    call.is_asked("resume")
    call.now += timedelta(seconds=50)
    call.asks("resume", requested_by="agent")
    watch.act(call.now + timedelta(seconds=11))
    assert call.recording.wanted == "active"


def test_what_consent_resumes_does_not_expire() -> None:
    call = Call(consent_policy="all_parties", participants=[hashed("ana")])
    call.confirms("start")
    call.agrees("ana")
    assert watching(call).next_due() is None


# The same requestId.


def reused(call: Call, operation: str, **request: object) -> str | None:
    asked = ControlRequest.model_validate(request)
    return call.life.reused(Operation(operation), asked)


def test_a_pause_under_the_id_of_another_request_is_carried_out() -> None:
    """Fault G10: it was swallowed, and answered with the first one's record."""
    call = paused_call()
    call.asks("resume", requested_by="agent", request_id="1")
    call.confirms("resume")
    pause = call.asks("pause", requested_by="agent", reason="card number", request_id="1")
    call.confirms("pause")
    assert (pause.operation, pause.state) == ("pause", "confirmed")
    assert call.life.status.requests["1"].operation == "resume"
    assert "under its requestId before: it is carried out all the same" in call.timeline


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"reason": "card number"}, {"reason": "diagnosis"}),
        ({"requested_by": "ana"}, {"requested_by": "ben"}),
    ],
)
def test_another_content_makes_another_request(
    first: dict[str, str], second: dict[str, str]
) -> None:
    call = recording_call()
    one = call.asks("pause", request_id="1", **first)
    other = call.asks("pause", request_id="1", **second)
    assert other is not one
    assert reused(call, "resume", request_id="1", **first) is not None


def test_a_resume_under_the_id_of_another_request_is_refused() -> None:
    call = paused_call()
    pause = call.asks("pause", requested_by="agent", request_id="1")
    call.reads("inactive")
    sentence = reused(call, "resume", requested_by="agent", request_id="1")
    assert "was used for a pause asked by agent" in (sentence or "")
    resume = call.asks("resume", requested_by="agent", request_id="1")
    assert (resume.state, resume.problem) == ("failed", sentence)
    assert (call.recording.wanted, pause.state) == ("paused", "confirmed")


def test_a_stop_under_the_id_of_another_request_is_carried_out() -> None:
    call = recording_call()
    call.asks("pause", request_id="1")
    call.asks("stop", request_id="1")
    assert call.recording.wanted == "stopped"


def test_times_make_no_other_request() -> None:
    call = recording_call()
    asked = call.now
    first = call.asks("pause", request_id="1", requested_at=asked)
    assert call.asks("pause", request_id="1", requested_at=asked + SECOND) is first
    resume = call.asks("resume", request_id="2", expires_at=asked + timedelta(hours=1))
    assert call.asks("resume", request_id="2", expires_at=asked + timedelta(hours=2)) is resume


def pause_again_after_its_resume(
    call: Call, **facts: object
) -> tuple[ControlRecord, ControlRecord]:
    first = call.asks("pause", request_id="1", requested_at=call.now)
    call.confirms("pause")
    call.asks("resume")
    call.confirms("resume")
    return first, call.asks("pause", request_id="1", **facts)


def test_a_pause_that_was_released_is_not_confirmed_from_memory() -> None:
    call = recording_call()
    first, again = pause_again_after_its_resume(call)
    assert again is not first
    assert (again.state, call.next) == ("pending", "pause")


def test_a_repetition_from_before_the_resume_pauses_nothing_and_is_not_confirmed() -> None:
    call = recording_call()
    first, again = pause_again_after_its_resume(call, requested_at=call.now)
    assert (again is first, call.next) == (True, None)
    answer = repeats.answer_of(call.life.status, again, call.now)
    assert (answer.state, answer.is_done, first.state) == ("superseded", False, "confirmed")


def test_a_pause_that_still_holds_may_be_asked_again() -> None:
    call = recording_call()
    first = call.asks("pause", request_id="1")
    call.confirms("pause")
    again = call.asks("pause", request_id="1")
    call.reads("inactive")
    assert (first.state, again.state, call.next) == ("confirmed", "confirmed", None)
    call.asks("resume")
    assert call.recording.wanted == "active"


# The time of a request.


def test_a_request_has_its_own_time_which_is_never_later_than_now() -> None:
    call = recording_call()
    call.now += timedelta(minutes=10)
    asked = call.now - timedelta(minutes=2)
    early = call.asks("pause", requested_at=asked)
    assert (early.requested_at, early.received_at) == (asked, call.now)
    late = call.asks("pause", requested_by="b", requested_at=call.now + timedelta(hours=1))
    assert late.requested_at == late.received_at == call.now
    assert [pause.requested_at for pause in call.recording.pauses] == [asked, call.now]


def test_no_request_is_older_than_its_recording() -> None:
    call = recording_call()
    old = call.asks("pause", requested_at=call.now - timedelta(days=9))
    assert old.requested_at == call.recording.requested_at


def test_a_pause_that_was_seen_late_is_overdue_at_first_sight() -> None:
    """Faults G3 and H5: deadlines counted from when a worker saw the request."""
    call = recording_call()
    call.now += timedelta(minutes=10)
    watch = watching(call)
    pause = call.asks("pause", requested_at=call.now - timedelta(minutes=1))
    watch.act(call.now)
    assert pause.is_overdue
    assert [kind for kind, _ in alarms_of(call)] == ["pause_unconfirmed"]


@pytest.mark.parametrize("odd", ["yesterday", 12, [], "9" * 90, "0001-01-01T00:00:00Z"])
def test_a_pause_is_not_refused_for_an_odd_time(odd: object) -> None:
    assert ControlRequest.model_validate({"requestedAt": odd}).requested_at is None


def test_the_start_of_a_call_has_its_own_time() -> None:
    call = Call()
    assert isinstance(call.life, Lifecycle)
    earlier = Call(requested_at=call.now - timedelta(minutes=3))
    assert earlier.recording.requested_at == call.now - timedelta(minutes=3)


# Superseded.


def test_a_pause_that_was_overtaken_says_by_whom() -> None:
    """Fault G9."""
    call = recording_call()
    pause = call.asks("pause", requested_by="ana")
    call.asks("resume", requested_by="ben", force=True)
    assert (pause.state, pause.is_done) == ("superseded", False)
    assert pause.problem == "superseded by the resume of ben"


@pytest.mark.parametrize(
    ("ends", "by"),
    [
        (lambda call: call.asks("stop", requested_by="carl"), "the stop of carl"),
        (lambda call: call.ends(), "the recording's end"),
    ],
)
def test_a_pause_that_the_end_overtook_says_so(ends, by: str) -> None:  # type: ignore[no-untyped-def]
    call = recording_call()
    pause = call.asks("pause", requested_by="ana")
    ends(call)
    assert pause.problem == f"superseded by {by}"


def test_with_another_key_the_same_name_is_another_holder() -> None:
    """Anybody may write a name; only the gateway writes the key or token behind it."""
    call = recording_call()
    call.asks("pause", requested_by="agent", authenticated_as="key crm")
    held = call.asks("resume", requested_by="agent", authenticated_as="key ivr")
    assert "stays paused by agent (key crm)" in held.problem
    call.asks("resume", requested_by="agent", authenticated_as="key crm")
    assert call.recording.wanted == "active"
    assert call.recording.pauses[0].released_by == "agent (key crm)"


# Texts that were cut, because a call with many requests outgrew what Temporal carries.

WORDS = {"requested_by": "€" * 1_024, "authenticated_as": "key " * 50, "reason": "€" * 1_024}


def outgrown(call: Call) -> None:
    """Give up all texts that a call may give up."""
    state_limits.fit(call.life.status, 0, call.now)


def test_a_pause_with_long_words_stays_confirmed_when_they_are_cut() -> None:
    """A name that was cut was another's: the pause seemed to be released, and was refused."""
    call = recording_call()
    pause = call.asks("pause", **WORDS)
    outgrown(call)
    call.confirms("pause")
    assert repeats.answer_of(call.life.status, pause, call.now).state == "confirmed"
    outgrown(call)
    assert repeats.answer_of(call.life.status, pause, call.now).state == "confirmed"
    assert [each.confirmed_at for each in pauses.of(call.recording, pause)] == [call.now]


def test_what_is_cut_of_two_long_names_leaves_them_two() -> None:
    call = recording_call()
    first = call.asks("pause", requested_by="€" * 1_023 + "a")
    second = call.asks("pause", requested_by="€" * 1_023 + "b")
    outgrown(call)
    assert pauses.holder_of(first) != pauses.holder_of(second)
    call.asks("resume", requested_by="€" * 1_023 + "a")
    assert [pause.is_open for pause in call.recording.pauses] == [False, True]


def test_a_resume_with_long_words_expires_when_they_are_cut() -> None:
    call = recording_call()
    call.asks("pause", **WORDS)
    call.confirms("pause")
    resume = call.asks("resume", **WORDS)
    outgrown(call)
    assert resume.expires_at is not None
    watching(call).act(resume.expires_at)
    assert (resume.state, call.recording.wanted) == ("failed", "paused")


@pytest.mark.parametrize("asked", [pauses.MAX_OPEN_OF_ONE, pauses.MAX_OPEN_OF_ONE + 1, 20])
def test_of_the_open_pauses_of_one_holder_the_first_and_the_newest_are_kept(asked: int) -> None:
    call = recording_call()
    for number in range(asked):
        call.asks("pause", requested_by="ana", reason=str(number))
    kept = [int(pause.reason) for pause in call.recording.pauses]
    assert (kept[0], kept[-1]) == (0, asked - 1)
    newest = list(range(asked))[1 - pauses.MAX_OPEN_OF_ONE :]
    assert kept == sorted({0, *newest})
    assert len(kept) == pauses.MAX_OPEN_OF_ONE, "as many as there may be"
    assert call.recording.pauses_left_out == asked - len(kept)


def test_as_many_holders_are_told_apart_as_there_may_be_whatever_else_is_held() -> None:
    call = Call(consent_policy="all_parties", participants=[hashed("ana")])
    call.agrees("ana")
    call.confirms("start", "confirm")
    call.withdraws("ana")
    for number in range(pauses.MAX_HOLDERS):
        call.asks("pause", requested_by=f"agent {number}")
    held = {pause.requested_by for pause in call.recording.pauses if pause.is_open}
    assert held == {pauses.GATE, *(f"agent {number}" for number in range(pauses.MAX_HOLDERS))}
