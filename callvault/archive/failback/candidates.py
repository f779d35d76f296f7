"""Recordings of a fallback archive, which may have to go to the primary archive."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from callvault.archive.manifests.folders import is_of
from callvault.archive.manifests.seal import listed_manifest
from callvault.archive.names import RECORDINGS_PREFIX, folder_of, is_manifest_name
from callvault.archive.store import Archive
from callvault.contracts.manifest import Manifest
from callvault.errors import BrokenContent


@dataclass(frozen=True, slots=True)
class FailbackCandidate:
    """A recording of the fallback archive."""

    folder: str
    manifests: tuple[str, ...]
    """Object names, in the order of sealing."""
    known: tuple[Manifest, ...]
    """The manifests that can be read. None of them is proven yet."""

    def matches(self, word: str) -> bool:
        """Tell if ``word`` names one of its manifests, its call, its workflow, or itself."""
        return word in self.manifests or any(is_of(manifest, word) for manifest in self.known)


def failback_candidates(fallback: Archive) -> Iterator[FailbackCandidate]:
    """Yield every recording with a manifest in the fallback archive, in the order of names."""
    names = filter(is_manifest_name, fallback.names(RECORDINGS_PREFIX))
    # the shorter name is that of the lower number
    ordered = sorted(names, key=lambda name: (folder_of(name), len(name), name))
    for folder, group in groupby(ordered, folder_of):
        manifests = tuple(group)
        yield FailbackCandidate(folder, manifests, tuple(_readable(fallback, manifests)))


def _readable(archive: Archive, names: tuple[str, ...]) -> Iterator[Manifest]:
    for name in names:
        with suppress(BrokenContent):  # reported when it is its turn to be copied
            if found := listed_manifest(archive, name):
                yield found.manifest
