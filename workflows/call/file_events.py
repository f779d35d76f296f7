"""Folds an event about files, whoever brings it: Event Grid, or ACS when it is polled."""

from datetime import datetime

from callvault.contracts.events import FileStatusUpdated
from workflows.call.alarms import Alarms
from workflows.call.lifecycle import Lifecycle


def fold(call: Lifecycle, alarms: Alarms, event: FileStatusUpdated, now: datetime) -> int:
    """Fold an event, and raise an alarm if it names more files than a call may have.

    Returns the number of files that were left out.
    """
    left_out = call.files_announced(event, now)
    if left_out:
        alarms.too_much(now)
    return left_out
