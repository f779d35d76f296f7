"""The hidden file beside an object in a directory: what a blob would carry in its properties."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from callvault.archive.blocks import BlockDigests


@dataclass(frozen=True, slots=True)
class Sidecar:
    size: int
    content_type: str
    metadata: Mapping[str, str]
    block_size: int
    blocks: Sequence[str]
    """SHA-256 of each block, in hexadecimal."""

    @property
    def digests(self) -> BlockDigests:
        return BlockDigests(self.block_size, tuple(map(bytes.fromhex, self.blocks)))

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def read(cls, file: Path, size: int) -> Self | None:
        """What ``file`` tells of an object of ``size`` bytes; ``None`` where there is no such file.

        One that cannot be understood, or that tells of another size, is no evidence of anything.
        """
        try:
            sidecar = cls(**json.loads(file.read_bytes()))
            whole = len(sidecar.digests.sha256) == -(-size // sidecar.block_size)
        except (FileNotFoundError, ValueError, TypeError, ZeroDivisionError):
            return None
        return sidecar if sidecar.size == size and whole else None


def sidecar_path(path: Path) -> Path:
    """Where the sidecar of the object at ``path`` lies."""
    return path.with_name(f".{path.name}.json")
