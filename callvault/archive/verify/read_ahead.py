"""What a verification is going to ask for, read by many threads before it asks.

A verification judges one link after the other, in their order; a store answers many requests at a
time. So for each of the next links everything that it leads to is looked at: the link, what it
names, the objects that a manifest names and, unless the verification is a quick one, their bytes
and their media. Nothing is judged here: an error is raised where the verification asks.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Lock, Semaphore
from typing import TypeVar, cast

from callvault.archive.digests import WholeDigest
from callvault.archive.manifests.documents import Document, read_document
from callvault.archive.manifests.evidence import properties_of
from callvault.archive.media.check import Expected, check_media
from callvault.archive.media.fork_server import MAX_IDLE_SERVERS
from callvault.archive.names import is_manifest_name, is_object_name, link_object_name
from callvault.archive.store import Archive, StoredObject, read_small
from callvault.archive.verify.sealed_objects import SealedObject, sealed_objects
from callvault.contracts.manifest import ArchivedObject, ChainLink, Manifest
from callvault.contracts.media import MediaCheck
from callvault.errors import CallvaultError

THREADS = 16
"""Links that are looked at beside each other: a store answers each request after milliseconds."""

MAX_AHEAD = 64
"""Links that are looked at before they are judged; of each, documents are kept in memory."""

MAX_DOCUMENT_AHEAD = 1024**2
"""Bytes of a document that is looked at before it is judged: a larger one is read alone."""

_Result = TypeVar("_Result")


class _Over(Exception):
    """Nobody waits for the rest any more."""


class Looked:
    """An archive as a verification sees it: what was looked at already is not asked for again."""

    def __init__(self, archive: Archive, *, remembers: bool = False) -> None:
        """Without ``remembers`` everything is asked for anew."""
        self._archive = archive
        self._remembers = remembers
        self._known: dict[Hashable, Future[object]] = {}

    def stat(self, name: str) -> StoredObject | None:
        return self._once(("stat", name), lambda: self._archive.stat(name))

    def bytes_of(self, name: str) -> bytes:
        """Read a small object; one that is large all the same is not kept."""
        key = ("bytes", name)
        data = self._once(key, lambda: read_small(self._archive, name))
        if len(data) > MAX_DOCUMENT_AHEAD:
            self._known.pop(key, None)
        return data

    def document(self, model: type[Document], name: str, data: bytes) -> Document:
        if len(data) > MAX_DOCUMENT_AHEAD:
            return read_document(model, data)
        return self._once((model, name, data), lambda: read_document(model, data))

    def properties(self, name: str) -> dict[str, str] | None:
        """Return what the store keeps beside an object; None where there is no such object."""
        found = self.stat(name)
        if found is None:
            return None
        return self._once(("properties", name), lambda: properties_of(self._archive, found))

    def digest(self, name: str, on_read: Callable[[int], None]) -> WholeDigest:
        """Read an object to its end, and tell of every byte of it; at once where it was read."""
        is_known = ("digest", name) in self._known
        found = self._once(("digest", name), lambda: _digest(self._archive, name, on_read))
        if is_known:
            on_read(found.size)
        return found

    def media(self, sealed: ArchivedObject, expected: Expected) -> MediaCheck:
        """Judge an object as media."""
        name = sealed.object_name
        return self._once(
            ("media", name, sealed.size, expected),
            lambda: check_media(self._archive, name, sealed.size, expected),
        )

    def _once(self, key: Hashable, look: Callable[[], _Result]) -> _Result:
        if not self._remembers:
            return look()
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = Future()
            try:
                known.set_result(look())
            except CallvaultError as error:
                known.set_exception(error)
        return cast("_Result", known.result())


class ReadAhead:
    """Looks at what links lead to, before they are judged."""

    def __init__(self, archive: Archive, *, quick: bool) -> None:
        self._archive = archive
        self._quick = quick
        self._begun: set[str] = set()
        """Names of objects whose bytes are read, each once."""
        self._is_over = False
        self._parsers = Semaphore(MAX_IDLE_SERVERS)
        self._lock = Lock()

    def of(self, numbers: Iterable[int]) -> Iterator[tuple[int, Looked]]:
        """Yield each number, with what was looked at of the link that has it."""
        ahead: deque[tuple[int, Future[Looked]]] = deque()
        with ThreadPoolExecutor(THREADS, "verify") as pool:
            try:
                for number in numbers:
                    ahead.append((number, pool.submit(self._look, number)))
                    if len(ahead) >= MAX_AHEAD:
                        yield _next(ahead)
                while ahead:
                    yield _next(ahead)
            finally:
                self._is_over = True
                pool.shutdown(cancel_futures=True)

    def _look(self, number: int) -> Looked:
        looked = Looked(self._archive, remembers=True)
        # whatever is amiss is told by whoever asks
        with suppress(CallvaultError, _Over):
            self._link(looked, link_object_name(number))
        return looked

    def _link(self, looked: Looked, name: str) -> None:
        data = _bytes_ahead(looked, name)
        if data is None:
            return
        named = looked.document(ChainLink, name, data).manifest.object_name
        found = _bytes_ahead(looked, named) if is_object_name(named) else None
        if found is not None and is_manifest_name(named):
            self._objects(looked, looked.document(Manifest, named, found))

    def _objects(self, looked: Looked, manifest: Manifest) -> None:
        for each in sealed_objects(manifest):
            if is_object_name(each.object.object_name):
                with suppress(CallvaultError):
                    self._object(looked, each)

    def _object(self, looked: Looked, each: SealedObject) -> None:
        sealed, name = each.object, each.object.object_name
        found = looked.stat(name)
        if found is None or found.size != sealed.size:
            return
        looked.properties(name)
        if self._quick or not self._is_first(name):
            return
        is_same = looked.digest(name, self._go_on).sha256 == sealed.sha256
        if is_same and each.check:
            with self._parsers:
                looked.media(sealed, each.expected)

    def _go_on(self, count: int) -> None:
        if self._is_over:
            raise _Over

    def _is_first(self, name: str) -> bool:
        """Return True once for each object: later manifests name it again."""
        with self._lock:
            is_first = name not in self._begun
            self._begun.add(name)
        return is_first


def _next(ahead: deque[tuple[int, Future[Looked]]]) -> tuple[int, Looked]:
    number, looked = ahead.popleft()
    return number, looked.result()


def _bytes_ahead(looked: Looked, name: str) -> bytes | None:
    """Look at a document; None where there is none, or where it is not for many threads."""
    found = looked.stat(name)
    if found is None or found.size > MAX_DOCUMENT_AHEAD:
        return None
    data = looked.bytes_of(name)
    looked.properties(name)
    return data


def _digest(archive: Archive, name: str, on_read: Callable[[int], None]) -> WholeDigest:
    with WholeDigest() as digest:
        for piece in archive.read(name):
            digest.update(piece)
            on_read(len(piece))
    return digest
