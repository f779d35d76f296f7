"""Names and ids that others must know, each written once.

A backend in any language can compute `workflow_id`; nothing here carries personal data.
"""

import hashlib
import re
from datetime import timedelta

from temporalio.common import SearchAttributeKey

from callvault.contracts.call_ids import canonical_call_id

WORKFLOW_TYPE = "RecordingWorkflow"

CALL_SEEN_TYPE = "CallSeenWorkflow"
"""Trace of a call that Event Grid told of: ends at once, and lies in Temporal's list."""

CALL_SEEN_MEMO = "callSeen"
"""Key of the memo that holds its `CallSeen`: a list of workflows brings memos along."""

RECONCILE_TYPE = "ReconcileWorkflow"
RECONCILE_SCHEDULE = "callvault-reconcile"
SWEEP_TYPE = "SweepWorkflow"
SWEEP_SCHEDULE = "callvault-sweep"
QUARANTINE_SCHEDULE = "callvault-sweep-quarantine"
CHECKPOINT_TYPE = "CheckpointWorkflow"
CHECKPOINT_SCHEDULE = "callvault-checkpoints"
"""Workflows that Temporal Schedules begin one after the other, and the ids of those Schedules."""

ERASURE_TYPE = "ErasureWorkflow"
ERASURE_PLAN_TYPE = "ErasurePlanWorkflow"
RETENTION_SCHEDULE = "callvault-retention"
"""Workflow that erases what a plan names, the one that makes a plan for the gateway, and the
Schedule that begins an erasure where retention is over."""

ADOPTION_TYPE = "AdoptionWorkflow"
ADOPTION_ACTIVITY = "adopt_recording"
"""Adoption of a recording that no workflow knows: a workflow of its own, which ends at once."""

ALARM_TYPE = "AlarmWorkflow"
"""Workflow that sends an alarm of a process that sends none itself."""

ALARM_GROUP_TYPE = "AlarmGroupWorkflow"
"""Workflow that counts the calls which have the cause of an alarm in common."""

ALARM_IN_GROUP = "alarm"
ALARM_DELIVERED = "delivered"
ALARM_WITHDRAWN = "withdrawn"
"""Signals of such a workflow: of a member an alarm was raised, or is over; a receiver knows; an
attempt at an alarm has failed, and counts on it no more."""

MEMO_GROUP_DEDUP_KEY = "dedupKey"
MEMO_GROUP_OPENED_BY = "openedBy"
MEMO_GROUP_TOLD = "told"
"""Keys of its memo: under which key a receiver is told of it, the alarm that began it, and if a
receiver knows of it."""
RECORDING_EVENT_TYPE = "RecordingEventWorkflow"
HAND_OVER_EVENT_ACTIVITY = "hand_over_event"
"""Workflow that delivers an event about a recording which its receiver did not take at once, and
the activity that begins it."""

START = "start"
PAUSE = "pause"
RESUME = "resume"
STOP = "stop"
CONSENT = "consent"
"""Signals (fire and forget) and, under the same names, updates (answered once ACS confirmed)."""

REFUSED = "Refused"
REQUEST_ID_REUSED = "RequestIdReused"
PAUSE_UNCONFIRMED = "PauseUnconfirmed"
"""Types of the errors of an update that makes no sense now, of one whose ``requestId`` stands for
another request, and of a withdrawal that counts while ACS has not confirmed the pause."""

FILE_STATUS_UPDATED = "file_status_updated"
RECORDING_STATE_CHANGED = "recording_state_changed"
CALL_ENDED = "call_ended"
PARTICIPANT_CHANGED = "participant_changed"
ACKNOWLEDGE = "acknowledge"
PLACE_HOLD = "place_hold"
RELEASE_HOLD = "release_hold"
"""Signals only."""

TAKE_OVER = "take_over"
"""Signal of Callvault's own workers: a run learns what another run of its call knew."""

HAND_OVER = "hand_over"
"""Signal of operators during a deploy: a workflow on another version than it should be on wakes up
and hands over. It changes nothing else, and no workflow needs it that wakes up by itself."""

CUT_FAILURE = "Failure exceeds size limit."
"""The server's message in place of a failure that it has cut: the failure itself is its cause."""

BEGIN_ACTIVITY = "begin_run"
"""Activity that tells a run what it must know before it does anything."""

RECALL_ACTIVITY = "recall_run"
"""Activity that reads the last state of the run before a reset."""

SIGNAL_TIMES_ACTIVITY = "find_signal_times"
"""Activity that reads from a history when signals came that did not tell their time."""

STATUS = "status"
"""Query."""

CONTROL_QUEUE = "recordings"
"""Task queue for decisions and control of recordings."""

TASK_TIMEOUT = timedelta(seconds=5)
"""Workflow task time-out to start `WORKFLOW_TYPE` with: a pause waits so long if the worker that
keeps its call stands still. By default Temporal would wait for ten seconds."""

EXPORT_QUEUE = "recordings-export"
"""Task queue for bulk copies, apart so that bytes in flight never delay a pause."""

NOTIFICATION_QUEUE = "recordings-notifications"
"""Task queue for alarms and announcements, apart so that a slow webhook never delays a pause."""

EVENT_QUEUE = "recordings-webhooks"
"""Task queue for events about recordings, apart so that their receivers, which a request may name,
never delay an alarm or an announcement."""

EVENTS_PATH = "/v1/events"
"""Path of the gateway's webhook for Event Grid."""

STATE = SearchAttributeKey.for_keyword("CallvaultState")
RECORDING_IDS = SearchAttributeKey.for_keyword_list("CallvaultRecordingId")
CALL_IDS = SearchAttributeKey.for_keyword_list("CallvaultCallId")
EXPIRES_AT = SearchAttributeKey.for_datetime("CallvaultExpiresAt")
AT_RISK = SearchAttributeKey.for_bool("CallvaultAtRisk")
RESOURCE = SearchAttributeKey.for_keyword("CallvaultResource")
ORPHAN = SearchAttributeKey.for_bool("CallvaultOrphan")
"""True if the call holds a recording that no backend asked for: an event announced it."""
DUTIES = SearchAttributeKey.for_int("CallvaultDuties")
"""Number of things that people must do about the call's recordings: `callvault duties`."""

SEARCH_ATTRIBUTES = (
    STATE,
    RECORDING_IDS,
    CALL_IDS,
    EXPIRES_AT,
    AT_RISK,
    RESOURCE,
    ORPHAN,
    DUTIES,
)
"""Registered in the Temporal namespace by `callvault setup`."""


MEMO_SERVER_CALL_ID = "serverCallId"
MEMO_RECORDING_ID = "recordingId"
MEMO_CALL_ID = "callId"
"""Keys of the memo of a call's workflow: short forms of ids, by which people know a call."""

MEMO_ID_START, MEMO_ID_END = 8, 16
"""Characters of a long id that its short form keeps: ids of one resource begin alike."""

_WORKFLOW_ID = re.compile(r"recording-[0-9a-f]{32}")


def short_hash(text: str) -> str:
    """Return the first 32 hexadecimal digits of the SHA-256 of ``text`` in UTF-8."""
    # Part of every workflow id: backends in other languages compute the same.
    # surrogatepass: a command line can hold bytes that are no UTF-8
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def workflow_id(server_call_id: str) -> str:
    """Return the id of the one workflow that keeps the call with this ``serverCallId``."""
    return f"recording-{short_hash(canonical_call_id(server_call_id))}"


def is_workflow_id(text: str) -> bool:
    """Tell an id of the form of `workflow_id` from one that no call's workflow can have."""
    return _WORKFLOW_ID.fullmatch(text) is not None


def short_form(any_id: str) -> str:
    """Shorten an id so that it fits into a line, and can still be told from others."""
    if len(any_id) <= MEMO_ID_START + MEMO_ID_END + 1:
        return any_id
    return f"{any_id[:MEMO_ID_START]}…{any_id[-MEMO_ID_END:]}"


def memo_of(server_call_id: str) -> dict[str, str]:
    """Return the memo to start a call's workflow with; the workflow adds the ids that it learns."""
    return {MEMO_SERVER_CALL_ID: short_form(server_call_id)}


def call_seen_id(server_call_id: str, what: str) -> str:
    """Return the id of the trace of a call's beginning (``began``) or end (``ended``)."""
    return f"call-{what}-{short_hash(canonical_call_id(server_call_id))}"


def alarm_group_id(group_key: str) -> str:
    """Return the id of the workflow that counts alarms with a common cause."""
    return f"alarm-group-{short_hash(group_key)}"


def adoption_id(recording_id: str) -> str:
    """Return the id of the workflow that adopts a recording."""
    return f"adoption-{short_hash(recording_id)}"


def event_delivery_id(event_id: str, url: str | None) -> str:
    """Return the id of the workflow that delivers an event to one of its receivers."""
    return "event-" + short_hash(f"{event_id} {url or ''}")


def erasure_id(token: str) -> str:
    """Return the id of the workflow that carries out the plan with this token."""
    return f"erasure-{token[:32]}"


def erasure_plan_id(plan: str) -> str:
    """Return the id of the workflow that makes the plan of this name."""
    return f"erasure-plan-{plan}"


def callback_path(workflow_id: str, recording: int) -> str:
    """Return the path of a recording's callback address, where ACS tells how it changes."""
    return f"/v1/callbacks/{workflow_id}/{recording}"
