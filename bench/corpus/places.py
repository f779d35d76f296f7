"""A directory and a container, written and read without the code of the archive."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol

from azure.storage.blob import ContainerClient

_AT_A_TIME = 16


class File(NamedTuple):
    """An object to be written; ``size`` is that of a sparse one, of which ``content`` is a part."""

    name: str
    content: bytes
    size: int = 0


class Place(Protocol):
    """A place of objects."""

    def put_all(self, files: Iterable[File]) -> None:
        """Write the files."""

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of everything below ``recordings/`` that is JSON."""

    def index(self) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of everything below ``subjects/``."""


class Directory:
    """A directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put_all(self, files: Iterable[File]) -> None:
        for name, content, size in files:
            path = self._root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(content)
                if size:
                    file.truncate(size)

    def documents(self) -> Iterator[tuple[str, bytes]]:
        return self._below("recordings")

    def index(self) -> Iterator[tuple[str, bytes]]:
        return self._below("subjects")

    def everything(self) -> Iterator[File]:
        """Yield all objects, as for a copy of the archive; of media a beginning alone."""
        for path, _, names in os.walk(self._root):
            for name in names:
                if not name.startswith("."):
                    file = Path(path, name)
                    with file.open("rb") as opened:
                        content = opened.read(64 if name.endswith(".wav") else -1)
                    yield File(str(file.relative_to(self._root)), content)

    def _below(self, folder: str) -> Iterator[tuple[str, bytes]]:
        for path, _, names in os.walk(self._root / folder):
            for name in names:
                if name.endswith(".json") and not name.startswith("."):
                    file = Path(path, name)
                    yield str(file.relative_to(self._root)), file.read_bytes()


class Container:
    """A container of Azure Blob; nothing is sparse there, so media are a few bytes."""

    def __init__(self, client: ContainerClient) -> None:
        self._client = client

    def put_all(self, files: Iterable[File]) -> None:
        def put(file: File) -> None:
            self._client.upload_blob(file.name, file.content)

        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            for _ in pool.map(put, files):
                pass

    def documents(self) -> Iterator[tuple[str, bytes]]:
        return self._below("recordings/")

    def index(self) -> Iterator[tuple[str, bytes]]:
        return self._below("subjects/")

    def _below(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        def read(name: str) -> tuple[str, bytes]:
            return name, self._client.download_blob(name).readall()

        names = self._client.list_blob_names(name_starts_with=prefix)
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            yield from pool.map(read, (name for name in names if name.endswith(".json")))
