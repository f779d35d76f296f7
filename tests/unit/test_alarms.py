"""Who is told of what, under which id."""

from datetime import timedelta

import pytest

from callvault.contracts.alarms import Acknowledge, AlarmKind, Severity
from workflows.call.activity_ids import export_id
from workflows.call.alarms import Alarms

from .call import NOON, POLICY, WINDOW, Call, chunk, stopped_call

HOUR = timedelta(hours=1)


def test_no_two_alarms_have_one_id_even_where_a_late_event_begins_a_call_anew() -> None:
    """A receiver drops what it has heard under the same id before."""
    ids = []
    for at in (NOON, NOON + timedelta(hours=30)):
        call = stopped_call()
        alarms = Alarms(call.life.status, "recording-1")
        for _ in range(2):
            alarms.add(AlarmKind.LOST, Severity.CRITICAL, "lost", call.recording, at)
        ids += [record.alarm.id for record in call.life.status.alarms]
    assert len(set(ids)) == 4


def test_without_a_name_only_alarms_that_somebody_was_told_of_are_acknowledged() -> None:
    call = stopped_call()
    alarms = Alarms(call.life.status, "recording-1")
    for kind in (AlarmKind.EXPORT_LATE, AlarmKind.LOST):
        alarms.add(kind, Severity.CRITICAL, "look", call.recording, NOON)
    told, untold = call.life.status.alarms
    told.sent_at = NOON
    assert alarms.acknowledge(Acknowledge(requested_by="Olga"), NOON) == 1
    assert (told.acknowledged_by, untold.acknowledged_at) == ("Olga", None)
    named = Acknowledge(requested_by="Olga", alarm_id=untold.alarm.id)
    assert alarms.acknowledge(named, NOON) == 1


def announced(after: timedelta) -> tuple[Call, Alarms]:
    """A recording of that length, whose file is announced at its end; there is a fallback."""
    call = stopped_call()
    call.life.status.policy = POLICY.model_copy(update={"fallback_archive": "second"})
    call.now = NOON + after
    call.announced(chunk(), at=call.now)
    [file] = call.recording.chunks
    file.retention_starts_at = NOON
    file.expires_at = NOON + WINDOW
    return call, Alarms(call.life.status, "recording-1")


def test_a_file_goes_to_the_fallback_after_half_of_the_window() -> None:
    call, alarms = announced(timedelta())
    alarms.raise_due(NOON + WINDOW / 2 - HOUR)
    assert call.recording.archive == "main"
    alarms.raise_due(NOON + WINDOW / 2 + HOUR)
    assert call.recording.archive == "second"


def test_what_may_be_gone_on_arrival_has_half_of_its_last_chance_for_the_first_archive() -> None:
    call, alarms = announced(WINDOW + HOUR)
    alarms.raise_due(call.now + timedelta(minutes=4))
    assert call.recording.archive == "main"
    alarms.raise_due(call.now + timedelta(minutes=6))
    assert call.recording.archive == "second"


def test_a_file_that_was_announced_late_has_half_of_the_rest_for_the_first_archive() -> None:
    call, alarms = announced(timedelta(hours=40))
    alarms.raise_due(NOON + timedelta(hours=43))
    assert call.recording.archive == "main"
    alarms.raise_due(NOON + timedelta(hours=45))
    assert call.recording.archive == "second"


def test_an_alarm_names_the_file_or_the_recording_that_it_is_about_and_when_that_expires() -> None:
    call, alarms = announced(timedelta())
    [file] = call.recording.chunks
    call.recording.expires_at = NOON + HOUR
    for recording, about in ((call.recording, file), (call.recording, None), (None, None)):
        alarms.add(AlarmKind.LOST, Severity.CRITICAL, "look", recording, NOON, about)
    told = [record.alarm for record in call.life.status.alarms]
    assert [(a.recording_id, a.chunk_index, a.expires_at) for a in told] == [
        ("recording-1", 0, NOON + WINDOW),
        ("recording-1", None, NOON + HOUR),
        (None, None, None),
    ]
    assert told[0].what.startswith("recording 1: ")
    assert told[2].what == "look"


def test_a_file_goes_to_the_fallback_at_that_very_moment_and_no_sooner() -> None:
    call, alarms = announced(timedelta())
    file = call.recording.chunks[0]
    file.escalations = 100
    due = alarms.next_due()
    assert due is not None
    alarms.raise_due(due - timedelta(microseconds=1))
    assert call.recording.archive == "main"
    alarms.raise_due(due)
    assert call.recording.archive == "second"


@pytest.mark.parametrize("awaits", ["an event", "an export"])
def test_an_alarm_is_raised_as_soon_as_it_is_due_and_no_sooner(awaits: str) -> None:
    call, alarms = announced(timedelta())
    call.life.status.policy = POLICY
    if awaits == "an event":
        call.recording.chunks = []
    due = alarms.next_due()
    assert due is not None
    alarms.raise_due(due - timedelta(microseconds=1))
    assert call.life.status.alarms == []
    alarms.raise_due(due)
    assert len(call.life.status.alarms) == 1


def test_a_long_document_id_makes_no_activity_id_that_the_server_refuses() -> None:
    """Of more than 1,000 characters it refuses the workflow's task, for ever."""
    documents = [f"{letter * 2_047}{end}" for letter in "ab" for end in "cd"]
    ids = {export_id(document, 1) for document in documents}
    assert len(ids) == 4
    assert max(map(len, ids)) < 1_000
