"""Is everybody in an archive found by the index? The short form of `make subjects`."""

from pathlib import Path

import pytest

from bench.corpus.places import Container, Directory
from bench.corpus.search import compare
from bench.corpus.seeding import Corpus
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.directory import DirectoryArchive


def test_everybody_is_found_in_a_directory(directory_archive: DirectoryArchive) -> None:
    corpus, place = Corpus(1, 300), Directory(Path(directory_archive.location("x")).parent)
    place.put_all(corpus.files())
    figures = compare(directory_archive, place, corpus)
    assert figures.is_exact, f"{figures} {figures.problems[:3]}"
    assert figures.hits > 900


def test_everybody_is_found_in_a_container(blob_archive: BlobArchive) -> None:
    corpus, place = Corpus(2, 40), Container(blob_archive._container)
    place.put_all(corpus.files())
    figures = compare(blob_archive, place, corpus)
    assert figures.is_exact, f"{figures} {figures.problems[:3]}"
    assert figures.hits > 100


@pytest.mark.parametrize("forgets", ["an entry", "a channel"])
def test_the_comparison_notices_what_is_forgotten(
    directory_archive: DirectoryArchive, forgets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.corpus import search

    corpus, place = Corpus(3, 20), Directory(Path(directory_archive.location("x")).parent)
    place.put_all(corpus.files())
    look_up = search.look_up

    def forgetful(*asked: object) -> object:
        found = look_up(*asked)  # type: ignore[arg-type]
        if forgets == "an entry":
            return found.model_copy(update={"recordings": found.recordings[1:]})
        less = tuple(each.model_copy(update={"chunks": ()}) for each in found.recordings)
        return found.model_copy(update={"recordings": less})

    monkeypatch.setattr(search, "look_up", forgetful)
    figures = compare(directory_archive, place, corpus)
    assert figures.missed > 0
    assert not figures.is_exact
