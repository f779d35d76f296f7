"""The hidden file beside an object in a directory: what a blob would carry in its properties."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Sidecar:
    size: int
    sha256: str
    content_type: str
    metadata: Mapping[str, str]

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def read(cls, file: Path, size: int) -> Self | None:
        """What ``file`` tells of an object of ``size`` bytes; ``None`` where there is no such file.

        One that cannot be understood, or that tells of another size, is no evidence of anything.
        """
        try:
            sidecar = cls(**json.loads(file.read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return sidecar if sidecar.size == size and sidecar.sha256 else None


def sidecar_path(path: Path) -> Path:
    """Where the sidecar of the object at ``path`` lies."""
    return path.with_name(f".{path.name}.json")
