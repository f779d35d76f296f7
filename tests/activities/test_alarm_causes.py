"""Is an alarm sent with what Temporal has told, and without what it has not?"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities import alarm_causes
from activities.alarm_causes import AlarmCauses
from callvault.causes import Cause
from callvault.contracts.alarms import Alarm, AlarmKind
from callvault.temporal.pending_activities import Described, PendingActivity

ALARM = Alarm(
    id="recording-1/3",
    kind=AlarmKind.EXPORT_LATE,
    severity="warning",
    at=datetime(2026, 3, 2, 12, tzinfo=UTC),
    resource="default",
    server_call_id="call-1",
    workflow_id="recording-1",
    activity_id="7",
    what="the file is late",
)
WAITS = PendingActivity(
    id="7", type="export_chunk", state="waiting", attempt=1, task_queue="recordings-export"
)

Ask = Callable[[Client, str], Coroutine[Any, Any, Described]]


async def never(client: Client, workflow_id: str) -> Described:
    await asyncio.Event().wait()
    raise AssertionError


async def away(client: Client, workflow_id: str) -> Described:
    raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")


async def told(client: Client, workflow_id: str) -> Described:
    return Described(None, [WAITS])  # type: ignore[arg-type]


async def over(client: Client, workflow_id: str) -> Described:
    return Described(None, [])  # type: ignore[arg-type]


async def begun(client: Client, workflow_id: str) -> Described:
    at_it = WAITS.model_copy(update={"state": "running", "started_at": ALARM.at})
    return Described(None, [at_it])  # type: ignore[arg-type]


async def failed(client: Client, workflow_id: str) -> Described:
    again = WAITS.model_copy(update={"attempt": 2, "last_failure": "the archive is full"})
    return Described(None, [again])  # type: ignore[arg-type]


async def sent(monkeypatch: pytest.MonkeyPatch, *answers: Ask) -> Alarm:
    """Return the alarm as it is sent, where Temporal answers so, one time after the other."""
    alarm, left = await sent_after(monkeypatch, *answers)
    assert not left
    return alarm


async def sent_after(
    monkeypatch: pytest.MonkeyPatch, *answers: Ask, late: timedelta = timedelta()
) -> tuple[Alarm, list[Ask]]:
    """Return the answers that were not waited for, too; the sending begins so late."""
    left = list(answers)

    def ask(client: Client, workflow_id: str) -> Coroutine[Any, Any, Described]:
        return left.pop(0)(client, workflow_id)

    monkeypatch.setattr(alarm_causes, "describe_with_activities", ask)
    monkeypatch.setattr(alarm_causes, "LOOK_INTERVAL", timedelta(milliseconds=10))
    monkeypatch.setattr(alarm_causes, "ANSWER_TIMEOUT", timedelta(milliseconds=200))
    causes = AlarmCauses(None)  # type: ignore[arg-type]
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=ALARM.at + late)
    return await asyncio.to_thread(environment.run, causes, ALARM), left


@pytest.mark.parametrize("then", [never, away])
async def test_what_temporal_has_told_before_it_was_away_is_told(
    then: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarm = await sent(monkeypatch, told, then)
    assert alarm.cause is Cause.WORKER
    assert "No worker has begun its activity (export_chunk waiting)" in alarm.what


@pytest.mark.parametrize("answer", [never, away])
async def test_an_alarm_of_which_temporal_tells_nothing_is_sent_all_the_same(
    answer: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await sent(monkeypatch, answer) == ALARM


async def test_a_failure_is_waited_for_while_a_worker_is_at_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alarm = await sent(monkeypatch, told, begun, begun, failed)
    assert alarm.last_error == "the archive is full"


async def test_an_alarm_that_is_late_already_waits_for_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a restore, alarms came 5 to 9.5 s late, of which they had waited two."""
    alarm, left = await sent_after(monkeypatch, begun, failed, late=timedelta(seconds=2))
    assert (alarm.last_error, len(left)) == ("", 1)
    alarm, _ = await sent_after(monkeypatch, told, begun, late=timedelta(seconds=2))
    assert alarm.cause is not Cause.WORKER, "it was scheduled together with the alarm"


async def test_what_waits_in_a_queue_or_is_over_makes_no_alarm_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two seconds of each alarm's five went by so, where exports queued after a restore."""
    alarm, left = await sent_after(monkeypatch, told, told, failed)
    assert (alarm.cause, len(left)) == (Cause.WORKER, 1)
    assert await sent_after(monkeypatch, over, failed) == (ALARM, [failed])
