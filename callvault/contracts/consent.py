"""Consent: the terms of a recording, and the decisions of those in the call."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from callvault.contracts.base import CallerMessage, Message, RequestId, ShortText, Span, State
from callvault.contracts.events import TimeIfKnown
from callvault.contracts.participants import ParticipantHash

MAX_PARTICIPANTS = 350
"""As many as ACS lets into one call."""


class ConsentPolicy(StrEnum):
    """The participants who must have agreed for a recording to go on.

    With every policy but ``none`` a recording is held back, too, while somebody **objects**: whose
    last decision is a refusal or a withdrawal, and who is not known to have left the call.
    ``docs/consent.md`` tells what each policy does when somebody joins, leaves or withdraws.
    """

    NONE = "none"
    """None: recording needs no consent. Decisions are kept as evidence, and change nothing."""
    ANY_PARTY = "any_party"
    """One of those who are known to be in the call. An agreement of somebody who was never told to
    be in it, as of a telephone, does not count."""
    ALL_PARTIES = "all_parties"
    """All who are known to be in the call, or may be in it: not met while no participant is known,
    and not while somebody may still be in the call by another device."""
    NAMED = "named"
    """All on the list, in the call or not. Others in the call need not agree, and may object."""


class BeforeConsent(StrEnum):
    """The behaviour while consent is still missing."""

    PAUSED = "paused"
    """ACS is asked to start paused, so that recording begins within a moment of consent."""
    WAIT = "wait"
    """ACS is asked for nothing."""


class OnWithdrawal(StrEnum):
    """The fate of what was recorded when consent is refused or withdrawn.

    Recording pauses in any case, unless the policy is ``none``.
    """

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
    """Stop the recording when somebody who agreed leaves, and nobody who agreed is known to be in
    the call any more. A telephone leaves when a backend tells so: no event does."""

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
    """False: refused, or withdrawn. It always counts, for every recording of the call."""
    method: ShortText = ""
    """The form of the decision: ``spoken``, ``key pressed``, ``signed contract``."""
    evidence: ShortText = ""
    """Reference to the proof, never the proof itself."""
    jurisdiction: ShortText = ""
    """The law that applies, as ``DE`` or ``US-CA``."""
    reason: ShortText = ""
    decided_at: TimeIfKnown = None
    """Time of the decision; by default that of a withdrawal is its arrival at the gateway or at
    Temporal, that of an agreement is when the workflow heard of it. An agreement that is told after
    a withdrawal counts only if this is later than the withdrawal's arrival, or by more than five
    minutes later than the withdrawal's own time."""
    request_id: RequestId | None = None
    """The caller's id of this decision; the same decision again under the same id changes nothing,
    but a younger withdrawal of somebody who has agreed since. Under the id of another one, or of
    one that was withdrawn since, an agreement is refused; a withdrawal is carried out."""
    problem: ShortText = ""
    """The reason why parts of a withdrawal could not be read. Filled in by the reader."""


def dated_withdrawal(decision: ConsentDecision, received_at: datetime) -> ConsentDecision:
    """Return a refusal or withdrawal with its time: when it was received, if it tells none."""
    # An agreement stays as it is: told after a withdrawal it counts by the order of arrival, which
    # the clock of whoever passes it on must not turn round.
    if decision.given or decision.decided_at is not None:
        return decision
    return decision.model_copy(update={"decided_at": received_at})


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
    """False: a refusal or withdrawal that may have been decided later is known already."""
    problem: str = ""
    """The reason why parts of the message could not be read."""


class Presence(State):
    """A stay of one participant in the call, by one connection.

    All that is known of them, in order, is the history of who was in the call.
    """

    participant: str
    connection: str = ""
    """Empty where a request or a backend told of the person, and not of a device."""
    joined_at: datetime | None = None
    """Time of the coming; none for somebody who was there already when first told of."""
    left_at: datetime | None = None
    told_at: datetime
    """Time at which Callvault first heard of it."""
    may_have_left: bool = False
    """True if a device of this person has left since, and may have been this one."""
    again_at: datetime | None = Field(default=None, exclude_if=lambda at: at is None)
    """Latest time at which they were told to be here once more; of a stay that has ended, to have
    left once more. Word may come late of what lies between the two. Most stays have none, and do
    not carry it from run to run."""

    @property
    def in_call(self) -> bool:
        """True if it has not ended."""
        return self.left_at is None


class ConsentHold(State):
    """A time in which a recording was held back, because consent was missing."""

    since: datetime
    """Time since which consent was missing, by the times of the decision or the coming itself:
    Callvault may have heard of it later, and then silence began later, too."""
    until: datetime | None = None
    reason: str
    """The consent that is missing, or was at last, in a sentence."""
    ended_by: str = ""
    """The cause of its end."""


class DeletionMark(State):
    """A time whose recording people are to delete: consent was refused or withdrawn."""

    participant: str
    """The participant who refused, or withdrew consent."""
    since: datetime
    """Time at which the recording was asked for, or at which this person came into the call, or
    came back; in a further mark also the end of a silence that was proven meanwhile."""
    until: datetime | None = None
    """Time at which ACS confirmed that it records no more, none again if that is taken back; or the
    end of a return for which nothing had to be paused."""
    marked_at: datetime


class Announcement(State):
    """The webhook that is called before a recording begins, and what it answered."""

    requested_at: datetime
    answered_at: datetime | None = None
    problem: str = ""
    """The reason why it was given up: then the recording is declined."""


class JoinerAnnouncement(Announcement):
    """The webhook's call for somebody who joined while the recording was on.

    The recording is held back until it is answered, or until they leave.
    """

    participant: str
