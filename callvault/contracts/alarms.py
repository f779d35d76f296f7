"""Alarms, as they leave Callvault, and their record in a call's status."""

from datetime import datetime
from enum import StrEnum

from callvault.causes import Cause, describe
from callvault.contracts.base import (
    MAX_TEXT,
    CallerMessage,
    Message,
    ShortText,
    State,
    shorten,
)


class Severity(StrEnum):
    """The urgency of an alarm."""

    WARNING = "warning"
    """Look at it today."""
    ERROR = "error"
    """Look at it now."""
    CRITICAL = "critical"
    """A recording is lost, or about to be."""


class AlarmKind(StrEnum):
    """The subject of an alarm."""

    PAUSE_UNCONFIRMED = "pause_unconfirmed"
    """ACS did not confirm a pause in time: it may still record."""
    PAUSE_TOO_LONG = "pause_too_long"
    PAUSE_FORCED = "pause_forced"
    """A resume by force released pauses that others still held."""
    STATE_UNEXPECTED = "state_unexpected"
    """ACS does something else than it was last asked to: another program controls the recording, or
    ACS refuses for good what is wanted."""
    CONSENT_UNCLEAR = "consent_unclear"
    """Somebody who is not known in the call refused or withdrew consent: recording is held back."""
    NOT_ANNOUNCED = "not_announced"
    """Somebody joined whom the announcement did not reach: recording is held back."""
    NO_FILE_EVENT = "no_file_event"
    """A recording has stopped, and no event announces its files."""
    EXPORT_LATE = "export_late"
    """A file is announced and still not archived."""
    FALLBACK_USED = "fallback_used"
    """A recording goes to the fallback archive."""
    ARCHIVE_UNREACHABLE = "archive_unreachable"
    """The window has closed, and the archive cannot be looked at: whether something is lost is not
    known."""
    LOST = "lost"
    """The window has closed on a file that is not archived."""
    NOT_SEALED = "not_sealed"
    """A recording is archived, and its manifest could not be written."""
    CONTRADICTED = "contradicted"
    """The service's own account of a recording contradicts what was claimed of it."""
    DUTIES = "duties"
    """People must do something about a recording: delete a part of it, or review it."""
    ARCHIVE_CHANGED = "archive_changed"
    """A file that was archived is gone from the archive, or changed there, before it was sealed."""
    FAILED_TO_START = "failed_to_start"
    """A recording that was asked for did not begin."""
    ABANDONED = "abandoned"
    """The workflow of a call ended before its recordings had, or makes no step any more."""
    CANCELLED = "cancelled"
    """The workflow of a call was cancelled in Temporal: its recording is stopped."""
    TOO_MUCH = "too_much"
    """More came for a call than its workflow can hold: something was left out."""
    EVENT_UNDELIVERED = "event_undelivered"
    """A webhook has not taken an event about a recording in time."""
    RECONCILIATION = "reconciliation"
    """Fewer recordings of a period are complete than should be."""
    DEAD_LETTERS = "dead_letters"
    """Dead letters are not understood, or cannot be swept."""
    WORKER_PROBLEM = "worker_problem"
    """A secret, a service, a clock or a search attribute of a worker, or a secret of a gateway, is
    amiss, or is no longer."""
    TEST = "test"
    """Nothing happened: an operator checks whether alarms arrive."""


class Alarm(Message):
    """One alarm, sent once; ``id`` stays the same however often its delivery is tried."""

    id: str
    kind: AlarmKind
    severity: Severity
    at: datetime
    what: str
    """A sentence for a person: what happened and what to do."""
    cause: Cause | None = None
    """The cause, where one is known: docs/operations.md has a section for each."""
    workflow_id: str
    resource: str
    recording_id: str | None = None
    chunk_index: int | None = None
    expires_at: datetime | None = None
    activity_id: str | None = None
    """The activity of the workflow that does not succeed; its last error tells the cause."""
    attempt: int | None = None
    """The attempt at which that activity is; none where no activity is named, or found."""
    last_error: str = ""
    """The last error of that activity, as a sentence."""


class AlarmRecord(State):
    """An alarm in a call's status, with its delivery and its acknowledgement."""

    alarm: Alarm
    sent_at: datetime | None = None
    problem: str = ""
    """The reason why the webhook did not get it; the log and the metrics have it all the same."""
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_as: str = ""
    """The key or token behind the acknowledgement."""

    @property
    def is_unsent(self) -> bool:
        """True if it is still to be sent."""
        return self.sent_at is None and not self.problem and self.acknowledged_at is None


class Acknowledge(CallerMessage):
    """Payload of `acknowledge`: a person looks after it. Silences these alarms, not later ones."""

    alarm_id: ShortText | None = None
    """One alarm; none for all that stand and were sent."""


def explained(what: str, cause: Cause | None) -> str:
    """Add to a sentence what is to be done about its cause, within the bounds of a text."""
    if cause is None:
        return shorten(what)
    advice = f". {describe(cause)}"
    return shorten(what, MAX_TEXT - len(advice)) + advice
