"""Keeping account of the blocks of one upload."""

from threading import Lock

from callvault.errors import BrokenContent, InvalidRequest


class BlockLedger:
    """Which blocks of an upload are stored, and whether they make up a whole. Thread-safe.

    ``ref`` is whatever a store needs to find a block again; a block that is put again
    replaces the former one.
    """

    def __init__(self, object_name: str, block_size: int) -> None:
        if block_size < 1:
            raise InvalidRequest(f"the block size must be at least 1 byte, not {block_size}")
        self._object_name = object_name
        self._block_size = block_size
        self._blocks: dict[int, tuple[int, str]] = {}
        self._lock = Lock()

    def offset(self, index: int, length: int) -> int:
        """Where block ``index`` begins; refuses blocks that cannot belong to this upload."""
        if index < 0 or not 0 < length <= self._block_size:
            raise InvalidRequest(
                f"block {index} of {self._object_name} has {length} bytes:"
                f" from 1 to {self._block_size} are possible, and indices count from 0"
            )
        return index * self._block_size

    def add(self, index: int, length: int, ref: str = "") -> None:
        """Block ``index`` of ``length`` bytes is stored."""
        with self._lock:
            self._blocks[index] = (length, ref)

    def whole(self, size: int) -> list[str]:
        """The blocks' refs in order of index, if they are ``size`` bytes without a gap.

        Raises `BrokenContent` if not, and if there are no bytes at all: the recording service is
        known to serve empty files, and none of them is a recording.
        """
        with self._lock:
            blocks = [self._blocks[index] for index in sorted(self._blocks)]
            gapless = sorted(self._blocks) == list(range(len(blocks)))
        full = all(length == self._block_size for length, _ in blocks[:-1])
        stored = sum(length for length, _ in blocks)
        if not size or stored != size or not gapless or not full:
            raise BrokenContent(
                f"{self._object_name} is not whole: {stored} bytes in {len(blocks)} blocks are"
                f" stored, {size} were to be; nothing was committed: copy it again",
                owner="callvault" if size else "service",
            )
        return [ref for _, ref in blocks]
