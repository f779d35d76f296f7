"""Is exactly the object deleted that was looked at, with all that lies beside it?"""

from collections.abc import Callable
from pathlib import Path

import pytest

from callvault.archive.identity import ProvenArchive, make_identity
from callvault.archive.store import Archive, StoredObject
from callvault.archive.stores.directory import DirectoryArchive
from callvault.errors import StateConflict, WrongArchive

from .sealed import NOON

Write = Callable[..., StoredObject]
NAME, NEXT = "recordings/a/0000-x.mp4", "recordings/a/0000-x.mp4.other"


def etag(archive: Archive, name: str = NAME) -> str:
    found = archive.stat(name)
    assert found is not None
    assert found.etag is not None
    return found.etag


def test_an_object_is_deleted_once_and_alone(archive: Archive, write: Write) -> None:
    write(archive, NAME, b"one" * 1000)
    write(archive, NEXT, b"other")
    seen = etag(archive)
    assert archive.delete(NAME, etag=seen) is True
    assert archive.stat(NAME) is None
    assert archive.delete(NAME, etag=seen) is False
    assert b"".join(archive.read(NEXT)) == b"other"
    found = archive.stat(NEXT)
    assert found is not None
    assert found.sha256 is not None


def test_an_object_that_was_replaced_since_is_not_deleted(archive: Archive, write: Write) -> None:
    write(archive, NAME, b"one" * 1000)
    seen = etag(archive)
    assert archive.delete(NAME, etag=seen)
    write(archive, NAME, b"another" * 500)
    with pytest.raises(StateConflict):
        archive.delete(NAME, etag=seen)
    assert b"".join(archive.read(NAME)) == b"another" * 500


def test_what_is_deleted_can_be_written_anew(archive: Archive, write: Write) -> None:
    write(archive, NAME, b"one")
    archive.delete(NAME, etag=etag(archive))
    assert write(archive, NAME, b"two").size == 3


def test_nothing_hidden_of_a_deleted_file_stays(
    directory_archive: DirectoryArchive, write: Write
) -> None:
    write(directory_archive, NAME, b"secret")
    folder = Path(directory_archive.location(NAME)).parent
    for left in (".0000-x.mp4.token.part", ".0000-x.mp4.token.blocks.part"):
        (folder / left).write_bytes(b"secret")
    write(directory_archive, NEXT, b"other")
    directory_archive.delete(NAME, etag=etag(directory_archive))
    left = sorted(path.name for path in folder.iterdir())
    assert left == [".0000-x.mp4.other.json", "0000-x.mp4.other"]


def test_a_sidecar_that_a_crash_left_alone_goes_with_the_next_attempt(
    directory_archive: DirectoryArchive, write: Write
) -> None:
    write(directory_archive, NAME, b"secret")
    seen, path = etag(directory_archive), Path(directory_archive.location(NAME))
    path.unlink()
    assert directory_archive.delete(NAME, etag=seen) is False
    assert not path.parent.exists()


def test_folders_that_are_empty_then_go_and_the_archive_s_own_stays(
    directory_archive: DirectoryArchive, write: Write
) -> None:
    write(directory_archive, NAME, b"one")
    write(directory_archive, "recordings/b/0000-y.mp4", b"two")
    directory_archive.delete(NAME, etag=etag(directory_archive))
    root = Path(directory_archive.location("recordings")).parent
    assert [path.name for path in (root / "recordings").iterdir()] == ["b"]
    other = "recordings/b/0000-y.mp4"
    directory_archive.delete(other, etag=etag(directory_archive, other))
    assert list(root.iterdir()) == []


def test_a_link_is_not_followed(directory_archive: DirectoryArchive, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "0000-x.mp4").write_bytes(b"not ours")
    root = Path(directory_archive.location("recordings/b")).parent
    root.mkdir()
    (root / "a").symlink_to(elsewhere)
    with pytest.raises(StateConflict):
        directory_archive.delete(NAME, etag="1-8")
    assert (elsewhere / "0000-x.mp4").read_bytes() == b"not ours"


def test_a_place_that_is_another_archive_loses_nothing(archive: Archive, write: Write) -> None:
    make_identity(archive, None, NOON)
    write(archive, NAME, b"one")
    with pytest.raises(WrongArchive):
        ProvenArchive(archive, "0" * 32).delete(NAME, etag=etag(archive))
    assert archive.stat(NAME) is not None
