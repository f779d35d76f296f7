"""The worker process: connect, poll the task queues of its role or all, drain on SIGTERM."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from datetime import datetime
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker, WorkflowRunner

from activities.alarm_causes import AlarmCauses
from activities.clock import ServerTime
from activities.control import ControlActivities
from activities.erased_files import ErasedFiles
from activities.erasure import ErasureActivities
from activities.erasure_places import places_of
from activities.export import ExportActivities
from activities.legal_holds import LegalHoldActivities
from activities.reconcile import ReconcileActivities
from activities.recording_events import RecordingEventActivities
from activities.seal import SealActivities
from activities.subjects import SubjectIndex
from activities.sweep import SweepActivities
from activities.webhooks import AlarmActivities, AnnouncementActivities
from callvault.clients import openers
from callvault.config.settings import Settings, load_settings
from callvault.garbage import collect_rarely
from callvault.secret_checks import refuse_unusable_signing_keys
from callvault.telemetry.announcement import fill_standard_streams
from callvault.telemetry.setup import Telemetry, setup
from callvault.temporal.archives import remembered_archives
from callvault.temporal.client import connect
from workers.abandoned import AbandonedCalls
from workers.adoption import Adoption
from workers.begin import BeginActivities
from workers.clients import Connections
from workers.liveness import Liveness, NotingRunner
from workers.readiness import Readiness, needed
from workers.recall import Recall
from workers.recording_events import EventHandOver
from workers.registry import control_worker, event_worker, export_worker, notification_worker
from workers.roles import Role
from workers.visibility_metrics import Observer
from workers.watch import Watch
from workers.zero_counters import begin_at_zero, begin_index_at_zero


async def run(settings: Settings, only: Role | None = None) -> None:
    """Work in one role or in both until told to stop; print a line of JSON once ready, or not."""
    if only is not Role.CONTROL:
        refuse_unusable_signing_keys(settings)
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    if only is Role.EXPORTS:
        # Before any thread is started, for Linux keeps the niceness by thread.
        os.nice(settings.worker.export_niceness)
    with (
        setup("worker", settings.log, metrics_address=settings.worker.metrics_address) as telemetry,
        closing(Connections(settings)) as connections,
    ):
        client = await connect(settings, plugins=telemetry.plugins, runtime=telemetry.runtime)
        meter = telemetry.runtime.metric_meter
        time = ServerTime()
        sender = connections.alarm_sender(client)
        watch = Watch(client, settings, connections.clocks, meter, sender.send, time)
        # Before any task is taken: one that sets an unknown attribute would fail.
        await watch.look_at_attributes()
        await watch.look_at_server_time()
        remembered = await remembered_archives(client)
        connections.expect_archives(remembered)
        async with AsyncExitStack() as running:
            runner = NotingRunner()
            alarms = AlarmActivities(sender, AlarmCauses(client))
            workers = _workers(
                client, connections, settings, only, remembered, runner, time, alarms
            )
            for worker in workers:
                await running.enter_async_context(worker)
            if telemetry.exports_metrics:
                await running.enter_async_context(
                    _observing(client, telemetry, settings, only, connections.clocks.now)
                )
            if only is not Role.EXPORTS:
                abandoned = AbandonedCalls(client, sender.send, connections.clocks.now)
                await running.enter_async_context(_beside(abandoned.run()))
                # With worker versioning, what waits may be meant for another version.
                if settings.worker.build_id is None:
                    liveness = Liveness(client, runner, sender.send, now=connections.clocks.now)
                    await running.enter_async_context(_beside(liveness.run()))
            await running.enter_async_context(_beside(watch.run()))
            collect_rarely()
            # Who only controls needs no archive.
            archives = {} if only is Role.CONTROL else openers(needed(settings), remembered)
            ready = Readiness(archives, watch.problems, meter)
            await running.enter_async_context(_beside(ready.run()))
            await stopping.wait()


def _workers(
    client: Client,
    connections: Connections,
    settings: Settings,
    only: Role | None,
    remembered: Mapping[str, str],
    runner: WorkflowRunner,
    time: ServerTime,
    alarms: AlarmActivities,
) -> Iterator[Worker]:
    if only is not Role.EXPORTS:
        control = ControlActivities(
            connections.client_of,
            connections.policy_of,
            connections.archive_of,
            time,
            settings.refuse_other_region,
        )
        recall = Recall(client)
        others: list[Callable[..., Any]] = [
            SweepActivities(settings, client).sweep_dead_letters,
            recall.recall_run,
            BeginActivities(client, connections.policy_of).begin_run,
            Adoption(settings, client).adopt_recording,
            EventHandOver(client).hand_over_event,
        ]
        announcements = AnnouncementActivities(connections.announcement_webhook)
        yield control_worker(client, control, settings.worker, others=others, runner=runner)
        yield notification_worker(client, alarms, announcements, settings.worker)
        events = RecordingEventActivities(connections.event_webhook)
        yield event_worker(client, events, settings.worker)
    if only is not Role.CONTROL:
        index = SubjectIndex(connections.hash_of)
        erased = ErasedFiles(connections.keys_of)
        export = ExportActivities(
            connections.client_of,
            connections.archive_of,
            connections.buffers,
            index,
            settings.refuse_other_region,
            erased,
        )
        seal = SealActivities(connections.archive_of, connections.signer_of, index, erased)
        reconcile = ReconcileActivities(
            client,
            openers(settings.archives, remembered),
            settings.reconciliation.target,
            connections.keys_of,
        )
        erasure = ErasureActivities(
            client, places_of(settings, remembered), connections.archive_of, connections.signer_of
        )
        holds = LegalHoldActivities(settings.archives, connections.logged_archive_of)
        publish = connections.checkpoints().publish_checkpoints
        others = [reconcile.reconcile, publish, *erasure.all, *holds.all]
        yield export_worker(client, export, seal, settings.worker, others=others)


@asynccontextmanager
async def _observing(
    client: Client,
    telemetry: Telemetry,
    settings: Settings,
    only: Role | None,
    now: Callable[[], datetime],
) -> AsyncIterator[None]:
    meter = telemetry.runtime.metric_meter
    if only is not Role.CONTROL:
        begin_index_at_zero(meter, client.namespace, settings.archives)
    if only is Role.EXPORTS:
        yield
        return
    begin_at_zero(meter, client.namespace, settings.resources)
    windows = {name: each.export_window for name, each in settings.resources.items()}
    observer = Observer(client, meter, windows, now)
    async with _beside(observer.run()):
        yield


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do something without an end beside the workers, until they have ended."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


if __name__ == "__main__":
    fill_standard_streams()
    asyncio.run(run(load_settings()))
