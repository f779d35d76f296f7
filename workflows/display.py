"""The display of a call in the Temporal Web UI: search attributes, and the text of its page."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate, TypedSearchAttributes

from callvault.contracts import names
from callvault.contracts.states import RecordingState
from callvault.contracts.status import CallStatus
from callvault.temporal.search_attributes import SEARCH_ATTRIBUTES
from workflows import page
from workflows.call.recording_state import is_at_risk
from workflows.call.results import worst

MAX_INDEXED_BYTES = 2_000
"""Bytes of ids in one search attribute: at 2,048 the server ends the workflow."""


@dataclass(frozen=True)
class Display:
    """All that is shown of a call; equal displays need no update."""

    state: RecordingState
    recording_ids: tuple[str, ...]
    call_ids: tuple[str, ...]
    expires_at: datetime | None
    at_risk: bool
    resource: str
    has_orphan: bool
    duties: int
    memo: tuple[tuple[str, str], ...]
    """Short forms of the newest ids, as people have them."""
    details: str


def of(status: CallStatus) -> Display:
    """Derive what is to be shown."""
    expiries = [r.expires_at for r in status.recordings if r.expires_at is not None]
    return Display(
        state=worst(status),
        recording_ids=_indexed(r.recording_id for r in status.recordings if r.recording_id),
        call_ids=_indexed({r.call_id: None for r in status.recordings if r.call_id}),
        expires_at=_full_minute(min(expiries, default=None)),
        at_risk=is_at_risk(status),
        resource=status.resource,
        has_orphan=any(recording.is_orphan for recording in status.recordings),
        duties=sum(r.sealed.duties for r in status.recordings if r.sealed),
        memo=_memo(status),
        details=page.of(status),
    )


def show(status: CallStatus, before: Display | None = None) -> Display:
    """Bring the Web UI up to date; only what changed since ``before`` costs an event."""
    now = of(status)
    workflow.set_current_details(now.details)
    if before is None or _attributes(before) != _attributes(now):
        workflow.upsert_search_attributes(SEARCH_ATTRIBUTES.usable(_attributes(now)))
    if before is None or before.memo != now.memo:
        workflow.upsert_memo(dict(now.memo))
    return now


def inherited() -> TypedSearchAttributes | None:
    """Return the search attributes of the next run; None for those of this one."""
    return SEARCH_ATTRIBUTES.inherited(workflow.info().typed_search_attributes)


def _indexed(ids: Iterable[str]) -> tuple[str, ...]:
    """Return the newest ids, as many as a search attribute holds; the status has them all."""
    kept: list[str] = []
    left = MAX_INDEXED_BYTES
    for each in reversed(list(ids)):
        # As JSON: with quotes and a comma, and with each of these escaped in the text.
        size = len(json.dumps(each)) + 1
        if size <= left:
            kept.append(each)
            left -= size
    return tuple(reversed(kept))


def _memo(status: CallStatus) -> tuple[tuple[str, str], ...]:
    """Return the memo once ACS has named a recording: until then the start's own will do."""
    # Each change is an event in the history.
    newest = status.recordings[-1] if status.recordings else None
    if newest is None or newest.recording_id is None:
        return ()
    known = names.memo_of(status.server_call_id)
    known[names.MEMO_RECORDING_ID] = names.short_form(newest.recording_id)
    if newest.call_id:
        known[names.MEMO_CALL_ID] = names.short_form(newest.call_id)
    return tuple(known.items())


def _attributes(display: Display) -> list[SearchAttributeUpdate[Any]]:
    return [
        names.STATE.value_set(display.state),
        names.RECORDING_IDS.value_set(display.recording_ids),
        names.CALL_IDS.value_set(display.call_ids),
        names.EXPIRES_AT.value_set(display.expires_at)
        if display.expires_at
        else names.EXPIRES_AT.value_unset(),
        names.AT_RISK.value_set(display.at_risk),
        names.RESOURCE.value_set(display.resource),
        names.ORPHAN.value_set(display.has_orphan),
        names.DUTIES.value_set(display.duties),
    ]


def _full_minute(moment: datetime | None) -> datetime | None:
    """Round down to the minute."""
    # Chunks that expire within one minute cost one update, an event each, together.
    return moment and moment.replace(second=0, microsecond=0)
