"""Consent: the terms of a recording, and the decisions of those in the call."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from callvault.contracts.base import CallerMessage, Message, RequestId, ShortText, Span, State
from callvault.contracts.events import ServiceTime
from callvault.contracts.participants import ParticipantHash

MAX_PARTICIPANTS = 350
"""As many as ACS lets into one call."""


class ConsentPolicy(StrEnum):
    """The participants who must have agreed for a recording to go on."""

    NONE = "none"
    """None: recording needs no consent."""
    ANY_PARTY = "any_party"
    """One of those in the call."""
    ALL_PARTIES = "all_parties"
    """All who are known to be in the call: not met while no participant is known."""
    NAMED = "named"
    """All on the list, in the call or not."""


class BeforeConsent(StrEnum):
    """The behaviour while consent is still missing."""

    PAUSED = "paused"
    """ACS is asked to start paused, so that recording begins within a moment of consent."""
    WAIT = "wait"
    """ACS is asked for nothing."""


class OnWithdrawal(StrEnum):
    """The fate of what was recorded when consent is withdrawn. Recording pauses in any case."""

    PAUSE = "pause"
    """The recorded part is kept."""
    PAUSE_AND_MARK = "pause_and_mark"
    """The recorded part is marked for deletion, in status and manifest. Nothing is deleted by
    itself."""


class ConsentTerms(Message):
    """The consent that a recording needs; absent values are those of the resource."""

    consent_policy: ConsentPolicy | None = None
    consent_participants: Annotated[
        tuple[ParticipantHash, ...], Field(max_length=MAX_PARTICIPANTS)
    ] = ()
    """The participants who must agree, where the policy is ``named``."""
    before_consent: BeforeConsent | None = None
    consent_within: Span | None = None
    """Time after the request for which consent may be missing; then the recording is ``declined``.
    None for as long as ACS knows the recording, and for 48 hours if ACS was not asked to start it.
    Counts only until the policy is met for the first time."""
    on_withdrawal: OnWithdrawal | None = None
    stop_when_last_consenting_leaves: bool | None = None
    """Stop the recording when the last of those who agreed has left the call."""

    @model_validator(mode="after")
    def _names_go_with_named(self) -> Self:
        named = self.consent_policy is ConsentPolicy.NAMED
        if named and not self.consent_participants:
            raise ValueError(
                "consentPolicy named needs consentParticipants: list who must agree, or choose"
                " all_parties"
            )
        if self.consent_participants and not named:
            raise ValueError(
                "consentParticipants go with consentPolicy named only: set it, or leave them out"
            )
        return self


class ConsentDecision(CallerMessage):
    """Payload of `consent`: a participant agrees to be recorded, refuses, or withdraws."""

    participant: ParticipantHash
    given: bool
    """False: refused, or withdrawn."""
    method: ShortText = ""
    """The form of the decision: ``spoken``, ``key pressed``, ``signed contract``."""
    evidence: ShortText = ""
    """Reference to the proof, never the proof itself."""
    jurisdiction: ShortText = ""
    """The law that applies, as ``DE`` or ``US-CA``."""
    reason: ShortText = ""
    decided_at: ServiceTime | None = None
    """Time of the decision; by default, when the workflow heard of it."""
    request_id: RequestId | None = None
    """The caller's id of this decision; the same id again changes nothing."""


class ConsentRecord(State):
    """A decision, with the time at which Callvault heard of it."""

    participant: str
    given: bool
    reported_by: str = ""
    authenticated_as: str = ""
    """The key or token of who told it, as the gateway found it."""
    method: str = ""
    evidence: str = ""
    jurisdiction: str = ""
    reason: str = ""
    decided_at: datetime
    received_at: datetime
    request_id: str | None = None
    counts: bool = True
    """False: a refusal or withdrawal that was decided later is known already."""


class Presence(State):
    """A participant's connection to the call, as far as events or requests told of it."""

    participant: str
    connection: str = ""
    in_call: bool
    changed_at: datetime


class ConsentHold(State):
    """A time in which a recording was held back, because consent was missing."""

    since: datetime
    until: datetime | None = None
    reason: str
    """The consent that is missing, or was at last, in a sentence."""
    ended_by: str = ""
    """The cause of its end."""


class DeletionMark(State):
    """A time whose recording people are to delete: consent was withdrawn."""

    participant: str
    """The participant who withdrew consent."""
    since: datetime
    until: datetime | None = None
    """Time at which ACS confirmed that it records no more."""
    marked_at: datetime


class Announcement(State):
    """The webhook that is called before a recording begins, and what it answered."""

    requested_at: datetime
    answered_at: datetime | None = None
    problem: str = ""
    """The reason why it was given up: then the recording is declined."""
