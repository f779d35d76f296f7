"""Everybody of a corpus is searched by the index, and compared with what the reader read."""

import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import median

from bench.corpus.places import Place
from bench.corpus.reader import hash_of, read
from bench.corpus.requests import counted
from bench.corpus.seeding import KEY, Corpus
from callvault.archive.store import Archive
from callvault.archive.subjects.lookup import look_up
from callvault.archive.subjects.rebuild import IndexPass, Verdict
from callvault.contracts.participants import hiding

Recording = tuple[str, frozenset[tuple[str, int | None]]]
"""A folder, and the files and channels of it."""


@dataclass
class Figures:
    """The outcome of a comparison."""

    entries: int = 0
    rebuild_seconds: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)
    """Requests of the rebuild to Azure Blob, by method; none to a directory."""
    checked: int = 0
    """Entries that a check found right afterwards."""
    problems: list[str] = field(default_factory=list)
    """Everything that the rebuild, the check and the searches told."""
    people: int = 0
    hits: int = 0
    missed: int = 0
    extra: int = 0
    raw_ids: int = 0
    """Objects of the index that hold the id of anybody."""
    seconds: list[float] = field(default_factory=list)
    """Time of each search."""

    @property
    def is_exact(self) -> bool:
        return not (self.missed or self.extra or self.problems or self.raw_ids) and self.hits > 0

    def __str__(self) -> str:
        return (
            f"{self.entries} entries rebuilt in {self.rebuild_seconds:.1f} s"
            f" ({dict(self.requests)} requests), {self.checked} found"
            f" right by a check; {self.people} people searched: {self.hits} recordings,"
            f" {self.missed} missed, {self.extra} extra; a search took"
            f" {median(self.seconds):.3f} s (median), {max(self.seconds):.3f} s (longest);"
            f" {self.raw_ids} entries hold a raw id; {len(self.problems)} problems"
        )


def compare(
    archive: Archive, place: Place, corpus: Corpus, people: int = 0, *, is_indexed: bool = False
) -> Figures:
    """Index the archive, search for everybody, and count what the reader reads otherwise.

    With ``people``, so many are searched for; with ``is_indexed``, the index is there already.
    """
    figures = Figures()
    if not is_indexed:
        _index(archive, figures)
    known = read(place.documents(), KEY)
    # The reader itself is held against what was seeded.
    seeded = {hash_of(raw_id, KEY): folders for raw_id, folders in corpus.truth.items()}
    figures.problems += [] if known == seeded else ["the reader does not read what was seeded"]
    everybody = [*corpus.strangers, *corpus.people][: people or None]
    figures.people = len(everybody)
    for raw_id in everybody:
        expected = {
            (folder, frozenset(files))
            for folder, files in known.get(hash_of(raw_id, KEY), {}).items()
        }
        _search(archive, raw_id, expected, figures)
    figures.raw_ids = sum(
        any(part in content for part in (b"8:", b"4:+", b"orgid")) for _, content in place.index()
    )
    return figures


def _index(archive: Archive, figures: Figures) -> None:
    for mends in (True, False):
        began = time.perf_counter()
        done = IndexPass(
            archive, hiding(KEY), mends, lambda problem: figures.problems.append(problem.text)
        )
        with counted() as requests:
            done.run()
        if mends:
            figures.rebuild_seconds = time.perf_counter() - began
            figures.requests = requests
            figures.entries = done.counts[Verdict.WRITTEN]
        else:
            figures.checked = done.counts[Verdict.RIGHT]


def _search(archive: Archive, raw_id: str, expected: set[Recording], figures: Figures) -> None:
    began = time.perf_counter()
    found = look_up(archive, raw_id, [KEY])
    figures.seconds.append(time.perf_counter() - began)
    figures.problems += [fault.text for fault in found.faults]
    told = {
        (each.folder, frozenset((chunk.object_name, chunk.channel) for chunk in each.chunks))
        for each in found.recordings
    }
    figures.hits += len(found.recordings)
    figures.missed += len(expected - told)
    figures.extra += len(told - expected) + len(found.recordings) - len(told)
