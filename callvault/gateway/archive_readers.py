"""The archives as the gateway reads them, in threads of their own."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from temporalio.client import Client

from callvault.config.settings import Settings
from callvault.errors import CallvaultError, ConfigurationError, InvalidRequest, Unavailable
from callvault.logged_archives import LoggedArchive, logged_archives
from callvault.temporal.archives import remembered_archives

MAX_ARCHIVE_THREADS = 8
"""Archives are read in so many threads: one that hangs must not take those of all others."""

T = TypeVar("T")


class ArchiveReaders:
    """The archives as the gateway reads them, in threads of their own."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client
        self._ids: dict[str, str] = {}
        self._archives = logged_archives(settings, self._ids)
        self._threads = ThreadPoolExecutor(MAX_ARCHIVE_THREADS, "archive")

    async def open(self, name: str) -> LoggedArchive:
        """Open an archive; `Unavailable` where it cannot be, whatever the reason.

        `InvalidRequest` (410) where the settings say that it is gone for good.
        """
        if name in self._settings.gone_archives:
            raise InvalidRequest(
                f"archive {name} is gone for good, by the settings (gone_archives)",
                status=410,
                code="lost",
            )
        known = self._settings.archives.get(name)
        if known is not None and known.id is None and name not in self._ids:
            self._ids.update(await remembered_archives(self._client))
        return await self.run(lambda: self._archives(name))

    async def run(self, work: Callable[[], T]) -> T:
        """Run what blocks in one of the threads; `Unavailable` where the archive fails it.

        Its own errors are those of our account with the storage, and none of the caller's.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except Unavailable:
            raise
        except CallvaultError as error:
            raise Unavailable(f"the archive cannot be used: {error}", owner="archive") from error

    def names(self) -> list[str]:
        """Return the names of all archives."""
        return list(self._settings.archives)

    def chosen(self, names: Sequence[str]) -> list[str]:
        """Return these names, or all without any; `InvalidRequest` where one is not known."""
        try:
            for name in names:
                self._settings.archive(name)
        except ConfigurationError as error:
            raise InvalidRequest(f"archives: {error}") from error
        return list(dict.fromkeys(names)) or self.names()
