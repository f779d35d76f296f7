"""Both hashes of a whole object, SHA-256 and SHA-512, from one pass over its bytes.

SHA-256 is what every part of Callvault compares. SHA-512 stands beside it in manifests for readers
that ask for it (vCon does): what is sealed without it must be read again to have it.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

_MIN_PARALLEL = 256 * 1024
"""Bytes from which a second thread is worth its hand-over of some 50 µs."""


class WholeDigest:
    """Digests pieces of an object in their order; to be left like any context, for its thread."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._sha512 = hashlib.sha512()
        self.size = 0
        """Bytes digested so far."""
        self._beside: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._beside:
            self._beside.shutdown()

    def update(self, piece: bytes | memoryview) -> None:
        """Digest the next piece; its memory may be reused once this returns."""
        self.size += len(piece)
        if len(piece) < _MIN_PARALLEL:
            self._sha256.update(piece)
            self._sha512.update(piece)
            return
        # hashlib gives up the interpreter's lock while it digests: two cores work at a time
        self._beside = self._beside or ThreadPoolExecutor(1, "sha512")
        other = self._beside.submit(self._sha512.update, piece)
        self._sha256.update(piece)
        other.result()

    @property
    def sha256(self) -> str:
        """SHA-256 of all pieces, in lower-case hexadecimal."""
        return self._sha256.hexdigest()

    @property
    def sha512(self) -> str:
        """SHA-512 of all pieces, in lower-case hexadecimal."""
        return self._sha512.hexdigest()
