"""Files of any size that take no room: their bytes are a function of (seed, offset).

They are the AES-128-CTR key stream from counter 0, under the first 16 bytes of the SHA-256 of the
seed. So they can be computed here or without Python::

    key=$(printf %s "$seed" | sha256sum | cut -c 1-32)
    head -c "$size" /dev/zero | openssl enc -aes-128-ctr -K "$key" -iv "$(printf %032d 0)"
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from callvault.emulator.media.render import ChunkTooSmall
from callvault.emulator.media.timeline import Timeline

_BLOCK = 16
_READ_SIZE = 1 << 20
_ZEROS = memoryview(bytes(_READ_SIZE))


def read(seed: str, offset: int, length: int) -> bytes:
    """Compute the bytes from ``offset``, at several gigabytes a second."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    key = hashlib.sha256(seed.encode()).digest()[:16]
    counter, skipped = divmod(offset, _BLOCK)
    stream = Cipher(algorithms.AES(key), modes.CTR(counter.to_bytes(_BLOCK))).encryptor()
    if skipped:  # the key stream begins at a whole block
        stream.update(bytes(skipped))
    return stream.update(_ZEROS[:length] if length <= _READ_SIZE else bytes(length))


def pieces(seed: str, size: int) -> Iterator[bytes]:
    """Yield the whole file, in pieces that fit into memory."""
    for offset in range(0, size, _READ_SIZE):
        yield read(seed, offset, min(_READ_SIZE, size - offset))


def sha256(seed: str, size: int) -> str:
    """Hash the whole file, at about a second for each gigabyte; hexadecimal digits."""
    digest = hashlib.sha256()
    for piece in pieces(seed, size):
        digest.update(piece)
    return digest.hexdigest()


def default_size(timeline: Timeline, container: str, channels: int) -> int:
    """Compute the size of the service's files of this length, by its table of formats."""
    a_second = {"mp4": 125_000, "mp3": 6_000, "wav": 32_000 * channels}
    return a_second[container] * timeline.length // timeline.fps


@dataclass(frozen=True, slots=True)
class Share:
    """Distribution of a recording's bytes among its chunks."""

    total: int
    length: int
    """Frames of media that have them together."""
    limit: int | None = None
    """Bytes that a chunk may have."""

    def fitting(self, timeline: Timeline) -> int:
        """Return the number of frames that fit into a chunk."""
        if self.limit is None or not self.total:
            return timeline.length
        fitting = self.limit * self.length // self.total
        if fitting == 0:
            raise ChunkTooSmall(
                f"max_chunk_bytes is {self.limit}, and each of the {self.length} frames recorded "
                f"has a share of {self.total} bytes: raise it, or let the call last longer"
            )
        return min(timeline.length, fitting)

    def size(self, timeline: Timeline) -> int:
        """Return the size of a chunk; those of all chunks add up to the total exactly."""
        return self._until(timeline.media_before + timeline.length) - self._until(
            timeline.media_before
        )

    def _until(self, frame: int) -> int:
        return self.total * frame // self.length
