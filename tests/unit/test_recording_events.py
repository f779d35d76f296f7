"""Is it told what became of a recording: in order, truthfully, nothing twice, nothing of others?"""

from typing import Any

import pytest

from callvault.contracts.recording_events import RecordingEvent
from callvault.contracts.requests import StartRequest
from callvault.contracts.status import RecordingStatus
from callvault.contracts.takeover import LastState
from tests.policies import a_policy
from workflows.call import recording_events, silence
from workflows.call.commands import Operation

from .call import NOON, SECOND, Call, chunk, more, paused_call, recording_call, stopped_call

URL = "https://crm.example/hooks/calls"


def watched(call: Call, **settings: Any) -> Call:
    """Give a call's resource a webhook."""
    call.life.policy_known(a_policy(tells_events=True, **settings))
    call.life.settle_all(call.now)
    return call


def next_event(
    call: Call, recording: RecordingStatus | None = None, *, is_sealing: bool = False
) -> RecordingEvent | None:
    """Make the next event of a recording, and take it for told."""
    status, recording = call.life.status, recording or call.recording
    kind = recording_events.next_kind(status, recording, is_sealing=is_sealing)
    if kind is None:
        return None
    event = recording_events.make(status, recording, kind, "recording-1", call.ticks())
    recording_events.told(status, event)
    return event


def all_events(call: Call, recording: RecordingStatus | None = None) -> list[RecordingEvent]:
    return list(iter(lambda: next_event(call, recording), None))


def kinds(events: list[RecordingEvent]) -> list[str]:
    return [str(each.kind) for each in events]


def test_nothing_is_told_of_what_is_only_starting() -> None:
    assert all_events(watched(Call())) == []


def test_a_recording_without_a_receiver_is_not_to_be_told() -> None:
    call = recording_call()
    assert list(recording_events.to_tell(call.life.status)) == []
    assert list(recording_events.to_tell(watched(call).life.status)) == [call.recording]


def test_a_pause_is_told_only_once_silence_is_proven() -> None:
    call = watched(recording_call())
    call.asks("pause")
    command = call.is_asked("pause")
    assert kinds(all_events(call)) == ["started"], "ACS was asked, and has not answered"
    call.answers(command)
    [paused] = all_events(call)
    [claim] = call.recording.silence.silent
    assert (paused.kind, paused.silent_since, paused.proof) == ("paused", claim.since, claim.proof)


def test_a_pause_that_came_and_went_while_nothing_could_be_told_is_told_with_its_end() -> None:
    call = paused_call()
    call.asks("resume", requested_by="agent")
    call.confirms("resume")
    started, paused, resumed = all_events(watched(call))
    assert kinds([started, paused, resumed]) == ["started", "paused", "resumed"]
    assert resumed.silent_since == paused.silent_since
    assert resumed.silent_until == call.recording.silence.silent[0].until
    assert not resumed.is_retracted


def test_what_is_silent_to_its_end_is_stopped_and_was_not_resumed() -> None:
    call = watched(paused_call())
    call.asks("stop")
    call.confirms("stop")
    assert kinds(all_events(call)) == ["started", "paused", "stopped"]


def test_a_claim_that_is_taken_back_is_told_to_be_none() -> None:
    call = watched(paused_call())
    assert kinds(all_events(call)) == ["started", "paused"]
    call.now += 60 * SECOND
    silence.active_read(call.recording, call.now, call.ticks())
    [resumed] = all_events(call)
    assert (resumed.kind, resumed.is_retracted) == ("resumed", True)
    [doubt] = [each for each in call.recording.silence.unconfirmed if each.is_finding]
    assert resumed.at <= call.now
    assert resumed.silent_until is None or resumed.silent_until >= doubt.since


def test_an_end_waits_for_its_manifest() -> None:
    call = watched(stopped_call())
    all_events(call)
    call.announced(chunk())
    assert next_event(call) is None, "its file is not archived"
    call.archives(chunk())
    assert next_event(call, is_sealing=True) is None
    archived = next_event(call)
    assert archived is not None
    assert (archived.kind, archived.is_final, archived.corrects) == ("archived", True, None)
    assert [(each.index, each.state, each.size) for each in archived.files] == [(0, "archived", 10)]
    assert next_event(call) is None, "it is told once"


def test_a_file_that_comes_late_makes_another_end_that_names_the_one_before() -> None:
    call = watched(stopped_call())
    call.announced(chunk())
    call.archives(chunk())
    *_, first = all_events(call)
    late = chunk(0, document="another")
    call.announced(late)
    assert next_event(call) is None, "it is no end as long as a file is missing"
    call.archives(late)
    [second] = all_events(call)
    assert (second.corrects, len(second.files)) == (first.id, 2)
    assert second.sequence > first.sequence


def test_a_lost_file_is_told_with_its_reason() -> None:
    call = watched(stopped_call())
    call.announced(more(0), chunk(1))
    call.archives(more(0))
    call.loses(chunk(1))
    *_, lost = all_events(call)
    assert lost.kind == "lost"
    assert [(each.state, each.lost_reason) for each in lost.files] == [
        ("archived", ""),
        ("lost", "404 for an hour"),
    ]


def test_a_start_that_is_refused_is_told_as_failed_with_the_reason() -> None:
    call = watched(Call())
    call.refuses(call.is_asked("start"))
    [failed] = all_events(call)
    assert (failed.kind, failed.recording_id) == ("failed", None)
    assert "the key is not accepted" in failed.reason


def test_what_is_declined_is_told_with_the_reason() -> None:
    call = watched(Call(consent_policy="all_parties", before_consent="wait"))
    call.life.decline(call.recording, "nobody has agreed", call.ticks())
    [declined] = all_events(call)
    assert (declined.kind, declined.reason) == ("declined", "nobody has agreed")


def test_what_was_stopped_before_acs_was_asked_is_told_as_empty() -> None:
    call = watched(Call())
    call.asks("stop")
    assert kinds(all_events(call)) == ["empty"]


def test_of_a_recording_that_another_program_controls_only_the_end_is_told() -> None:
    call = watched(Call(start_recording=False))
    call.announced(chunk(), of="theirs")
    call.archives(chunk())
    assert kinds(all_events(call)) == ["archived"]


def told_again(call: Call) -> list[str]:
    """Tell everything once more, as a run that does not know what was told."""
    call.life.status.told.clear()
    return [each.id for each in all_events(call)]


def test_the_same_facts_are_told_under_the_same_ids() -> None:
    call = watched(paused_call())
    call.asks("resume", requested_by="agent")
    call.confirms("resume")
    call.asks("stop")
    call.confirms("stop")
    call.announced(chunk())
    call.archives(chunk())
    first = [each.id for each in all_events(call)]
    assert len(set(first)) == 5
    assert told_again(call) == first


def test_two_recordings_of_a_call_share_no_id() -> None:
    call = watched(stopped_call())
    first = all_events(call)
    call.asks("start", requested_by="backend")
    call.confirms("start", "confirm")
    second = all_events(call, call.life.recording(2))
    assert kinds(second) == ["started"]
    assert not {each.id for each in first} & {each.id for each in second}


def test_sequences_grow_even_if_no_time_passes() -> None:
    call = watched(paused_call())
    status = call.life.status
    events = []
    for _ in range(2):
        kind = recording_events.next_kind(status, call.recording, is_sealing=False)
        assert kind is not None
        events.append(recording_events.make(status, call.recording, kind, "recording-1", NOON))
        recording_events.told(status, events[-1])
    assert events[0].sequence < events[1].sequence


# Runs.


@pytest.mark.parametrize("is_reset", [True, False])
def test_what_a_dead_run_has_told_is_not_told_again(is_reset: bool) -> None:
    dead = watched(stopped_call())
    assert kinds(all_events(dead)) == ["started", "stopped"]
    call = watched(Call() if is_reset else stopped_call())
    last = LastState(run_id="dead", status=dead.life.status)
    call.life.recalled(last, call.ticks(), is_reset=is_reset)
    assert all_events(call) == []
    assert call.life.status.told_at == dead.life.status.told_at


def test_an_end_that_a_reset_run_had_told_is_corrected_by_the_next() -> None:
    dead = watched(stopped_call())
    dead.announced(chunk())
    dead.archives(chunk())
    *_, end = all_events(dead)
    call = watched(Call())
    last = LastState(run_id="dead", status=dead.life.status)
    call.life.recalled(last, call.ticks(), is_reset=True)
    late = chunk(0, document="another")
    call.announced(late)
    call.archives(late)
    [corrected] = all_events(call)
    assert corrected.corrects == end.id


def test_the_number_of_a_recording_that_is_no_more_is_not_given_again() -> None:
    """What was told of it would count for the other one."""
    call = watched(Call())
    call.announced(chunk(), of="recording-1")
    call.archives(chunk())
    assert kinds(all_events(call, call.life.recording(2))) == ["archived"]
    call.confirms("start")
    assert [each.number for each in call.life.status.recordings] == [1]
    call.announced(chunk(0, document="b"), of="another")
    assert [each.number for each in call.life.status.recordings] == [1, 3]


# Receivers.


def test_a_request_names_a_receiver_of_its_own_beside_that_of_the_resource() -> None:
    call = watched(recording_call(), webhook_allowed_urls=("https://crm.example/hooks",))
    call.asks("stop")
    call.confirms("stop")
    call.asks("start", webhook_url=URL)
    call.confirms("start", "confirm")
    recording = call.life.recording(2)
    event = next_event(call, recording)
    assert event is not None
    sent = recording_events.deliveries(call.life.status, recording, event)
    assert [each.url for each in sent] == [None, URL]
    assert {each.event.id for each in sent} == {event.id}


def test_a_receiver_that_is_not_allowed_is_left_out_and_noted_and_the_recording_begins() -> None:
    call = Call(webhook_url=URL)
    assert call.recording.webhook_url is None
    assert "does not allow this URL: name one that its setting" in call.timeline
    assert call.next == "start"
    again = StartRequest(webhook_url="http://169.254.169.254/latest")
    call.asks("stop")
    call.life.request(Operation.START, again, call.ticks())
    assert [each.webhook_url for each in call.life.status.recordings] == [None, None]
