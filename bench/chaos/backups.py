"""Backups of Temporal's database and of the archive, and their restore."""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.chaos.cluster import Cluster
from bench.chaos.directory import documents_in, unlinked_in


@dataclass(frozen=True)
class Backup:
    """Copies of both, and the time at which they were begun, in seconds since the epoch."""

    at: float
    database: Path
    archive: Path | None
    """None where the archive is a container, which has versions and is not set back."""


def back_up(cluster: Cluster, folder: Path) -> Backup:
    """Copy both while everything runs."""
    folder.mkdir(parents=True)
    backup = Backup(
        time.time(),
        folder / "temporal.db",
        folder / "archive" if cluster.plan.has_directory else None,
    )
    with (
        closing(sqlite3.connect(cluster.database)) as source,
        closing(sqlite3.connect(backup.database)) as copy,
    ):
        source.backup(copy)
    if backup.archive is not None:
        _copy(cluster.directory, backup.archive)
    return backup


def restore_database(cluster: Cluster, backup: Backup) -> None:
    """Set Temporal's database back; the server must be down."""
    for suffix in ("-wal", "-shm"):
        cluster.database.with_name(cluster.database.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(backup.database, cluster.database)


def restore_archive(cluster: Cluster, backup: Backup, aside: Path) -> frozenset[str]:
    """Set the archive back; return the documents that it no longer has, or has no longer sealed.

    A copy may have been made between a manifest and its link.
    """
    if backup.archive is None:
        return frozenset()
    # Copied before: the archive is away for the time of two renamings alone.
    new = aside.with_name(f"{aside.name}-new")
    _copy(backup.archive, new)
    cluster.directory.rename(aside)
    new.rename(cluster.directory)
    return documents_in(aside) - documents_in(cluster.directory) | unlinked_in(cluster.directory)


def _copy(source: Path, target: Path) -> None:
    """Copy an archive that is being written to, by hard links: no file is changed in its place."""
    # The chain first: so everything is in the copy that a link of the copy names.
    target.mkdir(parents=True)
    folders = sorted(each.name for each in source.iterdir() if each.is_dir())
    for folder in sorted(folders, key=lambda name: name != "manifests"):
        for file in _files(source / folder):
            _link(file, target / file.relative_to(source))
    for file in source.iterdir():
        if file.is_file():
            _link(file, target / file.name)


def _files(folder: Path) -> Iterator[Path]:
    for at, _, files in os.walk(folder):
        for name in files:
            if not name.endswith(".part"):
                yield Path(at, name)


def _link(file: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, copy)
    except FileNotFoundError:
        return  # a draft that was published meanwhile, or a probe
