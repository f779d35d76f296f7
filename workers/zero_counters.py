"""Counters that are there before there is anything to count.

Prometheus does not see a counter that first appears at 1 increase: without a 0 before it, the first
lost recording of a worker would raise no alert.
"""

from collections.abc import Iterable

from temporalio.common import MetricMeter

from callvault.contracts import names
from callvault.contracts.states import RecordingState
from callvault.telemetry.metrics import finished_recordings


def begin_at_zero(meter: MetricMeter, namespace: str, resources: Iterable[str]) -> None:
    """Set the counters of finished recordings to 0, with every attribute that counting has."""
    # Those that `workflow.metric_meter()` adds: with others it would be another time series.
    of_workflows = {
        "namespace": namespace,
        "task_queue": names.CONTROL_QUEUE,
        "workflow_type": names.WORKFLOW_TYPE,
    }
    counter = finished_recordings(meter.with_additional_attributes(of_workflows))
    for resource in resources:
        for outcome in filter(lambda state: state.is_final, RecordingState):
            counter.add(0, {"outcome": outcome, "resource": resource})
