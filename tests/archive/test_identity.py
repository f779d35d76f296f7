"""The identity of an archive: is a place believed that does not show it? (H9)"""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callvault.archive.identity import (
    IDENTITY_OBJECT,
    ProvenArchive,
    find_identity,
    make_identity,
)
from callvault.archive.manifests.chain import head
from callvault.archive.store import Archive, StoredObject
from callvault.archive.stores.directory import DirectoryArchive
from callvault.errors import CallvaultError, ConfigurationError, StateConflict, WrongArchive

NAME = "recordings/2026/01/02/call/recording/0-document.mp4"
NOW = datetime(2026, 1, 2, tzinfo=UTC)

Write = Callable[..., StoredObject]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "mount" / "archive"


@pytest.fixture
def known(root: Path) -> ProvenArchive:
    """An archive in a directory, as a worker has opened it."""
    archive = DirectoryArchive("main", root)
    return ProvenArchive(archive, make_identity(archive, None, NOW).id)


def test_an_archive_keeps_its_identity(archive: Archive) -> None:
    assert find_identity(archive) is None
    made = make_identity(archive, None, NOW)
    assert make_identity(archive, None, NOW) == made
    assert archive.prove() == made.id
    assert (made.name, made.made_at) == ("main", NOW)


def test_an_identity_can_be_given(archive: Archive) -> None:
    assert make_identity(archive, "a" * 32, NOW).id == "a" * 32
    assert make_identity(archive, "b" * 32, NOW).id == "a" * 32


def test_nothing_is_written_or_missed_where_no_archive_was_made(
    archive: Archive, write: Write
) -> None:
    for act in everything(ProvenArchive(archive), write):
        with pytest.raises(WrongArchive, match="no archive here"):
            act()
    assert not list(archive.names())


def everything(archive: Archive, write: Write) -> list[Callable[[], object]]:
    """Everything that would be believed, or would write."""
    return [
        lambda: archive.stat(NAME),
        lambda: list(archive.read(NAME)),
        lambda: list(archive.names()),
        lambda: write(archive, NAME, b"media"),
        lambda: head(archive),
        archive.check,
        archive.prove,
    ]


def test_an_empty_directory_in_the_place_of_the_volume_is_no_archive(
    root: Path, known: ProvenArchive, write: Write
) -> None:
    write(known, NAME, b"media")
    root.rename(root.with_name("unmounted"))
    root.mkdir()
    for act in everything(known, write):
        with pytest.raises(WrongArchive, match="not mounted"):
            act()
    assert not list(root.iterdir())
    root.rmdir()
    root.with_name("unmounted").rename(root)
    found = known.stat(NAME)
    assert found is not None
    assert found.size == 5


def test_a_missing_directory_is_not_made_anew(
    root: Path, known: ProvenArchive, write: Write
) -> None:
    shutil.rmtree(root)
    for act in everything(known, write):
        with pytest.raises(ConfigurationError, match="mount the share"):
            act()
    with pytest.raises(ConfigurationError, match="by `callvault setup` alone"):
        known.make()
    assert not root.exists()


def test_another_archive_in_its_place_is_told_by_its_identity(
    root: Path, known: ProvenArchive, write: Write
) -> None:
    shutil.rmtree(root)
    other = make_identity(DirectoryArchive("main", root), None, NOW).id
    for act in everything(known, write):
        with pytest.raises(WrongArchive, match=f"is expected to be .* is {other}"):
            act()
    assert [path.name for path in root.iterdir() if path.name[0] != "."] == [IDENTITY_OBJECT]


def test_the_identity_that_is_seen_first_is_expected_from_then_on(root: Path) -> None:
    archive = DirectoryArchive("main", root)
    make_identity(archive, None, NOW)
    opened = ProvenArchive(archive)
    opened.check()
    (root / IDENTITY_OBJECT).unlink()
    make_identity(archive, "b" * 32, NOW)
    with pytest.raises(WrongArchive):
        opened.check()


def edited(identity: Path) -> None:
    identity.write_text("edited")


def too_long(identity: Path) -> None:
    identity.write_text(" " * 5_000)


def linked(identity: Path) -> None:
    target = identity.parent.parent / "planted.json"
    identity.rename(target)
    identity.symlink_to(target)


def replaced_by_a_folder(identity: Path) -> None:
    identity.unlink()
    identity.mkdir()


@pytest.mark.parametrize("spoil", [edited, too_long, linked, replaced_by_a_folder])
def test_an_identity_that_is_not_what_was_written_stops_writing(
    root: Path, known: ProvenArchive, write: Write, spoil: Callable[[Path], None]
) -> None:
    write(known, NAME, b"media")
    spoil(root / IDENTITY_OBJECT)
    with pytest.raises(CallvaultError, match=IDENTITY_OBJECT) as refused:
        write(known, f"{NAME}.more", b"media")
    assert refused.value.owner == "archive"
    assert isinstance(refused.value, WrongArchive | StateConflict) or "bytes" in str(refused.value)
    assert (root / NAME).read_bytes() == b"media"
