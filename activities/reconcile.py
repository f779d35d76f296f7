"""Reconciliation: report what became of every recording of a period."""

from collections.abc import Callable
from datetime import UTC, datetime

from temporalio import activity
from temporalio.client import Client

from activities.heartbeat import background_heartbeat
from activities.translate import translated
from callvault.archive.manifests.documents import Keyring
from callvault.contracts.reconciliation import ReconcileInput, Reconciliation
from callvault.reconcile.join import bounded
from callvault.reconcile.run import Archives, reconcile
from callvault.telemetry import metrics


class ReconcileActivities:
    """Built once by a worker. ``target`` is a percentage, for orders that name none."""

    def __init__(
        self,
        client: Client,
        archives: Archives,
        target: float,
        keys_of: Callable[[str], Keyring] = lambda _: Keyring(),
    ) -> None:
        self._client = client
        self._archives = archives
        self._target = target
        self._keys_of = keys_of

    @activity.defn
    async def reconcile(self, input: ReconcileInput) -> Reconciliation:
        """Read everything, set the metrics, and report within the bounds of a history."""
        with translated(), background_heartbeat():
            report = await reconcile(
                self._client, self._archives, input, self._target, self._keys_of
            )
        _measure(report)
        return bounded(report)


def _measure(report: Reconciliation) -> None:
    meter = activity.metric_meter()
    for verdict, count in report.verdicts.items():
        metrics.reconciled(meter).set(count, {"verdict": verdict})
    if report.unread:
        # No share of what is not known: the time of the last one that knew it grows old, and tells.
        return
    metrics.reconciled_ratio(meter).set(report.percentage / 100)
    metrics.reconciled_at(meter).set(datetime.now(UTC).timestamp())
