"""The next event to tell webhooks of a recording, and the record of what was told.

Nothing is queued: what is to be told follows from the state of the recording and from what was told
before. Each id is made of facts alone, so that a run that tells the same again, after a reset or a
take-over, tells it under the same id.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.recording_events import (
    END_OF,
    EventDelivery,
    EventFile,
    EventKind,
    EventManifest,
    RecordingEvent,
    ToldEvents,
)
from callvault.contracts.silence import SilentInterval
from callvault.contracts.states import Actual
from callvault.contracts.status import CallStatus, ChunkStatus, RecordingStatus
from callvault.contracts.webhook_urls import refusal_of

_NOT_BEGUN = (Actual.NONE, Actual.STARTING)
_TICK = timedelta(microseconds=1)


def refuse_url(status: CallStatus, recording: RecordingStatus) -> str | None:
    """Forget a receiver that the resource's settings do not allow; return that in a sentence."""
    policy = status.policy
    if policy is None:
        return None
    refused = refusal_of(recording.webhook_url, policy.webhook_allowed_urls, policy.resource)
    if refused is not None:
        recording.webhook_url = None
    return refused


def to_tell(status: CallStatus) -> Iterator[RecordingStatus]:
    """Yield the recordings whose events have a receiver."""
    policy = status.policy
    for recording in status.recordings if policy is not None else ():
        if (policy and policy.tells_events) or recording.webhook_url is not None:
            yield recording


def next_kind(
    status: CallStatus, recording: RecordingStatus, *, is_sealing: bool
) -> EventKind | None:
    """Name the next event of a recording; None while there is nothing to tell.

    ``is_sealing`` while its manifest is to be written: an end is told with it.
    """
    told = status.told.get(recording.number, ToldEvents())
    if recording.origin == "requested" and _has_begun(recording):
        if not told.has_started:
            return EventKind.STARTED
        if not told.has_stopped and (kind := _before_the_end(recording, told)) is not None:
            return kind
    if not recording.state.is_final or is_sealing or _end_facts(recording) == told.end_facts:
        return None
    return END_OF[recording.state]


def make(
    status: CallStatus, recording: RecordingStatus, kind: EventKind, workflow_id: str, now: datetime
) -> RecordingEvent:
    """Make the event of this kind."""
    record = status.told.get(recording.number, ToldEvents())
    facts = _facts(recording, kind, record)
    if kind.is_final:
        facts = _end(recording) | {"corrects": record.final or None}
    return RecordingEvent(
        id=_id(workflow_id, recording, kind, facts),
        kind=kind,
        at=facts.pop("at", now),
        sequence=_next_sequence(status, now),
        resource=status.resource,
        server_call_id=status.server_call_id,
        call_id=recording.call_id,
        workflow_id=workflow_id,
        recording=recording.number,
        recording_id=recording.recording_id,
        origin=recording.origin,
        state=recording.state,
        is_final=kind.is_final,
        **facts,
    )


def deliveries(
    status: CallStatus, recording: RecordingStatus, event: RecordingEvent
) -> list[EventDelivery]:
    """Address an event to each of its receivers."""
    policy = status.policy
    if policy is None:
        return []
    urls: list[str | None] = [None] if policy.tells_events else []
    urls += [recording.webhook_url] if recording.webhook_url is not None else []
    return [EventDelivery(event=event, url=url, within=policy.webhook_within) for url in urls]


def told(status: CallStatus, event: RecordingEvent) -> None:
    """Fold that an event was taken by its receivers, or is delivered by a workflow of its own."""
    record = status.told.setdefault(event.recording, ToldEvents())
    record.has_started |= event.kind is EventKind.STARTED
    record.has_stopped |= event.kind is EventKind.STOPPED
    if event.kind is EventKind.PAUSED:
        record.silent_since = event.silent_since
    record.is_silent = event.kind is EventKind.PAUSED
    if event.is_final:
        record.final, record.end_facts = event.id, event.facts


def join(
    status: CallStatus, before: CallStatus, numbers: dict[int, int | None], *, is_reset: bool
) -> None:
    """Join what a dead run had told; ``numbers`` are its recordings' numbers from now on.

    After a reset the dead run went further.
    """
    status.told_at = max(filter(None, (status.told_at, before.told_at)), default=None)
    for number, theirs in before.told.items():
        if (kept := numbers.get(number)) is None:
            continue
        mine = status.told.setdefault(kept, theirs)
        older, newer = (mine, theirs) if is_reset else (theirs, mine)
        status.told[kept] = ToldEvents(
            has_started=older.has_started or newer.has_started,
            has_stopped=older.has_stopped or newer.has_stopped,
            silent_since=newer.silent_since or older.silent_since,
            is_silent=newer.is_silent if newer.silent_since else older.is_silent,
            final=newer.final or older.final,
            end_facts=newer.end_facts or older.end_facts,
        )


def _has_begun(recording: RecordingStatus) -> bool:
    return recording.recording_id is not None and recording.actual not in _NOT_BEGUN


def _before_the_end(recording: RecordingStatus, told: ToldEvents) -> EventKind | None:
    if told.is_silent and _is_over(recording, told):
        return EventKind.RESUMED
    if not told.is_silent and _next_silence(recording, told) is not None:
        return EventKind.PAUSED
    # What is silent to its end is stopped, and was not resumed.
    return EventKind.STOPPED if recording.actual is Actual.STOPPED else None


def _told_silence(recording: RecordingStatus, told: ToldEvents) -> SilentInterval | None:
    """Return the silence that was told last; None if it is not claimed any more."""
    silent = recording.silence.silent
    return next((each for each in silent if each.since == told.silent_since), None)


def _is_over(recording: RecordingStatus, told: ToldEvents) -> bool:
    """Tell if the silence that was told has ended, and not with the recording."""
    interval = _told_silence(recording, told)
    if interval is None:
        return True
    return interval.until is not None and interval.until != recording.sound.over_at


def _next_silence(recording: RecordingStatus, told: ToldEvents) -> SilentInterval | None:
    """Return the first silence that was not told yet."""
    since = told.silent_since
    silent = recording.silence.silent
    return next((each for each in silent if since is None or each.since > since), None)


# The parts of an event.


def _next_sequence(status: CallStatus, now: datetime) -> str:
    """Count by the time, which also orders the events of several workflows of one call."""
    status.told_at = max(now, status.told_at + _TICK) if status.told_at else now
    return f"{status.told_at:%Y%m%dT%H%M%S.%fZ}"


def _facts(recording: RecordingStatus, kind: EventKind, told: ToldEvents) -> dict[str, Any]:
    """Return what an event of a recording that goes on tells."""
    if kind is EventKind.STARTED and recording.started_at is not None:
        return {"at": recording.started_at}
    if kind is EventKind.STOPPED and recording.stopped_at is not None:
        return {"at": recording.stopped_at}
    if kind is EventKind.PAUSED and (begun := _next_silence(recording, told)) is not None:
        return {"at": begun.since, "silent_since": begun.since, "proof": begun.proof}
    if kind is EventKind.RESUMED:
        return _resumed(recording, told)
    return {}


def _resumed(recording: RecordingStatus, told: ToldEvents) -> dict[str, Any]:
    interval = _told_silence(recording, told)
    if interval is None or interval.until is None:
        return {"silent_since": told.silent_since, "is_retracted": interval is None}
    return {
        "at": interval.until,
        "silent_since": interval.since,
        "silent_until": interval.until,
        "is_retracted": _is_taken_back(recording, interval.until),
    }


def _is_taken_back(recording: RecordingStatus, until: datetime) -> bool:
    """Tell if a silence ends where it was found to be none, and not where sound was sent for."""
    return any(
        each.is_finding and each.since <= until and (each.until is None or each.until >= until)
        for each in recording.silence.unconfirmed
    )


def _end(recording: RecordingStatus) -> dict[str, Any]:
    """Return what an end tells."""
    sealed = recording.sealed
    return {
        "facts": _end_facts(recording),
        "reason": recording.declined or recording.problem or recording.erased,
        "archive": recording.archive if any(c.archived for c in recording.chunks) else "",
        "files": tuple(map(_file, recording.chunks)),
        "manifest": _manifest(sealed) if sealed is not None else None,
        "findings": sealed.findings if sealed is not None else (),
        "silence": (sealed and sealed.silence) or recording.silence.model_copy(deep=True),
    }


def _file(chunk: ChunkStatus) -> EventFile:
    archived = chunk.archived
    return EventFile(
        index=chunk.chunk.index,
        document_id=chunk.chunk.document_id,
        state=chunk.state,
        object_name=archived and archived.object_name,
        location=archived and archived.location,
        size=archived and archived.size,
        sha256=archived and archived.sha256,
        metadata_object_name=archived and archived.metadata_object_name,
        lost_reason=chunk.lost_reason,
    )


def _manifest(sealed: SealedRecording) -> EventManifest:
    return EventManifest(
        object_name=sealed.object_name,
        location=sealed.location,
        sha256=sealed.sha256,
        sequence=sealed.sequence,
        key_id=sealed.key_id,
    )


# Ids.


def _id(
    workflow_id: str, recording: RecordingStatus, kind: EventKind, facts: dict[str, Any]
) -> str:
    """Make an id that the same facts make again: of a recording by its own id, if it has one."""
    which = recording.recording_id or f"{recording.number}/{recording.requested_at.isoformat()}"
    parts = which, facts.get("silent_since"), facts.get("silent_until"), facts.get("facts")
    text = "\n".join(map(str, parts))
    return f"{workflow_id}/{kind}/{_digest(text)}"


def _end_facts(recording: RecordingStatus) -> str:
    """Return a digest of an end: another one once another file or manifest belongs to it."""
    sealed = recording.sealed
    manifest = f"{sealed.archive} {sealed.object_name} {sealed.sha256}" if sealed else ""
    chunks = sorted(
        f"{each.chunk.document_id} {each.chunk.index} {each.state}" for each in recording.chunks
    )
    return _digest("\n".join([recording.state, manifest, *chunks]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
