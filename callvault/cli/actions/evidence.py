"""Compliance evidence of a call: requests, what ACS confirmed, and what the files say."""

from datetime import datetime, timedelta

from pydantic import TypeAdapter
from rich.console import Group, RenderableType

from callvault.cli.actions.consent_evidence import (
    ConsentEvidence,
    consent_evidence_of,
    consent_parts,
)
from callvault.cli.terminal import InertTable, line
from callvault.contracts.activity_io import RecordedPause
from callvault.contracts.base import Message, name_of_caller
from callvault.contracts.status import (
    CallStatus,
    ControlRecord,
    PauseRecord,
    RecordingStatus,
    UnconfirmedInterval,
)

TOLERANCE = timedelta(seconds=5)
"""Largest difference between a pause in ACS's metadata and in Callvault's record.

A request and its answer take time, so the two never agree exactly.
"""


class PauseEvidence(Message):
    """A pause, as requested and confirmed, beside the pause in the file's metadata."""

    asked_for: PauseRecord | None
    in_the_file: RecordedPause | None
    agree: bool | None
    """None as long as no metadata file is archived."""


class RecordingEvidence(Message):
    """All facts about one recording and the requests that changed it."""

    number: int
    recording_id: str | None
    state: str
    requests: tuple[ControlRecord, ...]
    pauses: tuple[PauseEvidence, ...]
    unconfirmed_intervals: tuple[UnconfirmedInterval, ...]
    consent: ConsentEvidence


def evidence_of(*statuses: CallStatus, participant: str | None = None) -> list[RecordingEvidence]:
    """Gather the evidence of every recording of a call, from all of the call's workflows.

    With the hash of a participant, consent is limited to the facts about that one.
    """
    # A workflow that a late event began knows of no requests: an earlier one of the same recording
    # has the complete record, so that one counts.
    gathered = [each for status in statuses for each in _evidence_of(status, participant)]
    asked_for = {evidence.recording_id for evidence in gathered if evidence.requests}
    return [each for each in gathered if each.requests or each.recording_id not in asked_for]


def _evidence_of(status: CallStatus, participant: str | None) -> list[RecordingEvidence]:
    return [
        RecordingEvidence(
            number=recording.number,
            recording_id=recording.recording_id,
            state=recording.state,
            requests=tuple(r for r in status.requests.values() if r.recording == recording.number),
            pauses=tuple(_compare(recording)),
            unconfirmed_intervals=tuple(recording.unconfirmed_intervals),
            consent=consent_evidence_of(status, recording, participant),
        )
        for recording in status.recordings
    ]


def _compare(recording: RecordingStatus) -> list[PauseEvidence]:
    """Match the confirmed pauses with those in the metadata of the files."""
    recorded = [pause for c in recording.chunks if c.archived for pause in c.archived.pauses]
    is_complete = _has_every_pause(recording)
    left, compared = list(recorded), []
    for asked in recording.pauses:
        found = next((pause for pause in left if _is_same(asked, pause)), None)
        if found is not None:
            # One pause in the file proves one request only.
            left.remove(found)
        # Only complete metadata proves that a pause is missing; without it nothing is known.
        agree = True if found is not None else False if is_complete else None
        compared.append(PauseEvidence(asked_for=asked, in_the_file=found, agree=agree))
    return compared + [
        PauseEvidence(asked_for=None, in_the_file=pause, agree=False) for pause in left
    ]


def _has_every_pause(recording: RecordingStatus) -> bool:
    """Tell if metadata is archived and readable, so that a pause it lacks is really missing."""
    files = [chunk.archived for chunk in recording.chunks if chunk.archived]
    is_complete = any(file.metadata_object_name for file in files)
    return is_complete and not any(file.metadata_problem for file in files)


def _is_same(asked: PauseRecord, recorded: RecordedPause) -> bool:
    end = recorded.start_time + timedelta(milliseconds=recorded.duration_ms)
    begins = abs(recorded.start_time - asked.confirmed_at) <= TOLERANCE
    return begins and (asked.resumed_at is None or abs(end - asked.resumed_at) <= TOLERANCE)


def as_json_text(evidence: list[RecordingEvidence]) -> str:
    """Render the evidence as a JSON array."""
    return TypeAdapter(list[RecordingEvidence]).dump_json(evidence, indent=2).decode()


def evidence_tables(evidence: list[RecordingEvidence]) -> RenderableType:
    """Render the evidence for the terminal."""
    parts: list[RenderableType] = []
    for recording in evidence:
        title = f"Recording {recording.number}: {recording.state}, {recording.recording_id}"
        parts.append(line(title))
        parts.append(_requests_table(recording))
        parts.append(_pauses_table(recording))
        parts += [
            line(
                f"Doubtful: from {_time(interval.since)} to {_time(interval.until)} it may hold"
                " what it was asked not to record"
            )
            for interval in recording.unconfirmed_intervals
        ]
        parts += consent_parts(recording.consent)
    return Group(*parts)


def _requests_table(recording: RecordingEvidence) -> InertTable:
    """Render each request, and when ACS accepted it, announced it, and was seen to obey."""
    columns = ("asked", "by", "reason", "at (UTC)", "accepted", "told", "settled", "outcome")
    table = InertTable(*columns, box=None)
    for record in recording.requests:
        outcome = f"{record.state} {record.problem}".rstrip()
        table.add_row(
            record.operation,
            name_of_caller(record.requested_by, record.authenticated_as),
            record.reason,
            _time(record.requested_at),
            _after(record.requested_at, record.accepted_at),
            _after(record.requested_at, record.notified_at),
            _after(record.requested_at, record.settled_at),
            outcome,
        )
    return table


def _pauses_table(recording: RecordingEvidence) -> InertTable:
    table = InertTable("pause by", "confirmed (UTC)", "resumed (UTC)", "in the file", box=None)
    for pause in recording.pauses:
        asked, recorded = pause.asked_for, pause.in_the_file
        table.add_row(
            name_of_caller(asked.requested_by, asked.authenticated_as) if asked else "nobody here",
            _time(asked.confirmed_at) if asked else "",
            _time(asked.resumed_at) if asked else "",
            _verdict(pause, recorded),
        )
    return table


def _verdict(pause: PauseEvidence, recorded: RecordedPause | None) -> str:
    if pause.agree is None:
        return "not archived yet"
    if recorded is None:
        return "MISSING"
    span = f"{_time(recorded.start_time)}, {recorded.duration_ms / 1000:.1f} s"
    return span if pause.agree else f"{span}: NOT ASKED FOR HERE"


def _after(requested_at: datetime, moment: datetime | None) -> str:
    return f"{(moment - requested_at).total_seconds():+.3f} s" if moment else ""


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"[:-3] if moment else ""
