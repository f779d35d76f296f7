"""The consent of a call as evidence: what was needed, who decided what, when it was held back."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import RenderableType

from callvault.cli.terminal import InertTable, line
from callvault.contracts.base import Message, name_of_caller
from callvault.contracts.consent import (
    Announcement,
    ConsentHold,
    ConsentRecord,
    ConsentTerms,
    DeletionMark,
    Presence,
)
from callvault.contracts.status import CallStatus, RecordingStatus

HASH_DIGITS = 16
"""Digits of a participant's hash in tables; JSON has all 64."""


class ConsentEvidence(Message):
    """All consent facts of one recording."""

    terms: ConsentTerms
    consented_at: datetime | None
    announcement: Announcement | None
    declined: str
    decisions: tuple[ConsentRecord, ...]
    participants: tuple[Presence, ...]
    holds: tuple[ConsentHold, ...]
    marked: tuple[DeletionMark, ...]


def consent_evidence_of(
    status: CallStatus, recording: RecordingStatus, participant: str | None = None
) -> ConsentEvidence:
    """Gather the consent facts of a recording.

    With the hash of a participant, only the facts about that one.
    """

    def concerns(entry: ConsentRecord | Presence | DeletionMark) -> bool:
        return participant in (None, entry.participant)

    return ConsentEvidence(
        terms=recording.consent,
        consented_at=recording.consented_at,
        announcement=recording.announcement,
        declined=recording.declined,
        decisions=tuple(filter(concerns, status.consents)),
        participants=tuple(filter(concerns, status.participants)),
        holds=tuple(recording.holds),
        marked=tuple(filter(concerns, recording.marked)),
    )


def consent_parts(evidence: ConsentEvidence) -> list[RenderableType]:
    """Render the evidence for the terminal; an empty list where consent never mattered."""
    policy = evidence.terms.consent_policy or "none"
    if policy == "none" and not evidence.decisions and not evidence.declined:
        return []
    met = f"met first at {_time(evidence.consented_at)}" if evidence.consented_at else "never met"
    parts: list[RenderableType] = [line(f"Consent needed: {policy}, {met}")]
    if evidence.declined:
        parts.append(line(f"Declined: {evidence.declined}"))
    if evidence.decisions:
        parts.append(_decisions_table(evidence.decisions))
    parts += [line(_describe_hold(hold)) for hold in evidence.holds]
    parts += [
        line(
            f"To be deleted: what was recorded from {_time(mark.since)} to"
            f" {_time(mark.until) or 'now'} ({mark.participant[:HASH_DIGITS]} withdrew)"
        )
        for mark in evidence.marked
    ]
    return parts


def _decisions_table(decisions: Sequence[ConsentRecord]) -> InertTable:
    table = InertTable(
        "participant", "consent", "how", "evidence", "law", "told by", "decided (UTC)", box=None
    )
    for record in decisions:
        word = ("given" if record.given else "not given") + ("" if record.counts else ", outdated")
        table.add_row(
            record.participant[:HASH_DIGITS],
            word,
            record.method,
            record.evidence,
            record.jurisdiction,
            name_of_caller(record.reported_by, record.authenticated_as),
            _time(record.decided_at),
        )
    return table


def _describe_hold(hold: ConsentHold) -> str:
    end = f"{_time(hold.until)}, {hold.ended_by}" if hold.until else "now"
    return f"Held back: from {_time(hold.since)} to {end}, because {hold.reason}"


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"[:-3] if moment else ""
