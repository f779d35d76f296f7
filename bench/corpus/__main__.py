"""Seed an archive with recordings of known people, and find everybody by the index.

    python -m bench.corpus --recordings 10000 --seed 1

On a directory and on Azurite. Ends with 1 if anybody is missed or extra, by a reader of its own.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from azure.storage.blob import ContainerClient

from bench.corpus.places import Container, Directory, Place
from bench.corpus.search import compare
from bench.corpus.seeding import KEY, Corpus
from callvault.archive.identity import make_identity
from callvault.archive.store import Archive
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.subjects.rebuild import IndexPass
from callvault.archive.subjects.search import refuse
from callvault.azure_storage.clients import StorageAccess
from callvault.contracts.participants import hiding
from callvault.local.azurite import start_azurite
from callvault.local.processes import Supervisor


def main() -> int:
    """Run on both stores, print the figures, and return the exit status."""
    options = _options()
    if options.copied:
        return _copied(options)
    exact = True
    for name, opened in {"directory": _directory, "Blob (Azurite)": _blob}.items():
        if options.store not in ("both", name.split()[0].lower()):
            continue
        with opened() as (archive, place):
            make_identity(archive, None, datetime.now(UTC))
            corpus = Corpus(options.seed, options.recordings)
            began = time.perf_counter()
            place.put_all(corpus.files())
            print(
                f"{name}: {options.recordings} recordings of {len(corpus.people)} people seeded"
                f" in {time.perf_counter() - began:.1f} s",
                flush=True,
            )
            figures = compare(archive, place, corpus, options.people)
            print(f"{name}: {figures}", flush=True)
            for problem in figures.problems[:20]:
                print(f"PROBLEM: {problem}")
            exact = exact and figures.is_exact
    return 0 if exact else 1


def _copied(options: argparse.Namespace) -> int:
    """Index a directory, copy it into a container, index and all, and search there."""
    with _directory() as (archive, place), _blob() as (blob, container):
        make_identity(archive, None, datetime.now(UTC))
        blob.make()
        corpus = Corpus(options.seed, options.recordings)
        place.put_all(corpus.files())
        IndexPass(archive, hiding(KEY), True, refuse).run()
        began = time.perf_counter()
        container.put_all(place.everything())
        print(f"copied into a container in {time.perf_counter() - began:.0f} s", flush=True)
        figures = compare(blob, container, corpus, options.people, is_indexed=True)
        print(f"Blob (Azurite), copied: {figures}", flush=True)
        return 0 if figures.is_exact else 1


@contextmanager
def _directory() -> Iterator[tuple[Archive, Directory]]:
    with tempfile.TemporaryDirectory() as folder:
        yield DirectoryArchive("main", Path(folder)), Directory(Path(folder))


@contextmanager
def _blob() -> Iterator[tuple[Archive, Place]]:
    with tempfile.TemporaryDirectory() as folder, Supervisor(Path(folder)) as supervisor:
        azurite = start_azurite(supervisor)
        text = azurite.connection_string
        with (
            closing(
                BlobArchive.open("main", StorageAccess(connection_string=text), "corpus")
            ) as archive,
            ContainerClient.from_connection_string(text, "corpus") as client,
        ):
            yield archive, Container(client)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.corpus", description=__doc__)
    parser.add_argument("--recordings", type=int, default=10_000, help="how many are seeded")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--people", type=int, default=0, help="how many are searched; 0 for all")
    parser.add_argument(
        "--copied", action="store_true", help="index a directory, and search in a copy on Azurite"
    )
    parser.add_argument("--store", choices=("both", "directory", "blob"), default="both")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
