"""Versions of Microsoft's packages side by side, of which one at a time can be imported."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

SDKS = Path(__file__).parents[2] / ".sdk"
VERSIONS = ("1.4.0", "1.5.0", "1.6.0")
PACKAGE = "azure.communication.callautomation"


class Sdk(NamedTuple):
    """One version of `azure-communication-callautomation`, as published."""

    version: str
    api: ModuleType
    aio: ModuleType

    @property
    def accepts_only_microsofts_hosts(self) -> bool:
        """True if the SDK refuses other URLs for downloads and deletions without a request."""
        return self.version >= "1.6"

    @property
    def ranges_need_an_offset_above_zero(self) -> bool:
        """True if ``offset=0`` sends no Range header at any length: the SDK tests ``if start``."""
        return self.version >= "1.5"

    @property
    def knows_accepted_starts(self) -> bool:
        """False for 1.4.0 (api-version 2025-05-15), to which 202 is an error."""
        return self.version >= "1.5"

    @property
    def deletes_asynchronously(self) -> bool:
        """False for 1.4.0, which has ``client.await_client`` for ``await client._client``."""
        return self.version >= "1.5"

    @property
    def knows_call_connections(self) -> bool:
        return self.version >= "1.5"


@contextmanager
def callautomation(version: str) -> Iterator[Sdk]:
    with importable(version, "azure.communication"):
        yield Sdk(version, import_module(PACKAGE), import_module(f"{PACKAGE}.aio"))


@contextmanager
def importable(folder: str, package: str) -> Iterator[None]:
    """Import ``package`` from this folder of ``.sdk``; restore the imports afterwards.

    What was imported within must not be used outside: it imports the rest of itself lazily.
    """
    if not (SDKS / folder).is_dir():
        raise RuntimeError(f"{SDKS / folder} is missing: run `make setup`")
    path, modules = sys.path[:], _take_out(package)
    # Last, since the environment's own versions of shared dependencies go first.
    sys.path[:] = [str(SDKS / folder), *path, str(SDKS / "common")]
    invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        _take_out(package)
        sys.modules.update(modules)


def _take_out(package: str) -> dict[str, ModuleType]:
    names = [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]
    return {name: sys.modules.pop(name) for name in names}
