"""A folder or a zip that appears as a whole, or not at all."""

import fcntl
import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from callvault.contracts.base import Message
from callvault.errors import InvalidRequest, NotDone

INDEX = "export.json"
"""Lists every other file of a package with its hashes; written last."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry of a zip: the same export gives the same bytes."""


_Open = Callable[[str], IO[bytes]]
"""Opens a file of a package."""


class PackedFile(Message):
    """A file of a package."""

    path: str
    size: int
    """Bytes."""
    sha256: str
    sha512: str


class PackageIndex(Message):
    """The contents of a package."""

    order: str
    """SHA-256 of what was asked for, and of what there was: the same again gives the same."""
    files: tuple[PackedFile, ...]
    problems: tuple[str, ...] = ()
    """What was not as it was sealed when this was made."""


class Package:
    """Files that are being put together."""

    def __init__(self, store: "_Store") -> None:
        self._store = store
        self.files: list[PackedFile] = []
        self.problems: list[str] = []

    def add(self, path: str, pieces: Iterable[bytes]) -> PackedFile:
        """Write a file; ``path`` has only parts that were made here."""
        sha256, sha512, size = hashlib.sha256(), hashlib.sha512(), 0
        with self._store.opened(PurePosixPath(path)) as target:
            for piece in pieces:
                sha256.update(piece)
                sha512.update(piece)
                size += len(piece)
                target.write(piece)
        packed = PackedFile(
            path=path, size=size, sha256=sha256.hexdigest(), sha512=sha512.hexdigest()
        )
        self.files.append(packed)
        return packed

    def index(self, order: str) -> PackageIndex:
        """List what is in it by now."""
        return PackageIndex(order=order, files=tuple(self.files), problems=tuple(self.problems))

    def add_text(self, path: str, text: str) -> PackedFile:
        """Write a small file."""
        return self.add(path, [text.encode()])


class _Store(Protocol):
    """The place that files are written to."""

    def opened(self, path: PurePosixPath) -> AbstractContextManager[IO[bytes]]:
        """Open a new file."""


@contextmanager
def packed(target: Path, order: str, needed: int) -> Iterator[Package]:
    """Put a package together; it bears its name once this block has ended without an error.

    ``needed`` are the bytes that it will have at least. A draft that a crash left is removed.
    Raises `NotDone` where it cannot be written, `InvalidRequest` where the name is taken or another
    export is being written beside it.
    """
    draft = target.with_name(f".{target.name}.partial")
    try:
        with _locked(target.parent):
            _remove(draft)
            _check_room(target, needed)
            try:
                with _written(draft, is_zip=target.suffix == ".zip") as store:
                    package = Package(store)
                    yield package
                    package.add_text(INDEX, package.index(order).model_dump_json(indent=2))
                _name(draft, target)
            finally:
                _remove(draft)
    except OSError as error:
        raise NotDone(
            f"{target} cannot be written: {error.strerror}. Nothing of it was left; it needs at"
            f" least {needed:,} bytes"
        ) from error


def found_there(target: Path, order: str) -> PackageIndex | None:
    """Return this very package if it is there already, whole; None where nothing bears the name.

    Raises `InvalidRequest` where something else does: nothing is ever overwritten.
    """
    if not os.path.lexists(target):
        return None
    with suppress(OSError, ValueError, KeyError, zipfile.BadZipFile), _reader(target) as opened:
        with opened(INDEX) as file:
            index = PackageIndex.model_validate_json(file.read())
        if index.order == order and all(_is_whole(opened, each) for each in index.files):
            return index
    raise InvalidRequest(
        f"{target} is there already, and is not this export as it is now: choose another name, or"
        " move it away. Nothing was changed"
    )


class _Folder:
    def __init__(self, draft: Path) -> None:
        self._draft = draft
        draft.mkdir(mode=0o700)

    @contextmanager
    def opened(self, path: PurePosixPath) -> Iterator[IO[bytes]]:
        place = self._draft / path
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            yield target
            target.flush()
            os.fsync(descriptor)


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    @contextmanager
    def opened(self, path: PurePosixPath) -> Iterator[IO[bytes]]:
        # the same time for all: the same export gives the same bytes
        entry = zipfile.ZipInfo(str(path), _EPOCH)
        entry.external_attr = 0o600 << 16
        is_small = path.suffix in {".html", ".json", ".pem"}
        entry.compress_type = zipfile.ZIP_DEFLATED if is_small else zipfile.ZIP_STORED
        with self._archive.open(entry, "w", force_zip64=True) as target:
            yield target


@contextmanager
def _written(draft: Path, *, is_zip: bool) -> Iterator[_Store]:
    if not is_zip:
        yield _Folder(draft)
        return
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w+b") as file:
        with zipfile.ZipFile(file, "w") as archive:
            yield _Zip(archive)
        file.flush()
        os.fsync(descriptor)


def _name(draft: Path, target: Path) -> None:
    """Give a draft its name; `FileExistsError` where that is taken."""
    if draft.is_dir():
        draft.rename(target)  # fails where a file, or a folder with anything in it, is there
    else:
        os.link(draft, target)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
        os.fsync(descriptor)
    except BlockingIOError:
        raise InvalidRequest(
            f"another export is being written in {folder}: wait until it has ended"
        ) from None
    finally:
        os.close(descriptor)


def _check_room(target: Path, needed: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise NotDone(
            f"{target} needs at least {needed:,} bytes, and there are {free:,} free: make room, or"
            " choose another place. Nothing was written"
        )


def _remove(draft: Path) -> None:
    if draft.is_dir() and not draft.is_symlink():
        shutil.rmtree(draft)
    else:
        draft.unlink(missing_ok=True)


def _is_whole(opened: _Open, told: PackedFile) -> bool:
    with opened(told.path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == told.sha256  # type: ignore[arg-type]


@contextmanager
def _reader(target: Path) -> Iterator[_Open]:
    if target.is_dir():
        yield lambda path: (target / path).open("rb")
        return
    with zipfile.ZipFile(target) as archive:
        yield archive.open
