"""Who is told of what, under which id."""

from datetime import timedelta

from callvault.contracts.alarms import AlarmKind, Severity
from workflows.alarms import Alarms

from .call import NOON, stopped_call


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
