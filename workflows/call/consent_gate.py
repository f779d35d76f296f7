"""The consent gate of a call: decisions, comings and goings, announcements, and their time."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from callvault.contracts.consent import ConsentDecision, ConsentPolicy, ConsentRecord
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import ControlRequest
from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.call import consent, consent_holds
from workflows.call.commands import Operation
from workflows.call.lifecycle import Lifecycle

MAX_CONSENT_WAIT = timedelta(hours=48)
"""Longest wait for consent to a recording that ACS was not asked to start.

ACS tells of no call's end, and cannot be polled about such a recording. The longest recording that
is known lasted 20.5 hours. One that was started paused ends when ACS no longer knows it.
"""


class ConsentGate:
    """Holds back the recordings of one call until consent is there."""

    def __init__(self, call: Lifecycle) -> None:
        self._call = call

    @property
    def status(self) -> CallStatus:
        """The call's whole state."""
        return self._call.status

    # Decisions, comings and goings.

    def refusal(self, decision: ConsentDecision) -> str | None:
        """Say why a decision makes no sense now, in a sentence for a person; None if it does."""
        if consent.known(self.status, decision) is not None:
            return None
        if self.status.ended_at is not None:
            return "The call is over: nothing more is decided about recording it."
        named = self._named()
        if named and decision.participant not in named:
            return (
                f"{consent.short(decision.participant)}… is none of the {len(named)} participants"
                " whose consent this recording needs: look at consentParticipants, and at the key"
                " that made the hash."
            )
        return None

    def decided(self, decision: ConsentDecision, now: datetime) -> ConsentRecord | None:
        """Fold a decision; None where it makes no sense, which stands in the timeline."""
        if (known := consent.known(self.status, decision)) is not None:
            return known
        who = f"{consent.short(decision.participant)}…"
        word = "given" if decision.given else "not given"
        what = f"consent of {who} {word}, told by {decision.caller}"
        if (refused := self.refusal(decision)) is not None:
            self._call.note(now, f"{what}: refused, {refused}")
            return None
        had_agreed = consent.standing(self.status).get(decision.participant, False)
        record = consent.decide(self.status, decision, now)
        self._call.note(now, what if record.counts else f"{what}: outdated, it changes nothing")
        if had_agreed and not decision.given:
            self._mark(decision, now)
        self._call.settle_all(now)
        return record

    def participant_changed(self, change: ParticipantChanged, now: datetime) -> None:
        """Fold a coming or going."""
        if not consent.move(self.status, change, now):
            return
        verb = "joined" if change.joined else "left"
        self._call.note(now, f"{consent.short(change.participant)}… {verb} the call")
        if not change.joined:
            self._stop_without_consenting(change.participant, now)
        self._call.settle_all(now)

    def has_paused(self) -> bool:
        """Tell if nothing is recorded without consent, as ACS has confirmed."""
        return not any(r.is_held and self._call.may_record(r) for r in self.status.recordings)

    # Time.

    def next_due(self) -> datetime | None:
        """Return when consent is given up next; None while none is awaited, or for any time."""
        return min((moment for moment, _ in self._waiting()), default=None)

    def act(self, now: datetime) -> None:
        """Decline what has waited too long."""
        for moment, recording in list(self._waiting()):
            if moment <= now:
                timeout = _consent_timeout(recording)
                lacking = consent.missing(self.status, recording.consent)
                self._call.decline(recording, f"no consent within {timeout}: {lacking}", now)

    # The announcement.

    def to_announce(self) -> RecordingStatus | None:
        """Return the recording whose announcement is to be made now."""
        return next((r for r in self.status.recordings if self.awaits_announcement(r)), None)

    def awaits_announcement(self, recording: RecordingStatus) -> bool:
        """Tell if its announcement still is to be answered, and still matters."""
        announcement = recording.announcement
        if announcement is None or announcement.answered_at or announcement.problem:
            return False
        return recording.wanted is not Wanted.STOPPED

    def announced(self, recording: RecordingStatus, now: datetime) -> None:
        """Fold the webhook's answer."""
        if recording.announcement is not None:
            recording.announcement.answered_at = now
            self._call.note(now, f"recording {recording.number}: announced")

    def not_announced(self, recording: RecordingStatus, problem: str, now: datetime) -> None:
        """Fold that the webhook gave no good answer: nothing is recorded."""
        if recording.announcement is not None:
            recording.announcement.problem = problem
            self._call.decline(recording, f"it could not be announced: {problem}", now)

    def _mark(self, decision: ConsentDecision, now: datetime) -> None:
        for recording in consent_holds.to_mark(self.status):
            may_record = self._call.may_record(recording)
            if recording.was_active or may_record:
                consent_holds.mark(recording, decision, may_record, now)
                self._call.note(now, f"recording {recording.number}: marked for deletion")

    def _named(self) -> set[str]:
        """Return those whose consent matters, if the current recording names a list."""
        current = self._call.current
        if current is None or current.consent.consent_policy is not ConsentPolicy.NAMED:
            return set()
        return set(current.consent.consent_participants)

    def _waiting(self) -> Iterator[tuple[datetime, RecordingStatus]]:
        for recording in self.status.recordings:
            timeout = _consent_timeout(recording)
            is_open = recording.is_held and recording.consented_at is None
            if timeout is not None and is_open and recording.wanted is not Wanted.STOPPED:
                yield recording.requested_at + timeout, recording

    def _stop_without_consenting(self, left: str, now: datetime) -> None:
        """Stop the recording if the last who agreed has left, and that is asked for."""
        recording = self._call.current
        if recording is None or recording.wanted is Wanted.STOPPED:
            return
        had_agreed = consent.standing(self.status).get(left, False)
        is_asked = recording.consent.stop_when_last_consenting_leaves
        if is_asked and had_agreed and not consent.consenting(self.status):
            why = "the last participant who agreed has left"
            request = ControlRequest(requested_by=consent_holds.GATE, reason=why)
            self._call.request(Operation.STOP, request, now)


def _consent_timeout(recording: RecordingStatus) -> timedelta | None:
    """Return for how long consent is awaited; None for as long as ACS knows the recording."""
    within = recording.consent.consent_within
    if within is not None or recording.actual is not Actual.NONE:
        return within
    return MAX_CONSENT_WAIT
