"""The plan of an erasure: what, where, and what is held back from it and why."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from callvault.archive.manifests.believed_keys import believed_keys
from callvault.archive.manifests.documents import Keyring, canonical, sha256
from callvault.archive.manifests.holds import Hold, find_holds
from callvault.archive.store import Archive
from callvault.archive.subjects.entries import Hash
from callvault.contracts.base import shorten
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

Open = Callable[[], Archive]
OpenLetters = Callable[[], KeptLetters]


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


def inventories(places: Places, target: ErasureTarget, now: datetime) -> list[Inventory]:
    """Look at every recording of the target, in every archive."""
    found: list[Inventory] = []
    for open_archive in places.archives.values():
        with closing(open_archive()) as archive:
            keys = places.believed(archive)
            found += (
                _look(places, archive, each, target, now, keys) for each in folders(archive, target)
            )
    of_them = [each for each in found if _is_of(each, target.resources)]
    return [each for each in _with_unsealed(places, of_them) if each.objects]


def _with_unsealed(places: Places, found: Sequence[Inventory]) -> Iterator[Inventory]:
    """Add what other archives hold of these recordings without a manifest of their own.

    A recording that went to the fallback archive leaves files in the first one, as does a failback
    that was interrupted.
    """
    sealed = {each.folder: each for each in found if each.manifests and each.is_whole}
    apart: dict[tuple[str, str], Inventory] = {}
    for name, open_archive in places.archives.items():
        known = {each.folder for each in found if each.archive == name and each.manifests}
        with closing(open_archive()) as archive:
            for folder in sorted(sealed.keys() - known):
                if has_unsealed(archive, folder):
                    there = take_unsealed(archive, sealed[folder], places.hash_of)
                    apart[name, folder] = there
    yield from apart.values()
    yield from (each for each in found if (each.archive, each.folder) not in apart)


def _is_of(inventory: Inventory, resources: Collection[str]) -> bool:
    """Tell if a recording is of one of these resources; nobody knows whose an unsealed one is."""
    told = {each.manifest.recording.resource for each in inventory.manifests}
    return not resources or bool(told and told <= set(resources))


def _look(
    places: Places,
    archive: Archive,
    folder: str,
    target: ErasureTarget,
    now: datetime,
    keys: Keyring,
) -> Inventory:
    if target.cause is ErasureCause.RETENTION:
        # Most of an archive is not due: its manifests tell, and nothing else of it is asked for.
        seen = glance(archive, folder, keys)
        if not may_be_due(seen, now, places.terms_of):
            return seen
    return take(archive, folder, places.hash_of, keys)


def plan(
    places: Places,
    target: ErasureTarget,
    found: Sequence[Inventory],
    open_workflows: Iterable[str],
    now: datetime,
) -> PlannedErasure:
    """Decide about each recording, and find what else tells of those that are erased."""
    around = Circumstances(
        target, now, places.terms_of, all_holds(places), frozenset(open_workflows)
    )
    judged = sorted(
        (judge(each, around) for each in found),
        # What is not sealed first, while the manifests that tell of it are there.
        key=lambda each: (not each.sealed_in, each.archive, each.folder),
    )
    goes = [each for each in judged if each.erases]
    stays = [each for each in judged if not each.erases]
    letters, not_searched = _letters(places, target, goes[:MAX_PLANNED])
    planned = ErasurePlan(
        target=target,
        recordings=(*goes[:MAX_PLANNED], *stays[:MAX_KEPT]),
        letters=tuple(letters[:MAX_LETTERS]),
        not_searched=tuple(not_searched),
        left_over=len(goes[MAX_PLANNED:]),
        kept_more=len(stays[MAX_KEPT:]),
    )
    return PlannedErasure(token=token_of(planned), plan=planned)


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
