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
from bench.corpus.seeding import Corpus
from callvault.archive.identity import make_identity
from callvault.archive.store import Archive
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.azure_storage.clients import StorageAccess
from callvault.local.azurite import start_azurite
from callvault.local.processes import Supervisor


def main() -> int:
    """Run on both stores, print the figures, and return the exit status."""
    options = _options()
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
            figures = compare(archive, place, corpus)
            print(f"{name}: {figures}", flush=True)
            for problem in figures.problems[:20]:
                print(f"PROBLEM: {problem}")
            exact = exact and figures.is_exact
    return 0 if exact else 1


@contextmanager
def _directory() -> Iterator[tuple[Archive, Place]]:
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
    parser.add_argument("--store", choices=("both", "directory", "blob"), default="both")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
