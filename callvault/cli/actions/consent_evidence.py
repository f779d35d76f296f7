"""The evidence of consent for the terminal."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import RenderableType

from callvault.cli.terminal import InertTable, line
from callvault.contracts.base import name_of_caller
from callvault.contracts.consent import (
    ConsentHold,
    ConsentRecord,
    Presence,
)
from callvault.evidence.consent_account import ConsentEvidence
from callvault.evidence.consent_at import ConsentAt

HASH_DIGITS = 16
"""Digits of a participant's hash in tables; JSON has all 64."""


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
    if evidence.participants:
        parts.append(_stays_table(evidence.participants))
    if evidence.left_out:
        parts.append(line(f"{evidence.left_out} decisions and stays in the call are not kept"))
    if evidence.at is not None:
        parts += _moment_parts(evidence.at)
    parts += [line(_describe_hold(hold)) for hold in evidence.holds]
    parts += [
        line(
            f"To be deleted: what was recorded from {_time(mark.since)} to"
            f" {_time(mark.until) or 'now'} ({mark.participant[:HASH_DIGITS]} did not agree)"
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


def _stays_table(stays: Sequence[Presence]) -> InertTable:
    table = InertTable("in the call", "device", "from (UTC)", "to (UTC)", box=None)
    for stay in stays:
        end = "perhaps now" if stay.may_have_left else "now"
        table.add_row(
            stay.participant[:HASH_DIGITS],
            stay.connection[:HASH_DIGITS],
            _time(stay.joined_at) or f"before {_time(stay.told_at)}",
            _time(stay.left_at) if stay.left_at else end,
        )
    return table


def _moment_parts(at: ConsentAt) -> list[RenderableType]:
    word = "met" if at.is_met else "not met"
    doubt = "" if at.is_complete else ", as far as it is kept"
    table = InertTable("then in the call", "consent", box=None)
    for person in at.people:
        where = "" if person.is_certain else ", perhaps not in the call"
        table.add_row(person.participant[:HASH_DIGITS], f"{person.stand}{where}")
    return [line(f"At {_time(at.moment)} UTC {at.policy} was {word}{doubt}:"), table]


def _describe_hold(hold: ConsentHold) -> str:
    end = f"{_time(hold.until)}, {hold.ended_by}" if hold.until else "now"
    return f"Held back: from {_time(hold.since)} to {end}, because {hold.reason}"


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"[:-3] if moment else ""
