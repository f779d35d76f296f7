"""Counters that are there before there is anything to count.

Prometheus does not see a counter that first appears at 1 increase: without a 0 before it, the first
lost recording of a worker would raise no alert.
"""

from collections.abc import Iterable

from temporalio.common import MetricMeter

from callvault.contracts import names
from callvault.contracts.states import RecordingState
from callvault.telemetry.metrics import finished_recordings, index_failures, undelivered_events

INDEXING = ("export_chunk", "seal_recording")
"""The activities that write the index by person."""


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


def begin_index_at_zero(meter: MetricMeter, namespace: str, archives: Iterable[str]) -> None:
    """Set the counters of people left out of an index to 0, with every attribute of counting."""
    for name in INDEXING:
        # Those that `activity.metric_meter()` adds.
        of_activity = {
            "namespace": namespace,
            "task_queue": names.EXPORT_QUEUE,
            "activity_type": name,
        }
        counter = index_failures(meter.with_additional_attributes(of_activity))
        for archive in archives:
            counter.add(0, {"archive": archive})
