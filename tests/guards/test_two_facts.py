"""Two facts at once: each alone was decided rightly, both together were tested by nobody."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.testing import ActivityEnvironment

from activities.export import GONE_AFTER
from activities.heartbeat import denied_since
from callvault.contracts.activity_io import ExportProgress
from callvault.contracts.events import FileStatusUpdated
from callvault.contracts.results import CallResult, ChunkResult, RecordingResult
from callvault.contracts.states import ChunkState
from callvault.ingest.eventgrid import ParticipantEvent
from callvault.ingest.router import (
    KEEPING_LIMIT,
    OVERTAKING_LIMIT,
    Router,
    _may_have_overtaken_the_start,
)
from callvault.temporal.call_client import CallClient
from tests.unit.call import chunk, event
from tests.unit.test_deletion_marks import SEALED, agreed, archived_and_sealed

STARTED = datetime(2026, 3, 2, 12, tzinfo=UTC)


class FinishedCall:
    """A call whose workflow is over; it has archived what its result names."""

    client = None

    def __init__(self, result: CallResult | None) -> None:
        self._result = result
        self.announced: list[FileStatusUpdated] = []

    async def signal(self, *_: Any) -> bool:
        return False

    async def result(self, _: str) -> CallResult | None:
        return self._result

    async def announce_first(self, *_: Any) -> str | None:
        return None  # the call had a workflow, which has ended

    async def announce(self, _: Any, files: FileStatusUpdated, *__: Any) -> str:
        self.announced.append(files)
        return "begun"


def result_of(*states: ChunkState) -> CallResult:
    chunks = tuple(
        ChunkResult.model_construct(document_id=chunk(n).document_id, index=n, state=state)
        for n, state in enumerate(states)
    )
    recording = RecordingResult.model_construct(chunks=chunks)
    return CallResult.model_construct(recordings=(recording,), archived_before=())


@pytest.mark.parametrize(
    ("result", "named", "is_announced"),
    [
        (result_of(ChunkState.ARCHIVED), (0,), False),
        (result_of(ChunkState.ARCHIVED), (0, 1), True),
        (result_of(ChunkState.ARCHIVED), (1, 0), True),
        (result_of(ChunkState.ARCHIVED, ChunkState.LOST), (0, 1), True),
        (result_of(ChunkState.ARCHIVED, ChunkState.ARCHIVED), (0,), False),
        (result_of(ChunkState.ARCHIVED, ChunkState.ARCHIVED), (1, 0), False),
        (result_of(), (0,), True),
        (None, (0,), True),
    ],
)
async def test_i1_a_late_event_is_dropped_only_if_all_its_files_are_archived(
    result: CallResult | None, named: tuple[int, ...], is_announced: bool
) -> None:
    calls = FinishedCall(result)
    router = Router(cast(Any, None), cast(CallClient, calls))
    files = event(*(chunk(n) for n in named), server_call_id="call")
    request = cast(Any, type("Request", (), {"server_call_id": "call"}))
    await router._announce(request, files)
    assert calls.announced == ([files] if is_announced else [])


def denied(at: timedelta, note: ExportProgress | None) -> tuple[datetime | None, Any]:
    """Deny a file in an attempt that starts ``at`` after the task's scheduling."""
    environment = ActivityEnvironment()
    notes: list[Any] = []
    environment.on_heartbeat = lambda *details: notes.extend(details)
    environment.info = replace(
        environment.info,
        scheduled_time=STARTED,
        current_attempt_scheduled_time=STARTED + at,
        started_time=STARTED + at,
        heartbeat_details=[note.model_dump(mode="json")] if note else [],
    )
    since = environment.run(
        denied_since, ExportProgress(phase="waiting"), "missing_since", GONE_AFTER
    )
    return since, notes[-1] if notes else None


def test_i2_one_denial_after_a_long_outage_is_the_first_one() -> None:
    since, note = denied(timedelta(hours=20), None)
    assert since is None
    assert note.missing_since == STARTED + timedelta(hours=20)
    since, note = denied(timedelta(hours=20) + GONE_AFTER - timedelta(seconds=1), note)
    assert since is None
    since, _ = denied(timedelta(hours=20) + GONE_AFTER, note)
    assert since == STARTED + timedelta(hours=20)


@pytest.mark.parametrize("reaction", ["pause", "pause_and_mark"])
def test_i5_a_withdrawal_unseals_an_earlier_recording_too(reaction: str) -> None:
    call = agreed(on_withdrawal=reaction)
    call.asks("stop")
    call.confirms("stop")
    call.announced(chunk())
    call.archives(chunk())
    call.life.sealed(call.recording, SEALED, call.ticks())
    call.asks("start", consent_policy="all_parties", on_withdrawal=reaction)
    call.confirms("start", "confirm")
    assert call.recording.sealed == SEALED
    call.withdraws("ana")
    assert call.recording.sealed is None, "its manifest does not know of the withdrawal"
    assert call.life.current is call.life.recording(2)
    assert bool(call.recording.marked) == (reaction == "pause_and_mark")


@pytest.mark.parametrize(
    ("records_all_calls", "age", "is_early"),
    [
        (True, timedelta(seconds=1), True),
        (True, OVERTAKING_LIMIT + timedelta(seconds=1), False),
        (True, None, False),
        (False, timedelta(seconds=1), False),
        (None, timedelta(seconds=1), False),
    ],
)
def test_a_coming_is_asked_for_again_only_if_a_start_is_on_its_way_and_it_is_new(
    records_all_calls: bool | None, age: timedelta | None, is_early: bool
) -> None:
    route = (
        None if records_all_calls is None else SimpleNamespace(records_all_calls=records_all_calls)
    )
    at = None if age is None else datetime.now(UTC) - age
    came = cast(ParticipantEvent, SimpleNamespace(change=SimpleNamespace(at=at)))
    assert _may_have_overtaken_the_start(came, cast(Any, route)) is is_early


class NoCall:
    """The client of calls, where no workflow of the call runs."""

    client = None

    async def signal(self, *_: Any) -> bool:
        return False


@pytest.mark.parametrize(
    ("route", "joined", "age", "is_kept"),
    [
        (True, True, timedelta(), True),
        (True, True, None, True),
        (True, True, KEEPING_LIMIT + timedelta(seconds=1), False),
        (True, False, timedelta(), False),
        (False, True, timedelta(), False),
        (None, True, timedelta(), False),
    ],
)
async def test_a_coming_is_kept_only_where_a_recording_may_be_asked_for_soon(
    monkeypatch: pytest.MonkeyPatch,
    route: bool | None,
    joined: bool,
    age: timedelta | None,
    is_kept: bool,
) -> None:
    router = Router(cast(Any, None), cast(CallClient, NoCall()))
    kept: list[str] = []

    async def keep(request: str, _: Any) -> str:
        kept.append(request)
        return "kept"

    monkeypatch.setattr(router._decisions, "joined", keep)
    way = SimpleNamespace(
        keeps_participants=route, records_all_calls=False, waiting_request=lambda call: call
    )
    at = None if age is None else datetime.now(UTC) - age
    came = SimpleNamespace(server_call_id="call", change=SimpleNamespace(at=at, joined=joined))
    found = await router._participant_changed(
        cast(ParticipantEvent, came), None if route is None else cast(Any, way)
    )
    assert found == ("kept" if is_kept else None)
    assert kept == (["call"] if is_kept else [])


def test_a_seal_without_findings_is_not_told_as_amiss() -> None:
    call = archived_and_sealed()
    assert "amiss" not in call.timeline
