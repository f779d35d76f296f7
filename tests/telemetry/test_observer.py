"""The gauges agree with what a real visibility store holds."""

import asyncio
import math
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.runtime import BufferedMetricUpdate, MetricBuffer, Runtime, TelemetryConfig
from temporalio.testing import WorkflowEnvironment

from callvault.contracts import names
from callvault.contracts.states import RecordingState
from callvault.local.temporal import free_ports
from workers import visibility_metrics as observer
from workers.visibility_metrics import UNCONFIGURED, Observer

HOUR = timedelta(hours=1)
WINDOW = 48 * HOUR


class Gauges:
    """The last report, as a collector sees it."""

    def __init__(self) -> None:
        self._buffer = MetricBuffer(10_000)
        runtime = Runtime(telemetry=TelemetryConfig(metrics=self._buffer))
        self.meter = runtime.metric_meter
        self._last: dict[tuple[str, str], float] = {}

    def read(self, name: str) -> dict[str, float]:
        """The values of a metric by its attribute."""
        for update in self._buffer.retrieve_updates():
            self._last[update.metric.name, _label(update)] = update.value
        return {label: value for (of, label), value in self._last.items() if of == name}


def _label(update: BufferedMetricUpdate) -> str:
    found = [str(update.attributes[k]) for k in ("state", "resource") if k in update.attributes]
    return "".join(found)


@pytest.fixture(scope="module")
def gauges() -> Gauges:
    return Gauges()


class Calls:
    """Open workflows that only show themselves; no worker works on them."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._handles: list[WorkflowHandle[object, object]] = []

    async def kept(
        self,
        state: RecordingState,
        resource: str,
        expires_in: timedelta | None = None,
        *,
        at_risk: bool = False,
    ) -> None:
        shown: list[SearchAttributePair[Any]] = [
            SearchAttributePair(names.STATE, state),
            SearchAttributePair(names.RESOURCE, resource),
            SearchAttributePair(names.AT_RISK, at_risk),
        ]
        if expires_in is not None:
            expires_at = datetime.now(UTC) + expires_in
            shown.append(SearchAttributePair(names.EXPIRES_AT, expires_at))
        handle = await self.client.start_workflow(
            names.WORKFLOW_TYPE,
            id=f"observed-{uuid.uuid4()}",
            task_queue="nobody",
            search_attributes=TypedSearchAttributes(shown),
        )
        self._handles.append(handle)

    async def are_visible(self) -> None:
        """Wait for the store, which is a little late."""
        await self._count_is(len(self._handles))

    async def end(self) -> None:
        while self._handles:
            await self._handles.pop().terminate()
        await self._count_is(0)

    async def _count_is(self, wanted: int) -> None:
        query = f"WorkflowType = '{names.WORKFLOW_TYPE}' AND ExecutionStatus = 'Running'"
        async with asyncio.timeout(20):
            while True:
                if (await self.client.count_workflows(query)).count == wanted:
                    return
                await asyncio.sleep(0.05)


@pytest.fixture
async def calls(temporal: WorkflowEnvironment) -> AsyncIterator[Calls]:
    calls = Calls(temporal.client)
    await calls.are_visible()
    yield calls
    await calls.end()


async def test_open_recordings_are_counted_by_state(calls: Calls, gauges: Gauges) -> None:
    await calls.kept(RecordingState.PAUSED, "eu")
    await calls.kept(RecordingState.RECORDING, "eu")
    await calls.kept(RecordingState.RECORDING, "us")
    await calls.are_visible()

    await Observer(calls.client, gauges.meter, {"eu": WINDOW, "us": WINDOW}).observe()

    counted = gauges.read("callvault_recordings")
    assert counted.pop("paused") == 1
    assert counted.pop("recording") == 2
    assert set(counted.values()) == {0}
    assert len(counted) == len(RecordingState) - 2


async def test_a_state_that_nobody_is_in_any_more_goes_back_to_zero(
    calls: Calls, gauges: Gauges
) -> None:
    await calls.kept(RecordingState.ARCHIVING, "eu")
    await calls.are_visible()
    observer = Observer(calls.client, gauges.meter, {"eu": WINDOW})
    await observer.observe()
    assert gauges.read("callvault_recordings")["archiving"] == 1

    await calls.end()
    await observer.observe()
    assert gauges.read("callvault_recordings")["archiving"] == 0


async def test_each_resource_has_its_nearest_deadline(calls: Calls, gauges: Gauges) -> None:
    for hours in (30, 7, 46):
        await calls.kept(RecordingState.ARCHIVING, "eu", hours * HOUR)
    await calls.kept(RecordingState.ARCHIVING, "late", -HOUR)
    await calls.kept(RecordingState.RECORDING, "quiet")
    await calls.kept(RecordingState.ARCHIVING, "removed", 3 * HOUR)
    await calls.are_visible()

    windows = dict.fromkeys(["eu", "late", "quiet"], WINDOW)
    await Observer(calls.client, gauges.meter, windows).observe()

    nearest = gauges.read("callvault_nearest_deadline_seconds")
    assert nearest["eu"] == pytest.approx(7 * 3600, abs=30)
    assert nearest["late"] == 0
    assert nearest["quiet"] == math.inf
    assert nearest[UNCONFIGURED] == pytest.approx(3 * 3600, abs=30)


async def test_each_resource_has_the_age_of_its_oldest_file(calls: Calls, gauges: Gauges) -> None:
    for hours in (30, 7, 46):
        await calls.kept(RecordingState.ARCHIVING, "eu", hours * HOUR)
    await calls.kept(RecordingState.ARCHIVING, "late", -HOUR)
    await calls.kept(RecordingState.RECORDING, "quiet")
    await calls.kept(RecordingState.ARCHIVING, "short", HOUR)
    await calls.are_visible()

    windows = {"eu": WINDOW, "late": WINDOW, "quiet": WINDOW, "short": 24 * HOUR}
    await Observer(calls.client, gauges.meter, windows).observe()

    oldest = gauges.read("callvault_oldest_unarchived_seconds")
    assert oldest["eu"] == pytest.approx(41 * 3600, abs=30)
    assert oldest["late"] == pytest.approx(49 * 3600, abs=30)
    assert oldest["quiet"] == 0
    assert oldest["short"] == pytest.approx(23 * 3600, abs=30)


async def test_deadlines_go_by_a_clock_with_which_others_agree(
    calls: Calls, gauges: Gauges
) -> None:
    """A worker whose own clock was ten minutes ahead showed ten minutes less."""
    await calls.kept(RecordingState.ARCHIVING, "eu", 7 * HOUR)
    await calls.are_visible()
    now = datetime.now(UTC) - HOUR
    await Observer(calls.client, gauges.meter, {"eu": WINDOW}, lambda: now).observe()
    assert gauges.read("callvault_oldest_unarchived_seconds")["eu"] == pytest.approx(
        40 * 3600, abs=30
    )
    deadline = gauges.read("callvault_nearest_deadline_seconds")["eu"]
    assert deadline == pytest.approx(8 * 3600, abs=30)


async def test_calls_at_risk_are_counted_by_resource(calls: Calls, gauges: Gauges) -> None:
    await calls.kept(RecordingState.ARCHIVING, "eu", HOUR, at_risk=True)
    await calls.kept(RecordingState.ARCHIVING, "eu", 9 * HOUR, at_risk=True)
    await calls.kept(RecordingState.ARCHIVING, "eu", 47 * HOUR)
    await calls.kept(RecordingState.ARCHIVING, "removed", HOUR, at_risk=True)
    await calls.are_visible()

    await Observer(calls.client, gauges.meter, {"eu": WINDOW, "us": WINDOW}).observe()

    at_risk = gauges.read("callvault_recordings_at_risk")
    assert (at_risk["eu"], at_risk["us"], at_risk[UNCONFIGURED]) == (2, 0, 1)


async def test_events_that_a_webhook_has_not_taken_are_counted_until_it_has(
    temporal: WorkflowEnvironment, gauges: Gauges
) -> None:
    observer = Observer(temporal.client, gauges.meter, {"eu": WINDOW})
    event = await temporal.client.start_workflow(
        names.RECORDING_EVENT_TYPE, id=f"late-{uuid.uuid4()}", task_queue="nobody"
    )
    for expected in (1, 0):
        async with asyncio.timeout(20):
            while gauges.read("callvault_late_events") != {"": expected}:
                await observer.observe()
        if expected:
            await event.terminate()


@pytest.mark.parametrize("few", [1, 3])
async def test_among_many_the_nearest_deadline_is_found_by_counting(
    few: int, calls: Calls, gauges: Gauges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "MAX_LISTED", few)
    for hours in (47, 30, 46, 48, 29, 31, 48):
        await calls.kept(RecordingState.ARCHIVING, "eu", hours * HOUR)
    await calls.are_visible()

    await Observer(calls.client, gauges.meter, {"eu": WINDOW}).observe()

    nearest = gauges.read("callvault_nearest_deadline_seconds")["eu"]
    assert nearest == pytest.approx(29 * 3600, abs=30)


async def test_a_crowd_with_one_deadline_is_told_apart_to_the_second(
    calls: Calls, gauges: Gauges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "MAX_LISTED", 1)
    for _ in range(3):
        await calls.kept(RecordingState.ARCHIVING, "eu", HOUR)
    await calls.are_visible()

    await Observer(calls.client, gauges.meter, {"eu": WINDOW}).observe()

    nearest = gauges.read("callvault_nearest_deadline_seconds")["eu"]
    assert nearest == pytest.approx(3600, abs=30)


async def test_a_failure_is_logged_and_does_not_end_the_watch(gauges: Gauges) -> None:
    [port] = free_ports(1)
    nowhere = await Client.connect(f"127.0.0.1:{port}", lazy=True)

    with capture_logs() as lines:
        watch = Observer(nowhere, gauges.meter, {"eu": WINDOW}).run(timedelta(milliseconds=5))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watch, 0.3)

    assert len(lines) > 1
    assert {line["event"] for line in lines} == {"recordings could not be counted"}
    assert all(line["error"] for line in lines)
