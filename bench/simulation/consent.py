"""The promises about consent that must hold at every moment of a life.

- Consent never ends, and never begins, a pause of a backend's own.
- A recording is held as long as consent is missing, and no longer.
- A recording that was declined has no sound; one that has waited for consent too long is declined.
- What is recorded after a withdrawal is marked, where that is asked for, until ACS is silent.
"""

from datetime import datetime

from bench.simulation.acs import FakeAcs
from bench.simulation.instance import Broken
from bench.simulation.people import People
from callvault.contracts.consent import OnWithdrawal
from callvault.contracts.states import Wanted
from callvault.contracts.status import CallStatus, RecordingStatus


class ConsentInvariants:
    """What was promised to the people in one call."""

    def __init__(self, acs: FakeAcs, people: People) -> None:
        self._acs = acs
        self._people = people
        self._withdrawn: set[int] = set()
        """Recordings with sound, consent to which was withdrawn and is missing since."""

    def check_wanted(self, status: CallStatus, before: dict[int, Wanted]) -> None:
        """Check that decisions, comings and goings stop a recording at most."""
        for recording in status.recordings:
            if recording.wanted not in (before.get(recording.number), Wanted.STOPPED):
                raise Broken("consent has changed what a backend wants")

    def check_withdrawn(self, status: CallStatus) -> None:
        """Check that a withdrawal marks what was recorded before it."""
        for recording in status.recordings:
            is_to_be = recording.consent.on_withdrawal is OnWithdrawal.PAUSE_AND_MARK
            is_heard = recording.number in self._acs.sounded - self._acs.meddled
            if is_to_be and is_heard and not self.has_consent(recording):
                self._withdrawn.add(recording.number)
                if not recording.marked:
                    raise Broken("what was recorded before a withdrawal is not marked")

    def check(self, status: CallStatus, recording: RecordingStatus, now: datetime) -> None:
        """Check a recording at any moment."""
        # Before the settings of the resource are known, nothing is decided.
        if status.policy is not None and recording.origin == "requested":
            self._check_hold(recording, now)
        self._check_mark(recording)

    def _check_hold(self, recording: RecordingStatus, now: datetime) -> None:
        if recording.wanted is Wanted.STOPPED:
            self._check_declined(recording)
            return
        is_missing = not self.has_consent(recording)
        if recording.is_held is not is_missing:
            raise Broken("it is held with consent" if recording.is_held else "it is not held")
        if is_missing and recording.consented_at is None:
            self._check_consent_timeout(recording, now)

    def _check_consent_timeout(self, recording: RecordingStatus, now: datetime) -> None:
        timeout = recording.consent.consent_within
        if timeout is not None and now >= recording.requested_at + timeout:
            raise Broken("consent is awaited for too long")

    def _check_declined(self, recording: RecordingStatus) -> None:
        is_heard = recording.number in self._acs.sounded - self._acs.meddled
        if recording.declined and is_heard:
            raise Broken("what is declined was recorded")

    def _check_mark(self, recording: RecordingStatus) -> None:
        if self.has_consent(recording):
            self._withdrawn.discard(recording.number)
        is_heard = self._acs.sounds(recording.number)
        is_marked = any(mark.until is None for mark in recording.marked)
        if is_heard and recording.number in self._withdrawn and not is_marked:
            raise Broken("what is recorded after a withdrawal is not marked")

    def has_consent(self, recording: RecordingStatus) -> bool:
        """Tell if those in the call have agreed to a recording."""
        return self._people.agree_to(recording.consent)
