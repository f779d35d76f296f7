"""The display of a call in the Temporal Web UI: search attributes and current details."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate, TypedSearchAttributes

from callvault.contracts import names
from callvault.contracts.alarms import explained
from callvault.contracts.base import shorten
from callvault.contracts.printable import printable_markdown as plain
from callvault.contracts.states import RecordingState
from callvault.contracts.status import (
    CallStatus,
    ChunkStatus,
    PauseRecord,
    RecordingStatus,
)
from callvault.temporal.search_attributes import SEARCH_ATTRIBUTES
from workflows.call.recording_state import is_at_risk
from workflows.call.results import worst

MAX_INDEXED_BYTES = 2_000
"""Bytes of ids in one search attribute: at 2,048 the server ends the workflow."""

MAX_LISTED = 20
"""Decisions that are shown, and pauses: the newest."""

MAX_LISTED_CHUNKS = 100
"""Chunks of a recording that are shown: the first."""


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
        details="\n\n".join([*map(_describe, status.recordings), *_describe_consents(status)]),
    )


def show(status: CallStatus, before: Display | None = None) -> Display:
    """Bring the Web UI up to date; only what changed since ``before`` costs an event."""
    now = of(status)
    workflow.set_current_details(now.details)
    if before is None or _attributes(before) != _attributes(now):
        workflow.upsert_search_attributes(SEARCH_ATTRIBUTES.usable(_attributes(now)))
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


def _describe(recording: RecordingStatus) -> str:
    """Describe a recording in a few lines of Markdown."""
    lines = [f"**Recording {recording.number}: {recording.state.replace('_', ' ')}**", ""]
    if recording.is_orphan:
        lines.append("- an orphan: nobody asked for it, an event announced it")
    if recording.archive_only:
        lines.append("- only archived: another program records")
    if recording.expires_at:
        lines.append(f"- next deadline {recording.expires_at:%Y-%m-%d %H:%M:%S} UTC")
    if recording.problem:
        lines.append(f"- problem: {plain(recording.problem)}")
    if (trouble := recording.trouble) is not None:
        what = explained(f"{trouble.operation} is not done: {trouble.what}", trouble.cause)
        lines.append(f"- **{plain(what)}**")
    lines += _describe_consent(recording)
    lines += [
        f"- paused by {plain(pause.requested_by)} ({plain(pause.reason) or 'no reason given'})"
        f" from {_begin(pause)} to {_clock(pause.resumed_at)}"
        for pause in recording.pauses[-MAX_LISTED:]
    ]
    if recording.escalations:
        lines.append("- **no file is announced: look at Event Grid**")
    lines += [_describe_chunk(chunk) for chunk in recording.chunks[:MAX_LISTED_CHUNKS]]
    if len(recording.chunks) > MAX_LISTED_CHUNKS:
        lines.append(f"- {len(recording.chunks)} chunks in all")
    return "\n".join(lines)


def _describe_consent(recording: RecordingStatus) -> list[str]:
    lines = [f"- **held back: {plain(recording.holds[-1].reason)}**"] if recording.is_held else []
    if recording.declined:
        lines.append(f"- declined: {plain(recording.declined)}")
    return lines + [
        f"- **to be deleted by you**: {mark.since:%H:%M:%S} to {_clock(mark.until)}, "
        f"{mark.participant[:8]}… withdrew consent"
        for mark in recording.marked
    ]


def _describe_consents(status: CallStatus) -> list[str]:
    """Describe the newest decisions, in a table."""
    if not status.consents:
        return []
    rows = [
        f"| {record.participant[:8]}… | {'given' if record.given else 'not given'} | "
        f"{_cell(record.method)} | {_cell(record.evidence)} | {record.decided_at:%H:%M:%S} |"
        for record in status.consents[-MAX_LISTED:]
    ]
    head = ["| participant | consent | how | evidence | decided |", "|---|---|---|---|---|"]
    return ["\n".join(["**Consent**", "", *head, *rows])]


def _cell(text: str) -> str:
    """Fit free text into a table: short, and on one line."""
    return plain(shorten(" ".join(text.split()), 60).replace("|", "/"))


def _describe_chunk(chunk: ChunkStatus) -> str:
    line = f"- chunk {chunk.chunk.index}: {chunk.state}"
    if chunk.archived:
        return f"{line}, {chunk.archived.size} bytes at {chunk.archived.location}"
    return f"{line} {plain(chunk.lost_reason)}".rstrip()


def _full_minute(moment: datetime | None) -> datetime | None:
    """Round down to the minute."""
    # Chunks that expire within one minute cost one update, an event each, together.
    return moment and moment.replace(second=0, microsecond=0)


def _begin(pause: PauseRecord) -> str:
    return _clock(pause.confirmed_at) if pause.confirmed_at else "a time that is not confirmed"


def _clock(moment: datetime | None) -> str:
    return f"{moment:%H:%M:%S}" if moment else "now"
