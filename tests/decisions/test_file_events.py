"""Events about files, folded: which alarms each of them raises."""

from typing import Any

import pytest

from callvault.contracts.alarms import AlarmKind, Severity
from tests.unit.call import ALL, Call, awaiting, chunk, event, more, stopped_call
from workflows.call import acs_answers, chunks, file_events


def folded(call: Call, *files: int, of: str = "recording-1") -> int:
    """Fold an event about these files; return how many were left out."""
    told = event(*map(more, files[:-1]), chunk(files[-1]), of=of)
    return file_events.fold(call.life, call.alarms, told, call.ticks())


def alarms(call: Call) -> list[tuple[AlarmKind, Severity, int | None]]:
    found = (record.alarm for record in call.life.status.alarms)
    return [(alarm.kind, alarm.severity, alarm.recording) for alarm in found]


@pytest.mark.parametrize(("room", "left_out"), [(3, 0), (2, 0), (1, 1)])
def test_files_that_are_too_many_are_counted_and_an_alarm_says_so_once(
    room: int, left_out: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "MAX_CHUNKS", room)
    call = stopped_call()
    assert [folded(call, 0, 1), folded(call, 0, 1)] == [left_out, left_out]
    assert alarms(call) == [(AlarmKind.TOO_MUCH, Severity.CRITICAL, None)] * left_out
    assert len(call.recording.chunks) == 2 - left_out


def failed_start(**facts: Any) -> Call:
    """Make a call whose start has failed, without its id."""
    call = awaiting(ALL, "ana")
    acs_answers.failed(call.life, call.is_asked("start"), "no answer", call.ticks(), **facts)
    call.life.status.alarms.clear()
    return call


def test_files_that_a_failed_start_may_have_begun_raise_an_alarm_that_says_why() -> None:
    call = failed_start(is_denied=False)
    assert folded(call, 0, of="unheard-of") == 0
    assert alarms(call) == [(AlarmKind.STATE_UNEXPECTED, Severity.CRITICAL, 2)]
    [record] = call.life.status.alarms
    assert record.alarm.what == f"recording 2: {call.life.recording(2).problem}"
    assert record.alarm.at == call.now
    folded(call, 0, of="unheard-of")
    file_events.doubt(call.life, call.alarms, call.ticks())
    assert len(call.life.status.alarms) == 1


def test_files_that_came_before_their_start_had_failed_raise_it_as_that_is_known() -> None:
    call = awaiting(ALL, "ana")
    start = call.is_asked("start")
    assert folded(call, 0, of="unheard-of") == 0
    assert alarms(call) == []
    acs_answers.failed(call.life, start, "no answer", call.ticks(), is_denied=False)
    file_events.doubt(call.life, call.alarms, call.ticks())
    assert alarms(call)[-1:] == [(AlarmKind.STATE_UNEXPECTED, Severity.CRITICAL, 2)]


def test_files_that_no_start_of_the_call_can_have_begun_raise_none() -> None:
    call = failed_start(is_denied=True)
    assert folded(call, 0, of="unheard-of") == 0
    assert alarms(call) == []
