"""The compliance evidence of a call, for the terminal."""

from datetime import datetime

from pydantic import TypeAdapter
from rich.console import Group, RenderableType

from callvault.cli.actions.consent_evidence import consent_parts
from callvault.cli.terminal import InertTable, line
from callvault.contracts.activity_io import RecordedPause
from callvault.contracts.base import name_of_caller
from callvault.evidence.account import PauseEvidence, RecordingEvidence


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
            for interval in recording.silence.unconfirmed
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
