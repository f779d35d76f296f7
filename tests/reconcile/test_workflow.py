"""The real workflow and activity that a Schedule starts, on a real server."""

import time
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.runtime import BufferedMetricUpdate, MetricBuffer, Runtime, TelemetryConfig

from activities.alarm_sender import AlarmSender
from activities.control import ControlActivities
from activities.export import ExportActivities
from activities.reconcile import ReconcileActivities
from activities.seal import SealActivities
from activities.webhooks import AlarmActivities, AnnouncementActivities
from callvault.config.worker import WorkerSettings
from callvault.contracts import names
from callvault.contracts.alarms import Alarm, AlarmKind, Severity
from callvault.contracts.reconciliation import ReconcileInput, Reconciliation, Verdict
from callvault.errors import InvalidRequest
from callvault.temporal.schedules import put_schedule, remove_schedule
from tests.schedules import NEVER_DUE, trigger
from workers.registry import control_worker, export_worker, notification_worker, sandbox

from .seeding import Kept, Vault

NONE: Any = None
HOUR = timedelta(hours=1)


class TemporalRecords(list[Alarm]):
    def send(self, alarm: Alarm) -> None:
        self.append(alarm)


@pytest.fixture(scope="module")
def sent() -> TemporalRecords:
    return TemporalRecords()


@pytest.fixture
def told(sent: TemporalRecords) -> TemporalRecords:
    """What is told during one test."""
    sent.clear()
    return sent


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return Vault(tmp_path_factory.mktemp("vault"))


@pytest.fixture(scope="module")
def kept(vault: Vault) -> list[Kept]:
    return [vault.keep(f"kept-{n}") for n in range(3)]


@pytest.fixture(scope="module")
def metrics() -> MetricBuffer:
    return MetricBuffer(10_000)


@pytest.fixture(scope="module")
async def client(
    temporal: Client, vault: Vault, sent: TemporalRecords, metrics: MetricBuffer
) -> AsyncIterator[Client]:
    """Connect to a server where the workers of a whole Callvault run, but for ACS."""
    runtime = Runtime(telemetry=TelemetryConfig(metrics=metrics))
    address = temporal.service_client.config.target_host
    client = await Client.connect(address, runtime=runtime, data_converter=temporal.data_converter)
    control = ControlActivities(NONE, NONE, NONE)
    reconciling = ReconcileActivities(client, {"main": vault.open}, target=100)
    settings = WorkerSettings()
    async with (
        control_worker(client, control, settings, runner=sandbox()),
        notification_worker(
            client, AlarmActivities(AlarmSender(sent)), AnnouncementActivities(NONE), settings
        ),
        export_worker(
            client,
            ExportActivities(NONE, NONE),
            SealActivities(NONE, NONE),
            settings,
            others=[reconciling.reconcile],
        ),
    ):
        yield client


async def reconciled(client: Client, **input: Any) -> Reconciliation:
    report: Reconciliation = await client.execute_workflow(
        names.RECONCILE_TYPE,
        ReconcileInput(since=HOUR, **input),
        id=f"reconcile-{uuid.uuid4()}",
        task_queue=names.CONTROL_QUEUE,
        result_type=Reconciliation,
    )
    return report


def measured(metrics: MetricBuffer) -> dict[str, float]:
    """The gauges of the reconciliation, by verdict; the percentage under its own name."""
    updates: list[BufferedMetricUpdate] = metrics.retrieve_updates()
    ours = [each for each in updates if each.metric.name.startswith("callvault_reconciled")]
    return {str(each.attributes.get("verdict", each.metric.name)): each.value for each in ours}


async def test_what_is_complete_is_reported_and_nobody_is_told(
    client: Client, kept: list[Kept], told: TemporalRecords, metrics: MetricBuffer
) -> None:
    report = await reconciled(client)
    assert (report.verdicts[Verdict.COMPLETE], report.is_met) == (len(kept), True)
    assert not told
    found = measured(metrics)
    assert (found["complete"], found["missing"]) == (3, 0)
    assert found["callvault_reconciled_ratio"] == 1
    assert found["callvault_reconciled_timestamp_seconds"] == pytest.approx(time.time(), abs=60)


async def test_a_file_that_is_gone_is_alarmed_by_name(
    client: Client, vault: Vault, kept: list[Kept], told: TemporalRecords
) -> None:
    path = vault.path(kept[0].media.object_name)
    away = path.rename(path.with_suffix(".away"))
    report = await reconciled(client)
    away.rename(path)

    assert (report.verdicts[Verdict.MISSING], report.is_met) == (1, False)
    [alarm] = told
    assert (alarm.kind, alarm.severity) == (AlarmKind.RECONCILIATION, Severity.CRITICAL)
    assert names.workflow_id(kept[0].call) in alarm.what
    assert "66.66 % of the recordings" in alarm.what


async def test_an_archive_that_is_away_is_alarmed_though_nothing_is_known_to_lack(
    client: Client, vault: Vault, kept: list[Kept], told: TemporalRecords, metrics: MetricBuffer
) -> None:
    place = vault.path("")
    away = place.rename(place.with_name("away"))
    measured(metrics)
    report = await reconciled(client)
    away.rename(place)
    assert (report.percentage, report.is_met) == (100, False)
    [alarm] = told
    assert alarm.severity is Severity.ERROR
    assert "Not read, so that what it may hold is in no figure: archive main" in alarm.what
    assert "callvault_reconciled_ratio" not in measured(metrics), "no dashboard shows 100 %"


async def test_an_order_that_cannot_be_read_fails_with_the_reason(client: Client) -> None:
    with pytest.raises(WorkflowFailureError) as failed:
        await client.execute_workflow(
            names.RECONCILE_TYPE,
            {"target": 101},
            id=f"reconcile-{uuid.uuid4()}",
            task_queue=names.CONTROL_QUEUE,
        )
    assert "target" in str(failed.value.cause)


async def test_a_schedule_runs_it(client: Client, kept: list[Kept]) -> None:
    input = ReconcileInput(since=HOUR)
    schedule = names.RECONCILE_SCHEDULE
    await put_schedule(client, schedule, names.RECONCILE_TYPE, input, NEVER_DUE)
    run = await trigger(client.get_schedule_handle(schedule))
    started = client.get_workflow_handle(run.workflow_id, result_type=Reconciliation)
    assert (await started.result()).verdicts[Verdict.COMPLETE] == len(kept)
    await remove_schedule(client, schedule)


async def test_that_a_schedule_finds_all_complete_again_is_told_once(
    client: Client, vault: Vault, kept: list[Kept], told: TemporalRecords
) -> None:
    schedule = names.RECONCILE_SCHEDULE
    input = ReconcileInput(since=HOUR)
    await put_schedule(client, schedule, names.RECONCILE_TYPE, input, NEVER_DUE)
    handle = client.get_schedule_handle(schedule)
    path = vault.path(kept[0].media.object_name)
    away = path.rename(path.with_suffix(".away"))
    await client.get_workflow_handle((await trigger(handle)).workflow_id).result()
    away.rename(path)
    for _ in range(2):
        await client.get_workflow_handle((await trigger(handle)).workflow_id).result()
    await remove_schedule(client, schedule)
    alarm, over = told
    assert (alarm.status, over.status) == ("firing", "resolved")
    assert alarm.dedup_key == over.dedup_key == schedule


async def test_a_reconciliation_that_cannot_be_made_is_alarmed(
    client: Client, told: TemporalRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise InvalidRequest("the order makes no sense")

    monkeypatch.setattr("activities.reconcile.reconcile", refuse)
    with pytest.raises(WorkflowFailureError):
        await reconciled(client)
    [alarm] = told
    assert alarm.what.startswith("The reconciliation failed: the order makes no sense")
