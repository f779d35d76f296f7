"""An archive from its settings."""

from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial

from azure.identity import DefaultAzureCredential

from callvault.archive.manifests.keys import Signer
from callvault.archive.store import Archive
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.transfer.own_storage import container_of
from callvault.config.settings import Settings
from callvault.config.storage import AzureBlobArchive as AzureBlobSettings
from callvault.config.storage import DirectoryArchive as DirectorySettings

ArchiveSettings = AzureBlobSettings | DirectorySettings


def open_archive(name: str, settings: ArchiveSettings) -> Archive:
    """Open an archive without touching it; `ConfigurationError` where a secret is missing."""
    if isinstance(settings, DirectorySettings):
        return DirectoryArchive(name, settings.path)
    if settings.connection_string is not None:
        secret = settings.connection_string.resolve()
        return BlobArchive.from_connection_string(name, secret, settings.container)
    if settings.sas_url is not None:
        return BlobArchive.from_container_url(name, settings.sas_url.resolve())
    url = settings.account_url or ""
    return BlobArchive.from_account_url(name, url, settings.container, DefaultAzureCredential())


def openers(archives: Mapping[str, ArchiveSettings]) -> dict[str, Callable[[], Archive]]:
    """How to open each of the archives, by name; whoever opens one closes it."""
    return {name: partial(open_archive, name, settings) for name, settings in archives.items()}


def open_signer(settings: ArchiveSettings) -> Signer | None:
    """The signer of an archive's manifests; None where no key is configured."""
    key = settings.signing_key
    return Signer.from_secret(key.resolve()) if key is not None else None


def own_containers(settings: Settings) -> dict[str, str]:
    """Return the URL of the container that ACS itself writes to, by resource that has one."""
    urls = {}
    for name, resource in settings.resources.items():
        if (own := resource.own_storage) is not None:
            with closing(open_archive(own, settings.archive(own))) as storage:
                urls[name] = container_of(storage)
    return urls
