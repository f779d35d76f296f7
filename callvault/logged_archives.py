"""Archives that are opened together with their access log, for those who give something out."""

from collections.abc import Mapping
from dataclasses import dataclass

from callvault.archive.access_log.log import AccessLog
from callvault.archive.store import Archive
from callvault.azure_storage.clients import StorageAccess
from callvault.clients import open_proven, open_signer
from callvault.config.settings import Settings
from callvault.config.storage import DirectorySettings
from callvault.pools import Pool


@dataclass(frozen=True)
class LoggedArchive:
    """An archive and its access log."""

    archive: Archive
    log: AccessLog

    def close(self) -> None:
        """Release the archive's connections."""
        self.archive.close()


def open_logged(settings: Settings, name: str, remembered: str | None) -> LoggedArchive:
    """Open an archive and its log; `ConfigurationError` where a secret is missing.

    ``remembered`` is its id by `callvault.temporal.archives`.
    """
    configured = settings.archive(name)
    archive = open_proven(name, configured, remembered)
    return LoggedArchive(archive, AccessLog(archive, open_signer(configured)))


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
