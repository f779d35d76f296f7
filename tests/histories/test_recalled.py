"""Does a history that is folded, as its run answers no query, claim no more than the run did?"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from callvault.contracts import names
from callvault.contracts.activity_io import ControlResult
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.events import RecordingStateChanged
from callvault.contracts.manifest import SealInput
from callvault.contracts.silence import SilentInterval
from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import CallStatus, RecordingStatus
from callvault.temporal.converter import data_converter
from tests.unit.test_messages import ODD_PAUSES
from workers.recall import FoldedHistory
from workflows.call import legal_holds
from workflows.call.commands import next_operation

from .recorded import Recorded, all_recorded, recorded_as

OF_CALLS = [
    each
    for each in all_recorded()
    if each.history().events[0].workflow_execution_started_event_attributes.workflow_type.name
    == names.WORKFLOW_TYPE
]
STORIES = pytest.mark.parametrize("recorded", [pytest.param(e, id=e.name) for e in OF_CALLS])

SOUND = ("start_recording", "resume_recording")
"""Activities that ask ACS for sound, however they end."""

TASK = timedelta(seconds=1)
"""Time of a workflow task: a run hears of an answer, and decides, that much later or earlier than
its history has the event. Both are true: sound is sent for after the event."""


def scheduled(events: list[HistoryEvent], *kinds: str) -> Iterator[tuple[int, HistoryEvent]]:
    for index, event in enumerate(events):
        kind = event.activity_task_scheduled_event_attributes.activity_type.name
        if kind in kinds:
            yield index, event


async def folded_status(events: list[HistoryEvent]) -> CallStatus:
    client = await Client.connect("127.0.0.1:1", lazy=True, data_converter=data_converter)
    return await FoldedHistory(client).status(events)


async def recordings(events: list[HistoryEvent]) -> list[RecordingStatus]:
    return (await folded_status(events)).recordings


async def folded(events: list[HistoryEvent]) -> dict[int, list[SilentInterval]]:
    return {each.number: each.silence.silent for each in await recordings(events)}


def until(interval: SilentInterval) -> datetime:
    return interval.until or datetime(9000, 1, 1, tzinfo=UTC)


@STORIES
async def test_no_silence_goes_on_while_sound_is_asked_for(recorded: Recorded) -> None:
    """It ended with ACS's answer, so that a manifest claimed silence for what was recorded."""
    events = list(recorded.history().events)
    asked = [e.event_time.ToDatetime(tzinfo=UTC) for _, e in scheduled(events, *SOUND)]
    for intervals in (await folded(events)).values():
        for each in intervals:
            assert not [at for at in asked if each.since < at < until(each)]


@STORIES
async def test_what_is_folded_claims_no_silence_that_the_run_did_not(recorded: Recorded) -> None:
    events = list(recorded.history().events)
    for index, event in scheduled(events, "seal_recording"):
        payloads = event.activity_task_scheduled_event_attributes.input.payloads
        [order] = await data_converter.decode(payloads, [SealInput])
        claims = order.recording.silence.silent
        for each in (await folded(events[:index])).get(order.recording.number, []):
            assert any(
                claim.since - TASK <= each.since and until(each) <= until(claim) + TASK
                for claim in claims
            ), (each, claims)


async def paused_until_resumed() -> tuple[list[HistoryEvent], HistoryEvent]:
    """Return the events of a call that is paused, and the one that schedules its resume."""
    events = list(recorded_as("pauses").history().events)
    index, resuming = next(scheduled(events, "resume_recording"))
    [[silent]] = (await folded(events[:index])).values()
    assert silent.until is None
    return events[:index], resuming


async def test_a_resume_that_was_on_its_way_ends_the_silence() -> None:
    events, resuming = await paused_until_resumed()
    [[silent]] = (await folded([*events, resuming])).values()
    assert silent.until == resuming.event_time.ToDatetime(tzinfo=UTC)


@pytest.mark.parametrize("end", ["failed", "timed_out", "canceled"])
async def test_a_resume_without_an_answer_may_still_arrive(end: str) -> None:
    events, resuming = await paused_until_resumed()
    ended = HistoryEvent(event_id=resuming.event_id + 2, event_time=resuming.event_time)
    getattr(ended, f"activity_task_{end}_event_attributes").scheduled_event_id = resuming.event_id
    [recording] = await recordings([*events, resuming, ended])
    assert recording.sound.may_arrive_until is not None
    assert not recording.sound.is_sound_asked


async def test_a_reading_that_found_it_recording_takes_the_silence_back() -> None:
    events, resuming = await paused_until_resumed()
    [before] = await recordings(events)
    read_at = resuming.event_time.ToDatetime(tzinfo=UTC)
    assert before.recording_id is not None
    seen = ControlResult(
        recording_id=before.recording_id, state="active", read_at=read_at, received_at=read_at
    )
    polling = HistoryEvent(event_id=resuming.event_id, event_time=resuming.event_time)
    attributes = polling.activity_task_scheduled_event_attributes
    attributes.activity_type.name = "poll_state"
    payloads = await data_converter.encode([seen])
    attributes.input.payloads.extend(payloads)
    ended = HistoryEvent(event_id=resuming.event_id + 1, event_time=resuming.event_time)
    completed = ended.activity_task_completed_event_attributes
    completed.scheduled_event_id = polling.event_id
    completed.result.payloads.extend(payloads)
    [recording] = await recordings([*events, polling, ended])
    assert not [each for each in recording.silence.silent if each.until is None]
    assert recording.silence.unconfirmed


async def signalled(after: HistoryEvent, name: str, payload: object) -> HistoryEvent:
    """Return the event of a signal that comes at the time of another event."""
    event = HistoryEvent(event_id=after.event_id + 1, event_time=after.event_time)
    attributes = event.workflow_execution_signaled_event_attributes
    attributes.signal_name = name
    attributes.input.payloads.extend(await data_converter.encode([payload]))
    return event


async def being_recorded() -> list[HistoryEvent]:
    """Return the events of a call that is recorded, until the answer to its start."""
    events = list(recorded_as("pauses").history().events)
    [(_, start)] = scheduled(events, "start_recording")
    ends = (e.activity_task_completed_event_attributes.scheduled_event_id for e in events)
    return events[: 1 + list(ends).index(start.event_id)]


@pytest.mark.parametrize("payload", ODD_PAUSES)
async def test_a_pause_that_the_run_took_is_not_resumed_by_who_takes_over(payload: object) -> None:
    """It was read more strictly here than by the run, whose recording was then resumed."""
    events = await being_recorded()
    [recording] = await recordings([*events, await signalled(events[-1], names.PAUSE, payload)])
    assert recording.wanted is Wanted.PAUSED
    assert [each.is_open for each in recording.pauses] == [True]
    recording.actual = Actual.PAUSED
    assert next_operation(recording) is None


async def test_a_callback_of_a_sound_takes_the_silence_back() -> None:
    """No callback was folded, so that the silence went on in which it told of a sound."""
    events, resuming = await paused_until_resumed()
    [before] = await recordings(events)
    at = resuming.event_time.ToDatetime(tzinfo=UTC) + timedelta(hours=1)
    resuming.event_time.FromDatetime(at)
    told = RecordingStateChanged(
        recording=1, recording_id=before.recording_id, state="active", at=at, is_signed=True
    )
    callback = await signalled(resuming, names.RECORDING_STATE_CHANGED, told)
    status = await folded_status([*events, callback])
    [recording] = status.recordings
    assert not [each for each in recording.silence.silent if each.until is None]
    assert [each.alarm.kind for each in status.alarms] == [AlarmKind.STATE_UNEXPECTED]


async def test_a_legal_hold_is_written_by_who_takes_over_unless_it_is_written() -> None:
    events = list(recorded_as("legal-hold").history().events)
    placed = [event for _, event in scheduled(events, "place_legal_hold")]
    released = [event for _, event in scheduled(events, "release_legal_hold")]
    assert placed
    assert released
    [unwritten] = (await folded_status(events[: events.index(placed[0])])).legal_holds
    assert unwritten.id == ""
    status = await folded_status(events)
    assert all(each.id and each.archives for each in status.legal_holds)
    assert legal_holds.to_write(status) is None
