"""Names for participants on a page: numbers, unless their ids are to be shown."""

import re
from collections.abc import Iterable, Mapping

from callvault.contracts.consent import Presence
from callvault.contracts.participants import UNKNOWN_PARTICIPANT
from callvault.evidence.recording import RecordingFacts

HASH_DIGITS = 16
"""Digits of a participant's hash that are shown: enough to tell people apart."""

_HASH = re.compile(r"\b[0-9a-f]{64}\b")


class People:
    """Participants of one recording by keyed hash, each with a name that gives nothing away."""

    def __init__(
        self,
        hashes: Iterable[str],
        *,
        subject: str | None = None,
        known: Mapping[str, str] | None = None,
        are_hashes_shown: bool = True,
    ) -> None:
        """Number the participants in this order.

        ``subject`` is the one whom the page is about, ``known`` are raw ids that may be shown, by
        hash.
        """
        self._subject = subject
        self._known = known or {}
        self._are_hashes_shown = are_hashes_shown
        ordered = dict.fromkeys(each for each in hashes if each)
        self._numbers = {each: number for number, each in enumerate(ordered, 1)}

    @classmethod
    def of(
        cls,
        recording: RecordingFacts,
        *,
        subject: str | None = None,
        known: Mapping[str, str] | None = None,
        are_hashes_shown: bool = True,
    ) -> "People":
        """Number all participants of a recording, in the order of their coming."""
        manifest = recording.manifest
        told = (
            *(stay.participant for stay in sorted(manifest.consent.participants, key=_came)),
            *(each.participant for each in manifest.consents),
            *manifest.consent.terms.consent_participants,
            *(each.participant for each in manifest.marked),
            *(each.participant for each in manifest.consent.joiner_announcements),
            *(each.participant for each in recording.members),
        )
        return cls(
            told, subject=subject, known=known, are_hashes_shown=are_hashes_shown
        )  # fmt: skip

    @property
    def hashes(self) -> list[str]:
        """All of them, in order."""
        return list(self._numbers)

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
        return f"{name} (asked for)" if participant == self._subject else name

    def in_text(self, text: str) -> str:
        """Return a text in which each participant's hash is replaced with the name."""
        return _HASH.sub(
            lambda found: self.short(found[0]) if found[0] in self._numbers else found[0], text
        )


def _came(stay: Presence) -> tuple[bool, object]:
    return stay.joined_at is not None, stay.joined_at or stay.told_at
