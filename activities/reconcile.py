"""Reconcile: say what became of every recording of a period."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from temporalio import activity
from temporalio.client import Client

from activities.translate import translated
from callvault.contracts.reconciliation import ReconcileOrder, Reconciliation
from callvault.reconcile.join import bounded
from callvault.reconcile.run import Archives, reconcile
from callvault.telemetry import instruments

BEAT_EVERY = timedelta(seconds=10)


class ReconcileActivities:
    """Built once by a worker. ``target`` is a percentage, for orders that name none."""

    def __init__(self, client: Client, archives: Archives, target: float) -> None:
        self._client = client
        self._archives = archives
        self._target = target

    @activity.defn
    async def reconcile(self, order: ReconcileOrder) -> Reconciliation:
        """Read everything, and report within the bounds of a history; sets the metrics."""
        with translated():
            async with _beating():
                report = await reconcile(self._client, self._archives, order, self._target)
        _measure(report)
        return bounded(report)


def _measure(report: Reconciliation) -> None:
    meter = activity.metric_meter()
    for verdict, count in report.verdicts.items():
        instruments.reconciled(meter).set(count, {"verdict": verdict})
    instruments.reconciled_percentage(meter).set(report.percentage)


@asynccontextmanager
async def _beating() -> AsyncIterator[None]:
    """Show that the worker lives: the reading itself may take long."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(BEAT_EVERY.total_seconds())

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
