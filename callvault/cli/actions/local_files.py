"""Files and directories that are named on the command line, and may not be readable."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callvault.archive.manifests.keys import PublicKey
from callvault.errors import ConfigurationError, InvalidRequest

_MAX_SHOWN = 200


@contextmanager
def looking_at(path: Path) -> Iterator[None]:
    """Raise `InvalidRequest`, with the path, where the system does not let it be looked at."""
    try:
        yield
    except OSError as error:
        shown = str(path)[:_MAX_SHOWN]
        raise InvalidRequest(f"{shown} cannot be read: {error.strerror or error}") from error


def is_directory(path: Path) -> bool:
    """Tell if there is a directory; `InvalidRequest` where that cannot be told."""
    with looking_at(path):
        return path.is_dir()


def is_file(path: Path) -> bool:
    """Tell if there is a regular file; `InvalidRequest` where that cannot be told."""
    with looking_at(path):
        return path.is_file()


def public_key(file: Path) -> PublicKey:
    """Read the public key of a ``--key``."""
    with looking_at(file):
        data = file.read_bytes()
    try:
        return PublicKey.from_pem(data)
    except ConfigurationError as error:
        raise ConfigurationError(f"{file}: {error}") from error
