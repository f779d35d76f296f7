"""Who is told of what, under which id."""

from datetime import timedelta

from callvault.contracts.alarms import Acknowledge, AlarmKind, Severity
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
