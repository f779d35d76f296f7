"""The plan of an erasure: what, where, and what is held back from it and why."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from callvault.archive.manifests.believed_keys import believed_keys
from callvault.archive.manifests.documents import Keyring, canonical, sha256
from callvault.archive.manifests.holds import Hold, find_holds
from callvault.archive.store import Archive
from callvault.archive.subjects.entries import Hash
from callvault.contracts.base import Message, shorten
from callvault.contracts.erasures import (
    ErasureCause,
    ErasurePlan,
    ErasureTarget,
    PlannedErasure,
    PlannedLetter,
    PlannedRecording,
)
from callvault.errors import CallvaultError
from callvault.ingest.undelivered import KeptLetters
from callvault.retention.inventory import (
    Inventory,
    glance,
    has_unsealed,
    take,
    take_unsealed,
)
from callvault.retention.judgement import Circumstances, TermsOf, judge, may_be_due
from callvault.retention.letters import Sought, find_letters
from callvault.retention.search import folders

MAX_PLANNED = 1_000
"""Recordings of one plan, which is carried in a history; a larger erasure takes several plans."""

MAX_KEPT = 500
"""Recordings that stay, and that a plan names with the reason."""

MAX_LETTERS = 1_000
"""Letters of one plan."""

MAX_SIZE = 1_800_000
"""Bytes of a plan: a payload of Temporal takes 2 MiB, with what an encryption adds."""

MAX_PLANNED_SIZE = 1_000_000
"""Bytes of them that are recordings to erase; by ids as ACS makes them 1,000 have 820,000."""

MAX_LETTERS_SIZE = 300_000
"""Bytes of them that are letters. What is left is for the recordings that stay."""

Open = Callable[[], Archive]
OpenLetters = Callable[[], KeptLetters]

Item = TypeVar("Item", PlannedRecording, PlannedLetter)

Opened = Callable[[Collection[str]], frozenset[str]]
"""Tells which of these workflows have not ended."""


@dataclass(frozen=True)
class Places:
    """Everything that is searched, each opened when it is."""

    archives: Mapping[str, Open]
    letters: Mapping[str, OpenLetters]
    keys_of: Callable[[str], Keyring]
    terms_of: TermsOf
    hash_of: Hash

    def believed(self, archive: Archive) -> Keyring:
        """Return the keys that are believed to have signed in an archive."""
        return believed_keys(archive, self.keys_of(archive.name))


def all_holds(places: Places) -> tuple[Hold, ...]:
    """Find the holds of all archives: an archive that cannot be read stops every erasure."""
    found: list[Hold] = []
    for name, open_archive in places.archives.items():
        with closing(open_archive()) as archive:
            found += find_holds(archive, places.keys_of(name))
    return tuple(found)


def _inventories(
    places: Places, archives: Sequence[Archive], target: ErasureTarget, now: datetime
) -> Iterator[Inventory]:
    """Look at every recording of the target, in every archive, one after the other.

    One at a time: an archive has more of them than fit into memory together.
    """
    found = (each for archive in archives for each in _looks(places, archive, target, now))
    of_them = (each for each in found if _is_of(each, target.resources))
    yield from (each for each in _with_unsealed(places, archives, of_them) if each.objects)


def _with_unsealed(
    places: Places, archives: Sequence[Archive], found: Iterable[Inventory]
) -> Iterator[Inventory]:
    """Add what other archives hold of these recordings without a manifest of their own.

    A recording that went to the fallback archive leaves files in the first one, as does a failback
    that was interrupted.
    """
    apart: set[tuple[str, str]] = set()
    without_manifest: list[Inventory] = []
    for each in found:
        if not each.manifests and not each.doubt:
            # At the end: another archive may tell of it.
            without_manifest.append(each)
            continue
        yield each
        if not each.is_whole or not each.manifests:
            continue
        for archive in archives:
            place = archive.name, each.folder
            is_new = archive.name != each.archive and place not in apart
            if is_new and has_unsealed(archive, each.folder):
                apart.add(place)
                yield take_unsealed(archive, each, places.hash_of)
    yield from (each for each in without_manifest if (each.archive, each.folder) not in apart)


def _is_of(inventory: Inventory, resources: Collection[str]) -> bool:
    """Tell if a recording is of one of these resources; nobody knows whose an unsealed one is."""
    told = {each.manifest.recording.resource for each in inventory.manifests}
    return not resources or bool(told and told <= set(resources))


def _looks(
    places: Places, archive: Archive, target: ErasureTarget, now: datetime
) -> Iterator[Inventory]:
    keys = places.believed(archive)
    for folder in folders(archive, target):
        if target.cause is ErasureCause.RETENTION:
            # Most of an archive is not due: its manifests tell, nothing else of it is asked for.
            seen = glance(archive, folder, keys)
            if not may_be_due(seen, now, places.terms_of):
                yield seen
                continue
        yield take(archive, folder, places.hash_of, keys)


class _First:
    """The first so many recordings in the order of a plan, of as many as there are."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: list[PlannedRecording] = []
        self.count = 0

    def add(self, recording: PlannedRecording) -> None:
        self.count += 1
        self._known.append(recording)
        if len(self._known) > 2 * self._limit:
            self._known = self.all

    @property
    def all(self) -> list[PlannedRecording]:
        """What is known of them, in order."""
        # What is not sealed first, while the manifests that tell of it are there.
        self._known.sort(key=lambda each: (not each.sealed_in, each.archive, each.folder))
        return self._known[: self._limit]


def plan(places: Places, target: ErasureTarget, opened: Opened, now: datetime) -> PlannedErasure:
    """Decide about each recording, and find what else tells of those that are erased."""
    around = Circumstances(target, now, places.terms_of, all_holds(places))
    going, staying = _First(MAX_PLANNED), _First(MAX_KEPT)
    with ExitStack() as stack:
        archives = {n: stack.enter_context(closing(o())) for n, o in places.archives.items()}
        for each in _inventories(places, list(archives.values()), target, now):
            # Of what was not looked at as a whole nothing goes, whoever is open.
            at_work = opened(each.workflows) if each.is_whole else frozenset[str]()
            judged = judge(archives[each.archive], each, replace(around, open_workflows=at_work))
            (going if judged.erases else staying).add(judged)
    goes = _fitting(going.all, MAX_PLANNED_SIZE)
    letters, not_searched = _letters(places, target, goes)
    named = _fitting(letters[:MAX_LETTERS], MAX_LETTERS_SIZE)
    if more := len(letters) - len(named):
        not_searched.append(f"{more} more letters tell of it than a plan takes: they stay")
    stays = _fitting(staying.all, MAX_SIZE - sum(map(_size, (*goes, *named))))
    planned = ErasurePlan(
        target=target,
        recordings=(*goes, *stays),
        letters=tuple(named),
        not_searched=tuple(not_searched),
        left_over=going.count - len(goes),
        kept_more=staying.count - len(stays),
    )
    return PlannedErasure(token=token_of(planned), plan=planned)


def _fitting(items: Iterable[Item], size: int) -> list[Item]:
    """Return as many of the first ones as fit; one at any rate, or nothing would ever go."""
    found: list[Item] = []
    for each in items:
        size -= _size(each)
        if size < 0 and found:
            break
        found.append(each)
    return found


def _size(item: Message) -> int:
    return len(canonical(item)) + 1


def token_of(planned: ErasurePlan) -> str:
    """Return the token of a plan: any other plan has another one."""
    return sha256(canonical(planned))


def _letters(
    places: Places, target: ErasureTarget, goes: Sequence[PlannedRecording]
) -> tuple[list[PlannedLetter], list[str]]:
    # A recording that stays, without one channel, still needs what is announced of it.
    whole = [] if target.channel_only else goes
    ids = {each for recording in whole for each in recording.ids}
    # Of an erasure that is bound to resources, a letter that only names the person is none.
    person = None if target.resources else target.participant
    sought = Sought(frozenset(ids), person, places.hash_of)
    found: list[PlannedLetter] = []
    not_searched: list[str] = []
    if not ids and person is None:
        return [], []
    for name, open_letters in places.letters.items():
        try:
            with closing(open_letters()) as store:
                found += (_in_place(each, name) for each in find_letters(store, sought))
        except CallvaultError as error:
            not_searched.append(shorten(f"{name}: {error}", 500))
    return found, not_searched


def _in_place(letter: PlannedLetter, place: str) -> PlannedLetter:
    """Name the place of a letter as the settings do, so that it is found again."""
    return letter.model_copy(update={"place": place})
