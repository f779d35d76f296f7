"""Does a signal that tells no time count from when it came, and not from when a worker saw it?

(Faults G3 and H5, for signals that no client of Callvault has sent.)
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.participants import participant_hash
from callvault.contracts.status import RecordingStatus
from callvault.temporal.converter import data_converter
from tests.patience import WAIT

from .conftest import delete_all, search_attribute_arguments
from .scene import Scene, World

ANA, BEN = participant_hash("8:acs:ana", "key"), participant_hash("8:acs:ben", "key")
AWAY = timedelta(seconds=2)


@pytest.fixture(scope="module")
async def server(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    """Start a server whose time is real: it stamps signals while no worker runs."""
    async with await WorkflowEnvironment.start_local(
        data_converter=data_converter,
        dev_server_existing_path=str(temporal_binary),
        dev_server_extra_args=search_attribute_arguments(),
    ) as environment:
        yield environment


@pytest.fixture
async def call(server: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[Scene]:
    yield Scene(server, World(tmp_path))
    await delete_all(server.client)


class Came:
    """The times at which things were sent while no worker ran."""

    def __init__(self) -> None:
        self.at: list[datetime] = []

    def says(self, at: datetime | None, number: int = 0) -> bool:
        """Tell if this is when the signal with this number came."""
        return at is not None and abs(at - self.at[number]) < AWAY / 4


@asynccontextmanager
async def nobody_works(call: Scene, *messages: tuple[str, Any]) -> AsyncIterator[Came]:
    """Send messages, one after the other, and have a worker again only after a while."""
    came = Came()
    for name, payload in messages:
        came.at.append(datetime.now(UTC))
        await call.signals(name, payload)
        await asyncio.sleep(AWAY / timedelta(seconds=1))
    async with call.world.working(call.environment.client):
        yield came


async def known(call: Scene) -> RecordingStatus:
    """Wait until the times of all signals are known."""
    async with asyncio.timeout(WAIT):
        while (await call.status()).untimed:
            await asyncio.sleep(0.02)
    return await call.recording()


async def is_recorded(call: Scene, **request: Any) -> None:
    """Have a call recorded, and let its worker end."""
    async with call.world.working(call.environment.client):
        await call.keep(pause_confirm_within=timedelta(seconds=1), **request)
        for who in request.get("participants", ()):
            await call.signals(names.CONSENT, {"participant": who, "given": True})
        await call.until(lambda recording: recording.actual == "active")


PAUSE = (names.PAUSE, {"requestedBy": "agent", "requestId": "p1"})


async def test_h5_a_pause_that_nobody_saw_counts_from_when_it_came(call: Scene) -> None:
    await is_recorded(call)
    async with nobody_works(call, PAUSE) as came:
        await call.until(lambda recording: recording.actual == "paused")
        await known(call)
        await call.is_notified(1)
        recording, record = await call.recording(), (await call.status()).requests["p1"]
    assert came.says(record.requested_at)
    assert record.received_at - record.requested_at > AWAY / 2
    [pause], [silent] = recording.pauses, recording.silence.silent
    assert pause.requested_at == record.requested_at
    [interval] = recording.silence.unconfirmed
    assert (interval.since, interval.until) == (record.requested_at, silent.since)
    assert interval.is_finding
    [alarm] = call.told()
    assert alarm.kind is AlarmKind.PAUSE_UNCONFIRMED
    assert "later than it may" in alarm.what


async def test_h5_what_is_to_stop_where_a_pause_fails_is_stopped(call: Scene) -> None:
    await is_recorded(call, on_pause_failure="stop")
    async with nobody_works(call, PAUSE):
        recording = await call.until(lambda recording: recording.actual == "stopped")
    assert call.service.control_calls() == ["start", "pause", "stop"]
    assert recording.silence.unconfirmed[0].is_finding


async def test_h5_a_pause_and_its_resume_that_nobody_saw_leave_what_was_heard_unconfirmed(
    call: Scene,
) -> None:
    await is_recorded(call)
    resume = (names.RESUME, {"requestedBy": "agent"})
    async with nobody_works(call, PAUSE, resume) as came:
        recording = await known(call)
    [interval] = recording.silence.unconfirmed
    assert came.says(interval.since)
    assert interval.until is not None
    assert interval.until - interval.since > AWAY
    assert interval.is_finding
    assert call.service.control_calls() == ["start"]


async def test_h5_each_of_several_signals_gets_its_own_time(call: Scene) -> None:
    await is_recorded(call)
    others = (names.PAUSE, {"requestedBy": "ben", "requestId": "p2", "requestedAt": "yesterday"})
    async with nobody_works(call, PAUSE, others, (names.STOP, {"requestId": "s1"})) as came:
        await call.until(lambda recording: recording.actual == "stopped")
        await known(call)
        requests = (await call.status()).requests
    assert all(came.says(requests[key].requested_at, n) for n, key in enumerate(("p1", "p2", "s1")))
    assert call.service.control_calls() == ["start", "stop"]


async def test_h5_a_withdrawal_that_nobody_saw_counts_from_when_it_came(call: Scene) -> None:
    await is_recorded(call, consent_policy="all_parties", participants=[ANA])
    withdrawal = (names.CONSENT, {"participant": ANA, "given": False})
    async with nobody_works(call, withdrawal) as came:
        await call.until(lambda recording: recording.actual == "paused")
        recording = await known(call)
        consents = (await call.status()).consents
    assert came.says(consents[-1].decided_at)
    assert recording.holds[-1].since == consents[-1].decided_at
    assert recording.pauses[-1].requested_at == consents[-1].decided_at
    # Before it there may be one from the start.
    interval = recording.silence.unconfirmed[-1]
    assert (interval.since, interval.is_finding) == (consents[-1].decided_at, True)


async def test_h5_a_coming_that_nobody_saw_counts_from_when_it_came(call: Scene) -> None:
    await is_recorded(call, consent_policy="all_parties", participants=[ANA])
    joined = (names.PARTICIPANT_CHANGED, {"participant": BEN, "joined": True})
    async with nobody_works(call, joined) as came:
        await call.until(lambda recording: recording.actual == "paused")
        recording = await known(call)
        stay = (await call.status()).participants[-1]
    assert (stay.participant, came.says(stay.joined_at)) == (BEN, True)
    assert recording.holds[-1].since == stay.joined_at
    # Before it there may be one from the start.
    interval = recording.silence.unconfirmed[-1]
    assert (interval.since, interval.is_finding) == (stay.joined_at, True)


async def test_a_resume_that_tells_no_time_is_carried_out_once_it_is_known_when_it_came(
    call: Scene,
) -> None:
    async with call.world.working(call.environment.client):
        await call.recorded()
        await call.asks("pause", requested_by="agent")
        await call.says("resume", requested_by="agent", request_id="r1")
        await call.until(lambda recording: recording.actual == "active")
        record = (await call.status()).requests["r1"]
    assert record.requested_at < record.received_at
    assert not record.is_time_awaited
