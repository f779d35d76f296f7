"""The consent gate of a call: decisions, comings and goings, announcements, and their time."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from callvault.contracts.archive_only import refusal_of_control
from callvault.contracts.base import quoted
from callvault.contracts.consent import ConsentDecision, ConsentPolicy, ConsentRecord
from callvault.contracts.participants import UNKNOWN_PARTICIPANT, ParticipantChanged
from callvault.contracts.requests import ControlRequest
from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.call import (
    consent,
    late_joiners,
    late_word,
    presence,
    recording_state,
    silence,
    unconfirmed,
)
from workflows.call.alarms import Alarms
from workflows.call.commands import Operation
from workflows.call.intervals import Span
from workflows.call.late_joiners import Joiner
from workflows.call.lifecycle import Lifecycle
from workflows.call.pauses import GATE

MAX_WAIT = timedelta(hours=24)
"""Time for which a call that nobody asks to record is kept for its participants' decisions."""

MAX_CONSENT_WAIT = timedelta(hours=48)
"""Longest wait for consent to a recording that ACS was not asked to start.

ACS tells of no call's end, and cannot be polled about such a recording. The longest recording that
is known lasted 20.5 hours. One that was started paused ends when ACS no longer knows it.
"""


_MAY_BE_HERE = "they may be in the call by another device"


class ConsentGate:
    """Holds back the recordings of one call until consent is there."""

    def __init__(self, call: Lifecycle, alarms: Alarms) -> None:
        self._call = call
        self._alarms = alarms

    @property
    def status(self) -> CallStatus:
        """The call's whole state."""
        return self._call.status

    # Decisions, comings and goings.

    def refusal(self, decision: ConsentDecision) -> str | None:
        """Say why a decision makes no sense, in a sentence for a person; None if it does.

        A refusal or withdrawal always makes sense, unless another program controls the recordings:
        an answer that it counts would be taken for a pause.
        """
        if self._call.only_archives:
            return refusal_of_control(self.status.resource)
        if not decision.given:
            return None
        if consent.known(self.status, decision) is not None:
            if consent.standing(self.status).get(decision.participant, True):
                return None
            return (
                f"The requestId {quoted(decision.request_id or '')} was used for an agreement that"
                " was withdrawn since: send this one under an id of its own."
            )
        if consent.is_id_taken(self.status, decision):
            return (
                f"The requestId {quoted(decision.request_id or '')} was used for another decision:"
                " send this one under an id of its own."
            )
        named = self._named()
        if named and not self._may_matter(decision.participant, named):
            return (
                f"{consent.short(decision.participant)} is none of the {len(named)} participants"
                " whose consent this recording needs: look at consentParticipants, and at the key"
                " that made the hash."
            )
        return None

    def decided(self, decision: ConsentDecision, now: datetime) -> ConsentRecord | None:
        """Fold a decision; None where it makes no sense, which stands in the timeline."""
        known = consent.known(self.status, decision)
        if known and not consent.is_outdated(self.status, known, decision, now):
            return known
        word = "given" if decision.given else "not given"
        who = consent.short(decision.participant)
        what = f"consent of {who} {word}, told by {decision.caller}"
        if (refused := self.refusal(decision)) is not None:
            self._call.note(now, f"{what}: refused, {refused}")
            return None
        if decision.problem:
            taken = "it is taken for a withdrawal"
            self._call.note(now, f"consent could not be read: {decision.problem}; {taken}")
        is_known = consent.is_known_person(self.status, decision.participant)
        record = consent.decide(self.status, decision, now)
        self._call.note(now, what if record.counts else f"{what}: outdated, it changes nothing")
        if not record.given:
            self._refused(record, is_known, now)
        self._keep_waiting(now)
        self._call.settle_all(now)
        late_word.decided(self._call, record, now)
        return record

    def participant_changed(self, change: ParticipantChanged, now: datetime) -> None:
        """Fold a coming or going."""
        at = min(change.at or now, now)
        if self._is_stale(change, at):
            presence.doubt(self.status, change.participant)
            who = consent.short(change.participant)
            self._call.note(now, f"{who} is told to have left before they refused: {_MAY_BE_HERE}")
            self._call.settle_all(now)
            return
        if not presence.move(self.status, change, now):
            return
        verb = "joined" if change.joined else "left"
        self._call.note(now, f"{consent.short(change.participant)} {verb} the call")
        if change.joined:
            late_joiners.joined(self.status, change.participant, now)
            self._keep_waiting(now)
        else:
            self._stop_without_consenting(change.participant, now)
        self._call.settle_all(now)
        late_word.moved(self._call, change.participant, change.joined, Span(at, now), now)

    def _is_stale(self, change: ParticipantChanged, at: datetime) -> bool:
        """Tell if a leaving by which somebody would be gone is from before they refused."""
        has_refused = consent.has_refused_since(self.status, change.participant, at)
        return not change.joined and has_refused and presence.would_be_gone(self.status, change, at)

    def has_paused(self, since: datetime) -> bool:
        """Tell if nothing is recorded without consent, as ACS has confirmed after ``since``."""
        if self._call.may_be_behind:
            # The run before the reset may have begun what is not known here.
            return False
        return not any(self._may_be_heard(each, since) for each in self.status.recordings)

    def why_unpaused(self) -> str:
        """Say to whoever has withdrawn why it is not known that nothing is recorded."""
        recordings = self.status.recordings
        if any(map(recording_state.goes_on, recordings)):
            return unconfirmed.WITHDRAWAL_OF_ORPHAN
        is_on = any(r.sound.begun_at is not None and r.sound.over_at is None for r in recordings)
        if is_on or self._call.may_be_behind:
            return unconfirmed.WITHDRAWAL
        is_to_begin = any(r.origin == "requested" and r.sound.begun_at is None for r in recordings)
        return unconfirmed.WITHDRAWAL_BEFORE_START if is_to_begin else unconfirmed.WITHDRAWAL

    def _may_be_heard(self, recording: RecordingStatus, since: datetime) -> bool:
        """Tell if a recording may record without consent now, or soon with nobody asking again."""
        if recording_state.goes_on(recording):
            # Nobody here can pause it.
            return self._is_consent_demanded()
        sound = recording.sound
        if sound.begun_at is None and recording.wanted is not Wanted.STOPPED:
            # Its start is about to be sent. It is to begin paused, which ACS may not heed.
            is_clear = self.status.policy is not None and not recording.is_held
            is_kept = recording.waits_for_consent or recording.is_paused_before_start
            return not (is_clear or is_kept)
        if not recording.is_held or sound.begun_at is None or sound.over_at is not None:
            return False
        # Never from memory: somebody else may have resumed since the last reading.
        return not silence.is_read_since(recording, since)

    # Time.

    def next_due(self) -> datetime | None:
        """Return when waiting ends next; None while nothing is awaited, or for any time."""
        waiting = [moment for moment, _ in self._waiting()]
        kept = self.status.kept_until
        return min([*waiting, kept] if kept else waiting, default=None)

    def act(self, now: datetime) -> None:
        """Decline what has waited too long."""
        for moment, recording in list(self._waiting()):
            if moment <= now:
                self._call.decline(recording, self._why_declined(recording), now)
        if (kept := self.status.kept_until) is not None and kept <= now:
            self.status.kept_until = None
            self._call.note(now, "nobody has asked to record this call: it is kept no longer")

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

    def joiners_to_tell(self) -> list[Joiner]:
        """Return the participants who are to hear that a recording is on."""
        return late_joiners.to_tell(self.status)

    def recording_of(self, joiner: Joiner) -> RecordingStatus:
        """Look up the recording of which a participant is to hear."""
        return self._call.recording(joiner.recording)

    def awaits_joiner(self, joiner: Joiner) -> bool:
        """Tell if a participant still is to hear it."""
        recording = self.recording_of(joiner)
        told = late_joiners.find(recording, joiner.participant)
        # What is not kept is awaited no more: an error in a condition would fail every task.
        return told is not None and late_joiners.awaits(self.status, recording, told)

    def joiner_told(self, joiner: Joiner, problem: str, now: datetime) -> None:
        """Fold the webhook's answer about a participant; ``problem`` if it was no good one."""
        recording = self.recording_of(joiner)
        who = consent.short(joiner.participant)
        if problem:
            late_joiners.not_told(recording, joiner.participant, problem)
            what = f"{who} joined, and the announcement did not reach them: {problem}"
            self._alarms.not_announced(recording, what, now)
        else:
            late_joiners.told(recording, joiner.participant, now)
            self._call.note(now, f"recording {recording.number}: announced to {who}")
        self._call.settle(recording, now)

    def _refused(self, refusal: ConsentRecord, is_known: bool, now: datetime) -> None:
        """Mark every recording of the call, read it anew, and have the sealed ones sealed anew."""
        for recording in self.status.recordings:
            self._call.mark(recording, refusal, now)
        if not is_known and self._needs_consent():
            self._alarms.consent_unclear(refusal, self._call.current, now)

    def _keep_waiting(self, now: datetime) -> None:
        """Keep a call that may still be recorded, for what was told of its participants."""
        if self.status.being_recorded is None and self.status.ended_at is None:
            self.status.kept_until = self.status.kept_until or now + MAX_WAIT

    def _needs_consent(self) -> bool:
        none = (None, ConsentPolicy.NONE)
        return any(r.consent.consent_policy not in none for r in self.status.recordings)

    def _is_consent_demanded(self) -> bool:
        """Tell if consent is needed of what was not asked for here, as far as anybody knows."""
        policy = self.status.policy
        is_of_resource = policy is None or policy.consent.consent_policy is not ConsentPolicy.NONE
        return is_of_resource or self._needs_consent()

    def _may_matter(self, participant: str, named: set[str]) -> bool:
        """Tell if an agreement is of somebody whom a recording on a list may wait for."""
        return participant in named or participant in self._involved()

    def _involved(self) -> set[str]:
        return {
            *(record.participant for record in self.status.consents),
            *(stay.participant for stay in self.status.participants),
            UNKNOWN_PARTICIPANT,
        }

    def _named(self) -> set[str]:
        """Return those whose consent matters, if the current recording names a list."""
        current = self._call.current
        if current is None or current.consent.consent_policy is not ConsentPolicy.NAMED:
            return set()
        return set(current.consent.consent_participants)

    def _waiting(self) -> Iterator[tuple[datetime, RecordingStatus]]:
        """Yield what has not begun, with the end of its wait for consent, or for a resume."""
        for recording in self.status.recordings:
            timeout = _consent_timeout(recording)
            is_open = recording.is_held and recording.consented_at is None
            if timeout is not None and is_open and recording.wanted is not Wanted.STOPPED:
                yield recording.requested_at + timeout, recording
            is_elsewhere = recording.is_held or recording.actual is not Actual.NONE
            if recording.is_paused_before_start and not is_elsewhere:
                yield recording.requested_at + MAX_CONSENT_WAIT, recording

    def _why_declined(self, recording: RecordingStatus) -> str:
        if not recording.is_held:
            return f"it was paused before it began, and not resumed within {MAX_CONSENT_WAIT}"
        lacking = consent.missing(self.status, recording.consent)
        return f"no consent within {_consent_timeout(recording)}: {lacking}"

    def _stop_without_consenting(self, left: str, now: datetime) -> None:
        """Stop the recording if the last who agreed has left, and that is asked for."""
        recording = self._call.current
        if recording is None or recording.wanted is Wanted.STOPPED:
            return
        had_agreed = consent.standing(self.status).get(left, False)
        is_asked = recording.consent.stop_when_last_consenting_leaves
        if is_asked and had_agreed and not consent.consenting(self.status):
            why = "the last participant who agreed has left"
            request = ControlRequest(requested_by=GATE, reason=why)
            self._call.request(Operation.STOP, request, now)


def _consent_timeout(recording: RecordingStatus) -> timedelta | None:
    """Return for how long consent is awaited; None for as long as ACS knows the recording."""
    within = recording.consent.consent_within
    if within is not None or recording.actual is not Actual.NONE:
        return within
    return MAX_CONSENT_WAIT
