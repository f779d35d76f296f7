"""Letters of the quarantine and of dead letters that tell of what is erased.

A letter may hold events of several calls. It is erased if it is delivered already, or if every
event in it is about what is erased; else it is held back, for others would be lost with it.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import unquote

from callvault.archive.subjects.entries import Hash
from callvault.contracts.base import shorten
from callvault.contracts.call_ids import canonical_call_id
from callvault.contracts.erasures import PlannedLetter
from callvault.errors import BrokenContent, ContentMissing, InvalidRequest
from callvault.ingest.formats import read_events
from callvault.ingest.undelivered import DeadLetter, KeptLetters

READERS = 8
"""Letters that are read at the same time."""

MAX_WORD = 2_048
"""Characters of a text that may be an id."""

_BETWEEN_WORDS = re.compile(r"[\s\"'`,;<>{}\[\]]+")


@dataclass(frozen=True)
class Sought:
    """The ids of recordings and calls that are erased, and the person if it is about one."""

    ids: Collection[str]
    participant: str | None
    hash_of: Hash

    def is_about(self, text: str) -> bool:
        """Tell if a text is, or has in its path, an id of what is erased."""
        words = (text, *unquote(text).split("/"))
        return any(canonical_call_id(word) in self._canonical for word in words)

    def is_person(self, text: str) -> bool:
        """Tell if a text names the person."""
        wanted = self.participant is not None and 0 < len(text) <= MAX_WORD
        return wanted and self.hash_of(text) == self.participant

    @cached_property
    def _canonical(self) -> set[str]:
        return {canonical_call_id(each) for each in self.ids}


def find_letters(store: KeptLetters, sought: Sought) -> Iterator[PlannedLetter]:
    """Find the letters that tell of what is erased, and decide about each.

    Every letter is read for that, several at the same time.
    """
    with ThreadPoolExecutor(READERS) as pool:
        for batch in _batches(store.all()):
            reasons = pool.map(lambda letter: _found(store, letter, sought), batch)
            for letter, reason in zip(batch, reasons, strict=True):
                if reason is not None:
                    yield PlannedLetter(
                        place=store.location,
                        name=letter.name,
                        erases=not reason,
                        reason=reason or "tells of it",
                    )


def _batches(letters: Iterator[DeadLetter]) -> Iterator[list[DeadLetter]]:
    yield from iter(lambda: list(islice(letters, 16 * READERS)), [])


def _found(store: KeptLetters, letter: DeadLetter, sought: Sought) -> str | None:
    """Say why a letter has to stay, empty if it goes; None if it tells nothing of what goes."""
    try:
        content = store.content(letter)
    except (BrokenContent, ContentMissing):  # gone since it was listed
        return None
    except InvalidRequest as error:
        return shorten(f"it cannot be read: {error}")
    return verdict(content, sought, is_delivered=letter.is_delivered)


def verdict(content: bytes, sought: Sought, *, is_delivered: bool) -> str | None:
    """Decide about a letter's bytes, as `_found` does."""
    try:
        events = read_events(content)
    except InvalidRequest:
        return _unread(content, sought, is_delivered=is_delivered)
    told = [list(_texts(event)) for event in events]
    about = [_is_about(event, texts, sought) for event, texts in zip(events, told, strict=True)]
    named = any(sought.is_person(text) for texts in told for text in texts)
    if not any(about) and not named:
        return None
    if is_delivered or all(about):
        return ""
    return "it holds events of others that are not delivered: run `callvault sweep`, plan again"


def _is_about(event: Any, texts: Iterable[str], sought: Sought) -> bool:
    # A call may have other recordings: where an event names one, that one counts.
    return any(map(sought.is_about, list(_recordings(event)) or texts))


def _recordings(event: Any) -> Iterator[str]:
    """Yield the ids of recordings that an event names, in its data or in its subject."""
    if not isinstance(event, dict):
        return
    data, subject = event.get("data"), event.get("subject")
    in_data = data.get("recordingId") if isinstance(data, dict) else None
    in_subject = subject.partition("/recordingId/")[2] if isinstance(subject, str) else None
    yield from (each for each in (in_data, in_subject) if isinstance(each, str) and each)


def _unread(content: bytes, sought: Sought, *, is_delivered: bool) -> str | None:
    words = _BETWEEN_WORDS.split(content.decode(errors="replace"))
    if not any(sought.is_about(word) or sought.is_person(word) for word in words):
        return None
    if is_delivered:
        return ""
    return "it is not understood, and tells of it: look at it, then deliver or delete it"


def _texts(value: Any) -> Iterator[str]:
    """Yield every text within a value of JSON."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def delete_letters(
    stores: Mapping[str, Callable[[], KeptLetters]], letters: Iterable[PlannedLetter]
) -> None:
    """Delete those of the letters that are to be erased, each in its place; one may be gone."""
    wanted = [each for each in letters if each.erases]
    for place in sorted({each.place for each in wanted}):
        with closing(stores[place]()) as store:
            for each in wanted:
                if each.place == place:
                    store.delete(DeadLetter(each.name))
