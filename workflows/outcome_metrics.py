"""Counts the recordings of a call that has reached its end, for the metrics of the worker."""

from temporalio import workflow

from callvault.contracts.results import CallResult
from callvault.telemetry.metrics import finished_recordings


def count_outcomes(result: CallResult) -> None:
    """Count each recording once by its outcome; nothing is counted while history is replayed."""
    counter = finished_recordings(workflow.metric_meter())
    for recording in result.recordings:
        counter.add(1, {"outcome": recording.state, "resource": result.resource})
