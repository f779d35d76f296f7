"""The consent of a call as evidence: what was needed, who decided what, when it was held back."""

from datetime import datetime

from callvault.contracts.base import Message
from callvault.contracts.consent import (
    Announcement,
    ConsentHold,
    ConsentRecord,
    ConsentTerms,
    DeletionMark,
    Presence,
)
from callvault.contracts.status import CallStatus, RecordingStatus
from callvault.evidence.consent_at import ConsentAt, consent_at


class ConsentEvidence(Message):
    """All consent facts of one recording."""

    terms: ConsentTerms
    consented_at: datetime | None
    announcement: Announcement | None
    declined: str
    decisions: tuple[ConsentRecord, ...]
    participants: tuple[Presence, ...]
    """The history of who was in the call: each stay, by its connection."""
    left_out: int = 0
    """Number of decisions and stays that are not kept."""
    at: ConsentAt | None = None
    """Consent at the moment that was asked for."""
    holds: tuple[ConsentHold, ...]
    marked: tuple[DeletionMark, ...]


def consent_evidence_of(
    status: CallStatus,
    recording: RecordingStatus,
    participant: str | None = None,
    moment: datetime | None = None,
) -> ConsentEvidence:
    """Gather the consent facts of a recording, and those at a moment.

    With the hash of a participant, only the facts about that one.
    """
    left_out = status.consents_left_out + status.participants_left_out

    def concerns(entry: ConsentRecord | Presence | DeletionMark) -> bool:
        return participant in (None, entry.participant)

    return ConsentEvidence(
        terms=recording.consent,
        consented_at=recording.consented_at,
        announcement=recording.announcement,
        declined=recording.declined,
        decisions=tuple(filter(concerns, status.consents)),
        participants=tuple(filter(concerns, status.participants)),
        left_out=left_out,
        at=moment
        and consent_at(
            recording.consent,
            status.consents,
            status.participants,
            moment,
            is_complete=left_out == 0,
        ),
        holds=tuple(recording.holds),
        marked=tuple(filter(concerns, recording.marked)),
    )
