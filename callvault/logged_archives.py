"""Archives that are opened together with their access log, for those who give something out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial

from callvault.archive.access_log.log import AccessLog
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.keys import Signer
from callvault.archive.store import Archive
from callvault.archive.verify.chain_end import ChainEnd
from callvault.azure_storage.clients import StorageAccess
from callvault.clients import open_keyring, open_proven, open_signer
from callvault.config.settings import Settings
from callvault.config.storage import DirectorySettings
from callvault.errors import ConfigurationError
from callvault.pools import Pool


@dataclass(frozen=True)
class LoggedArchive:
    """An archive and its access log."""

    archive: Archive
    log: AccessLog
    signer: Signer | None = None
    """Signs what is written beside the log."""
    keys: Callable[[], Keyring] = Keyring
    """Reads the keys that may have signed in the archive."""
    is_configured: bool = True
    """False for a copy that the settings do not know: nothing is written into it."""

    def end(self) -> ChainEnd:
        """Return the end of its chain as it is now: what was read of it before is not read again.

        It is kept as long as the archive is open.
        """
        self._end.refresh()
        return self._end

    def close(self) -> None:
        """Release the archive's connections."""
        self.archive.close()

    @cached_property
    def _end(self) -> ChainEnd:
        return ChainEnd(self.archive)


def open_logged(settings: Settings, name: str, remembered: str | None) -> LoggedArchive:
    """Open an archive and its log; `ConfigurationError` where a secret is missing.

    ``remembered`` is its id by `callvault.temporal.archives`.
    """
    configured = settings.archive(name)
    archive = open_proven(name, configured, remembered)
    signer = open_signer(configured)
    return LoggedArchive(
        archive, AccessLog(archive, signer), signer, partial(open_keyring, configured)
    )


@contextmanager
def opened_together(settings: Settings, chosen: Sequence[str]) -> Iterator[list[LoggedArchive]]:
    """Open these archives, or all, before anything is done with one; `ConfigurationError` if none.

    Each name is known before the first archive is opened: what is left out would not be seen.
    """
    if not settings.archives:
        raise ConfigurationError("there is no archive in the configuration: add [archives.NAME]")
    names = list(dict.fromkeys(chosen)) or sorted(settings.archives)
    for name in names:
        settings.archive(name)
    with ExitStack() as stack:
        yield [stack.enter_context(closing(open_logged(settings, name, None))) for name in names]


def logged_archives(settings: Settings, ids: Mapping[str, str]) -> Pool[LoggedArchive]:
    """Return the archives, each opened when it is first used, and anew once a secret changes."""

    def secrets_of(name: str) -> object:
        configured = settings.archive(name)
        key = configured.signing_key
        access = (
            None
            if isinstance(configured, DirectorySettings)
            else StorageAccess.from_settings(configured)
        )
        return access, key.resolve() if key is not None else None

    return Pool(lambda name: open_logged(settings, name, ids.get(name)), secrets_of)
