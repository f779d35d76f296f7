"""What the copier asks of a file that it is to copy."""

from typing import Protocol


class Answer(Protocol):
    """A part of the file on its way."""

    @property
    def offset(self) -> int:
        """Where in the file the part begins."""

    @property
    def length(self) -> int | None:
        """Bytes that were announced; ``None`` where nobody announced any."""

    @property
    def size(self) -> int | None:
        """Bytes of the whole file, as far as announced."""

    @property
    def etag(self) -> str | None: ...

    def readinto(self, buffer: memoryview) -> int:
        """Read up to ``len(buffer)`` bytes; 0 at the end, which may have come too early."""


class Reader(Protocol):
    """Asks for one part after the other; for one thread, but for `abort`."""

    def open(self, offset: int, length: int | None) -> Answer:
        """Ask for ``length`` bytes from ``offset``, or for all that follow.

        Fewer come where the file ends before; the whole file where ranges are ignored.
        """

    def close(self) -> None: ...

    def abort(self) -> None:
        """End the request that is under way, from another thread."""


class Source(Protocol):
    """A file that can be read by many threads."""

    def reader(self) -> Reader: ...
