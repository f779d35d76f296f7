"""The promises about consent that must hold at every moment of a life.

- Consent never ends, and never begins, a pause of a backend's own.
- A recording is held as long as consent is missing, and no longer.
- A recording that was declined has no sound; one that has waited for consent too long is declined.
- A refusal is never swallowed.
- What is recorded after a refusal is marked, where that is asked for, until ACS is silent. So is,
  in the end, whatever ACS recorded while somebody who refused was in the call, or may have been.
- Whatever ACS recorded while consent was missing lies, in the end, in an interval that is marked or
  unconfirmed. So does whatever it recorded while it was to be paused: that is unconfirmed, from the
  moment at which a pause was asked for, and that is marked or unconfirmed from the moment at which
  somebody refused, also where word of it came late.
"""

from collections.abc import Sequence
from datetime import datetime

from bench.simulation.acs import FakeAcs
from bench.simulation.instance import Broken
from bench.simulation.people import People
from callvault.contracts.consent import (
    ConsentDecision,
    ConsentPolicy,
    ConsentRecord,
    DeletionMark,
    OnWithdrawal,
)
from callvault.contracts.silence import UnconfirmedInterval
from callvault.contracts.states import Wanted
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.call.pauses import GUARD
from workflows.call.silence import is_silent


class ConsentInvariants:
    """What was promised to the people in one call."""

    def __init__(self, acs: FakeAcs, people: People) -> None:
        self._acs = acs
        self._people = people
        self._withdrawn: set[int] = set()
        """Recordings with sound, consent to which was withdrawn and is missing since."""
        self._exposed: set[tuple[int, datetime]] = set()
        """Recordings, and moments at which they recorded without consent."""
        self._unwanted: set[tuple[int, datetime]] = set()
        """The same while they were to be paused."""
        self._objected: set[tuple[int, datetime, str]] = set()
        """The same while somebody refused, with the hash of who did, where that is to be marked."""
        self._refused: set[tuple[int, datetime]] = set()
        """Recordings that recorded as word of a refusal came, and when that was decided."""

    def check_wanted(
        self, status: CallStatus, before: dict[int, Wanted], requests: set[str]
    ) -> None:
        """Check that decisions, comings and goings stop a recording at most.

        ``requests`` are those of before: what a guard asks for because it is due is its own.
        """
        new = (record for key, record in status.requests.items() if key not in requests)
        guarded = {record.recording for record in new if record.requested_by == GUARD}
        for recording in status.recordings:
            is_kept = recording.wanted in (before.get(recording.number), Wanted.STOPPED)
            if not is_kept and recording.number not in guarded:
                raise Broken("consent has changed what a backend wants")

    def check_withdrawn(self, status: CallStatus) -> None:
        """Check that a refusal marks what was recorded before it, whatever became of it since."""
        for recording in status.recordings:
            is_marking = _needs_marks(recording)
            is_heard = recording.number in self._acs.sounded - self._acs.meddled
            if is_marking:
                is_open = any(mark.until is None for mark in recording.marked)
                if not (is_open or is_silent(recording)):
                    raise Broken("a withdrawal's mark ends while ACS may record")
            if is_marking and is_heard:
                if not self.has_consent(recording):
                    self._withdrawn.add(recording.number)
                if not (recording.marked or self._is_doubted(recording)):
                    raise Broken("what was recorded before a withdrawal is not marked")

    def _is_doubted(self, recording: RecordingStatus) -> bool:
        """Tell if all sound of a recording is listed as unconfirmed: it was never to be there."""
        return all(
            any(
                interval.since <= sound.since
                and (interval.until is None or (sound.until and sound.until <= interval.until))
                for interval in recording.silence.unconfirmed
            )
            for sound in self._acs.sounds_heard
            if sound.recording == recording.number
        )

    def note_refusals(self, status: CallStatus, told: Sequence[ConsentRecord]) -> None:
        """Take note of who has refused what is recorded, by the time at which they did."""
        if status.policy is None:
            return
        refused_at = [r.decided_at for r in told if r.participant in self._people.objectors]
        for recording in filter(_needs_consent, status.recordings):
            if self._acs.sounds(recording.number):
                self._refused |= {(recording.number, at) for at in refused_at}

    def check_taken(self, status: CallStatus, told: Sequence[ConsentDecision]) -> None:
        """Check that no refusal is swallowed: it stands, whatever it came with."""
        for decision in told:
            own = [r for r in status.consents if r.participant == decision.participant]
            if not decision.given and all(record.given for record in own):
                raise Broken("a refusal is swallowed")

    def check(self, status: CallStatus, recording: RecordingStatus, now: datetime) -> None:
        """Check a recording at any moment."""
        # Before the settings of the resource are known, nothing is decided.
        if status.policy is not None and recording.origin == "requested":
            self._check_hold(recording)
        self._check_mark(recording)
        if self._acs.sounds(recording.number):
            if not self.has_consent(recording):
                self._exposed.add((recording.number, now))
            if _needs_marks(recording):
                self._objected |= {(recording.number, now, who) for who in self._people.objectors}
            if recording.wanted is Wanted.PAUSED:
                self._unwanted.add((recording.number, now))

    def check_timeout(self, recording: RecordingStatus, now: datetime) -> None:
        """Check that a recording which has waited for consent too long is declined."""
        timeout = recording.consent.consent_within
        is_waiting = recording.is_held and recording.wanted is not Wanted.STOPPED
        is_due = timeout is not None and now >= recording.requested_at + timeout
        if is_waiting and is_due and recording.consented_at is None:
            raise Broken("consent is awaited for too long")

    def check_end(self, status: CallStatus) -> None:
        """Check that no unwanted voice is outside the intervals that tell of it."""
        told: dict[int, list[DeletionMark | UnconfirmedInterval]] = {
            each.number: [*each.marked, *each.silence.unconfirmed] for each in status.recordings
        }
        # What was silenced at the very moment has recorded nothing in it.
        silenced = {(each.recording, each.until) for each in self._acs.sounds_heard}
        # All of a file that may be of a start which counts as failed is told as doubtful.
        unknown = {each.number for each in status.recordings if each.recording_id is None}
        for number, moment in sorted(self._exposed - silenced):
            if number not in unknown and not _covers(told[number], moment):
                raise Broken("what ACS recorded without consent is neither marked nor unconfirmed")
        for number, at in sorted(self._refused):
            if number not in unknown and self._was_on(number, at) and not _covers(told[number], at):
                raise Broken(
                    "what ACS recorded as somebody refused is neither marked nor unconfirmed"
                )
        doubtful = {each.number: each.silence.unconfirmed for each in status.recordings}
        for number, moment in sorted(self._unwanted - silenced):
            if not _covers(doubtful[number], moment):
                raise Broken("what ACS recorded although it was to be paused is not unconfirmed")
        for recording in status.recordings:
            self._check_late_pauses(recording)
            self._check_marked(recording, silenced)

    def _check_marked(
        self, recording: RecordingStatus, silenced: set[tuple[int, datetime | None]]
    ) -> None:
        """Check that what was recorded of those who refused is marked, and not only doubtful."""
        own = (each for each in self._objected if each[0] == recording.number)
        for number, moment, who in sorted(own):
            marks = [mark for mark in recording.marked if mark.participant == who]
            is_known = recording.recording_id is not None and (number, moment) not in silenced
            if is_known and not _covers(marks, moment):
                raise Broken("what ACS recorded of somebody who refused is not marked")

    def _check_late_pauses(self, recording: RecordingStatus) -> None:
        """Check that a pause counts from the time at which it was asked for."""
        # One that was released by what came with it lasted for no time.
        lasted = (each for each in recording.pauses if each.released_at != each.requested_at)
        for at in (pause.requested_at for pause in lasted):
            was_on = self._was_on(recording.number, at)
            if was_on and not _covers(recording.silence.unconfirmed, at):
                raise Broken("what ACS recorded as a pause was asked for is not unconfirmed")

    def _was_on(self, number: int, at: datetime) -> bool:
        """Tell if a recording recorded at a moment by what was asked here."""
        # Of what another client has begun, only a reading can tell.
        asked_for = (each for each in self._acs.sounds_heard if not each.is_foreign)
        heard = (each for each in asked_for if each.recording == number)
        return any(s.since < at and (s.until is None or at < s.until) for s in heard)

    def _check_hold(self, recording: RecordingStatus) -> None:
        if recording.wanted is Wanted.STOPPED:
            self._check_declined(recording)
            return
        is_missing = not self.has_consent(recording)
        if recording.is_held is not is_missing:
            raise Broken("it is held with consent" if recording.is_held else "it is not held")

    def _check_declined(self, recording: RecordingStatus) -> None:
        unknowable = self._acs.meddled | self._acs.disobeyed
        is_heard = recording.number in self._acs.sounded - unknowable
        if recording.declined and is_heard:
            raise Broken("what is declined was recorded")

    def _check_mark(self, recording: RecordingStatus) -> None:
        if self.has_consent(recording):
            self._withdrawn.discard(recording.number)
        is_heard = self._acs.sounds(recording.number)
        open_doubts = (each.until is None for each in recording.silence.unconfirmed)
        is_marked = any(mark.until is None for mark in recording.marked) or any(open_doubts)
        if is_heard and recording.number in self._withdrawn and not is_marked:
            raise Broken("what is recorded after a withdrawal is not marked")

    def has_consent(self, recording: RecordingStatus) -> bool:
        """Tell if those in the call have agreed to a recording."""
        return self._people.agree_to(recording.consent)


def _needs_consent(recording: RecordingStatus) -> bool:
    is_asked_for = recording.consent.consent_policy not in (None, ConsentPolicy.NONE)
    return is_asked_for and recording.origin == "requested"


def _needs_marks(recording: RecordingStatus) -> bool:
    is_asked_for = recording.consent.on_withdrawal is OnWithdrawal.PAUSE_AND_MARK
    return is_asked_for and _needs_consent(recording)


def _covers(intervals: Sequence[DeletionMark | UnconfirmedInterval], moment: datetime) -> bool:
    return any(
        each.since <= moment and (each.until is None or moment <= each.until) for each in intervals
    )
