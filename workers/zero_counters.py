"""Counters that are there before there is anything to count.

Prometheus does not see a counter that first appears at 1 increase: without a 0 before it, the first
lost recording of a worker would raise no alert.
"""

from collections.abc import Iterable

from temporalio.common import MetricMeter

from callvault.contracts import names
from callvault.contracts.states import RecordingState
from callvault.telemetry.metrics import finished_recordings, undelivered_events


def begin_at_zero(meter: MetricMeter, namespace: str, resources: Iterable[str]) -> None:
    """Set the counters that workflows count with to 0, with every attribute that counting has."""
    finished = finished_recordings(_meter_of(meter, namespace, names.WORKFLOW_TYPE))
    undelivered = undelivered_events(_meter_of(meter, namespace, names.RECORDING_EVENT_TYPE))
    for resource in resources:
        undelivered.add(0, {"resource": resource})
        for outcome in filter(lambda state: state.is_final, RecordingState):
            finished.add(0, {"outcome": outcome, "resource": resource})


def _meter_of(meter: MetricMeter, namespace: str, workflow_type: str) -> MetricMeter:
    """Return a meter like `workflow.metric_meter()`: else it would be another time series."""
    attributes = {
        "namespace": namespace,
        "task_queue": names.CONTROL_QUEUE,
        "workflow_type": workflow_type,
    }
    return meter.with_additional_attributes(attributes)
