"""Names for participants on a page: numbers, unless their ids are to be shown."""

import re
from collections.abc import Collection, Iterable, Mapping

from callvault.contracts.consent import Presence
from callvault.contracts.participant_ids import canonical_participant
from callvault.contracts.participants import UNKNOWN_PARTICIPANT
from callvault.evidence.recording import RecordingFacts

HASH_DIGITS = 16
"""Digits of a participant's hash that are shown: enough to tell people apart."""

_MIN_ID = 6
"""Characters from which on an id is replaced in texts: a shorter one stands in other words."""


class People:
    """Participants of one recording by keyed hash, each with a name that gives nothing away."""

    def __init__(
        self,
        recording: RecordingFacts,
        *,
        subjects: Collection[str] = (),
        known: Mapping[str, str] | None = None,
        are_hashes_shown: bool = True,
    ) -> None:
        """Number all participants of a recording, in the order of their coming.

        ``subjects`` are the hashes of the person whom the page is about, ``known`` are ids that may
        be shown, by hash.
        """
        self._subjects = subjects
        self._known = known or {}
        self._are_hashes_shown = are_hashes_shown
        self._numbers = {each: number for number, each in enumerate(_in_order(recording), 1)}
        self._hidden = _replaced(self._names_of_ids(recording))

    @property
    def hashes(self) -> list[str]:
        """All of them, in order."""
        return list(self._numbers)

    def is_subject(self, participant: str) -> bool:
        """Tell if the page is about this participant."""
        return participant in self._subjects

    def name(self, participant: str) -> str:
        """Return the name of a participant, with as much of the id as may be shown."""
        short = self.short(participant)
        if participant == UNKNOWN_PARTICIPANT:
            return short
        if participant in self._known:
            return f"{short}: {self._known[participant]}"
        return f"{short} ({participant[:HASH_DIGITS]}…)" if self._are_hashes_shown else short

    def short(self, participant: str) -> str:
        """Return the name of a participant alone."""
        if participant == UNKNOWN_PARTICIPANT:
            return "somebody whom the message did not name"
        number = self._numbers.get(participant)
        name = f"Person {number}" if number else "Another person"
        return f"{name} (asked for)" if participant in self._subjects else name

    def masked(self, text: str) -> str:
        """Return a text in which names stand for hashes, and for ids that may not be shown."""
        if self._hidden is None:
            return text
        names, pattern = self._hidden
        return pattern.sub(lambda found: names[found[0]], text)

    def _names_of_ids(self, recording: RecordingFacts) -> dict[str, str]:
        names = {each: self.short(each) for each in self._numbers}
        for member in recording.members:
            if member.participant not in self._known:
                for spelt in _spellings(member.raw_id):
                    names[spelt] = self.short(member.participant)
        return names


def _in_order(recording: RecordingFacts) -> dict[str, None]:
    manifest = recording.manifest
    told: Iterable[str] = (
        *(stay.participant for stay in sorted(manifest.consent.participants, key=_came)),
        *(each.participant for each in manifest.consents),
        *manifest.consent.terms.consent_participants,
        *(each.participant for each in manifest.marked),
        *(each.participant for each in manifest.consent.joiner_announcements),
        *(each.participant for each in recording.members),
    )
    return dict.fromkeys(each for each in told if each and each != UNKNOWN_PARTICIPANT)


def _came(stay: Presence) -> tuple[bool, object]:
    return stay.joined_at is not None, stay.joined_at or stay.told_at


def _spellings(raw_id: str) -> set[str]:
    """Return an id as the service spells it, in its canonical form, and of a telephone the number.

    A person who writes a reason may spell it in yet another way: that cannot be known.
    """
    canonical = canonical_participant(raw_id)
    found = {raw_id, raw_id.strip(), canonical, canonical.removeprefix("4:")}
    return {each for each in found if len(each) >= _MIN_ID}


def _replaced(names: Mapping[str, str]) -> tuple[Mapping[str, str], re.Pattern[str]] | None:
    if not names:
        return None
    # the longest first: an id may begin as another one does
    ordered = sorted(names, key=len, reverse=True)
    return names, re.compile("|".join(map(re.escape, ordered)))
