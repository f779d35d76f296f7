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


class AlarmStatus(StrEnum):
    """The news of a notification: the words of Prometheus' Alertmanager."""

    FIRING = "firing"
    RESOLVED = "resolved"
    """What the alarm told of is over."""


class ProblemKind(StrEnum):
    """The kinds of what a process looks after; docs/operations.md has a section for each."""

    SECRETS = "secrets"
    SERVICES = "services"
    CLOCKS = "clocks"
    ATTRIBUTES = "attributes"
    """Search attributes."""
    TASKS = "tasks"
    """A worker takes no workflow task although tasks wait."""


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
    CHECKPOINTS = "checkpoints"
    """The end of an archive's chain could not be published in a place that keeps it."""
    WORKER_PROBLEM = "worker_problem"
    """A secret, a service, a clock or a search attribute of a worker, or a secret of a gateway, is
    amiss, or is no longer."""
    TEST = "test"
    """Nothing happened: an operator checks whether alarms arrive."""


class Alarm(Message):
    """One notification of an alarm; ``id`` stays the same however often its delivery is tried."""

    id: str
    status: AlarmStatus = AlarmStatus.FIRING
    kind: AlarmKind
    severity: Severity
    at: datetime
    """Time at which it was raised, or was over."""
    what: str
    """A sentence for a person: what happened and what to do."""
    dedup_key: str = ""
    """The same in every notification about one thing, from the first to the one that resolves it;
    in an alarm of a group, that of the group."""
    group_key: str = ""
    """The common cause, as ``archive/main/full``: alarms of other calls may have the same."""
    is_grouped: bool = False
    """True if one alarm is sent for all calls with its ``group_key``."""
    count: int = 1
    """Number of calls that an alarm of a group is about."""
    calls: tuple[str, ...] = ()
    """The newest of them, by workflow id."""
    resolves: bool = False
    """True if a notification follows once it is over; else a person closes it."""
    is_loss: bool = False
    """True if it is over because something was lost: an alarm `lost` tells of that."""
    cause: Cause | None = None
    """The cause, where one is known: docs/operations.md has a section for each."""
    problem: ProblemKind | None = None
    """The kind of problem, of a `worker_problem`."""
    fault: str = ""
    """The owner of the last error: ``service``, ``archive``, ``callvault`` or ``caller``."""
    whose: str = ""
    """Whose fault it is, in words."""
    workflow_id: str
    resource: str
    archive: str = ""
    recording: int | None = None
    """Number of the recording in its call."""
    recording_id: str | None = None
    chunk_index: int | None = None
    expires_at: datetime | None = None
    seconds_left: int | None = None
    """Time until then when it was sent, in seconds; negative once it has passed."""
    activity_id: str | None = None
    """The activity of the workflow that does not succeed; its last error tells the cause."""
    attempt: int | None = None
    """The attempt at which that activity is; none where no activity is named, or found."""
    last_error: str = ""
    """The last error of that activity, as a sentence."""
    page_url: str = ""
    """Link to the page of the call in Temporal's Web UI, or to a list of calls."""
    runbook_url: str = ""
    """Link to what is to be done about an alarm of the kind."""
    cause_url: str = ""
    """Link to what is to be done about the cause."""


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
    over_at: datetime | None = None
    """Time at which what it told of was found to be over."""
    resolved_at: datetime | None = None
    """Time at which the webhook took that it is over."""
    resolved_problem: str = ""
    """The reason why the webhook did not take that."""

    @property
    def stands(self) -> bool:
        """True while somebody should look at it: it is not over, and nobody has acknowledged it."""
        return self.over_at is None and self.acknowledged_at is None

    @property
    def is_unsent(self) -> bool:
        """True if it is still to be sent."""
        return self.sent_at is None and not self.problem and self.acknowledged_at is None

    @property
    def is_unresolved(self) -> bool:
        """True if it was delivered, and that it is over is still to be told, now or later."""
        is_told = self.resolved_at is not None or bool(self.resolved_problem)
        return self.sent_at is not None and self.alarm.resolves and not is_told


class Acknowledge(CallerMessage):
    """Payload of `acknowledge`: a person looks after it. Silences these alarms, not later ones."""

    alarm_id: ShortText | None = None
    """One alarm; none for all that stand and were sent."""


ACTIVITY_ACCOUNT = "Its activity is"
"""Begin of the sentence by which an alarm tells what had become of its activity as it was sent."""


def without_account(what: str) -> str:
    """Return what an alarm says, without that sentence: the activity may have gone on since."""
    return what.partition(f". {ACTIVITY_ACCOUNT}")[0]


def explained(what: str, cause: Cause | None) -> str:
    """Add to a sentence what is to be done about its cause, within the bounds of a text."""
    if cause is None:
        return shorten(what)
    advice = f". {describe(cause)}"
    return shorten(what, MAX_TEXT - len(advice)) + advice
