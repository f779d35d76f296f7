"""Folds an event about files, whoever brings it: Event Grid, or ACS when it is polled."""

from datetime import datetime

from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.events import FileStatusUpdated
from workflows.call import given_up
from workflows.call.alarms import Alarms
from workflows.call.lifecycle import Lifecycle


def fold(call: Lifecycle, alarms: Alarms, event: FileStatusUpdated, now: datetime) -> int:
    """Fold an event; raise an alarm for files that nobody can explain, and for too many of them.

    Returns the number of files that were left out.
    """
    left_out = call.files_announced(event, now)
    doubt(call, alarms, now)
    if left_out:
        alarms.too_much(now)
    return left_out


def doubt(call: Lifecycle, alarms: Alarms, now: datetime) -> None:
    """Raise an alarm for each recording that may be what a start without an answer began."""
    for recording, why in given_up.doubt_files(call.status, now):
        alarms.add(AlarmKind.STATE_UNEXPECTED, Severity.CRITICAL, why, recording, now)
