"""From settings to clients: of ACS, of archives, of the keys that sign them.

The only module that knows both sides, so that no client has to know how it is configured.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

from callvault.acs.client import AcsClient
from callvault.acs.credentials import (
    AccessKey,
    Credential,
    EntraToken,
    RotatingKey,
    parse_connection_string,
)
from callvault.archive.identity import ProvenArchive
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.key_vault import key_vault_signer
from callvault.archive.manifests.keys import PublicKey, Signer
from callvault.archive.store import Archive
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.blob_immutability import Immutability
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.transfer.own_storage import container_of
from callvault.azure_storage.clients import StorageAccess
from callvault.azure_storage.identity import ProcessIdentity
from callvault.config.checkpoints import (
    CheckpointDirectorySettings,
    CheckpointPlaceSettings,
    CheckpointWebhookSettings,
)
from callvault.config.resources import CredentialSettings, ResourceSettings
from callvault.config.settings import Settings
from callvault.config.storage import ArchiveSettings, DirectorySettings
from callvault.errors import ConfigurationError


def open_acs_client(settings: ResourceSettings) -> AcsClient:
    """Open the client of an ACS resource; `ConfigurationError` where a secret is missing."""
    return AcsClient(
        settings.endpoint,
        _credential(settings.credential),
        api_version=settings.api_version,
        content_hosts=settings.content_hosts,
    )


def open_archive(name: str, settings: ArchiveSettings) -> Archive:
    """Open an archive without touching it; `ConfigurationError` where a secret is missing."""
    if isinstance(settings, DirectorySettings):
        return DirectoryArchive(name, settings.path)
    access = StorageAccess.from_settings(settings)
    lasts = settings.immutable_for
    immutability = Immutability(lasts, settings.immutability_mode) if lasts else None
    return BlobArchive.open(
        name,
        access,
        settings.container,
        immutability=immutability,
        legal_holds=settings.sets_legal_holds,
    )


def open_proven(name: str, settings: ArchiveSettings, remembered: str | None = None) -> Archive:
    """Open an archive that is believed and written to only while it shows its identity.

    ``remembered`` is its id by `callvault.temporal.archives`; the settings' own counts first.
    """
    return ProvenArchive(open_archive(name, settings), settings.id or remembered)


def openers(
    archives: Mapping[str, ArchiveSettings], remembered: Mapping[str, str]
) -> dict[str, Callable[[], Archive]]:
    """Return how to open each archive, by name, as one that shows its identity.

    ``remembered`` are the ids by `callvault.temporal.archives`. An opened archive is its caller's
    to close.
    """
    return {
        name: partial(open_proven, name, settings, remembered.get(name))
        for name, settings in archives.items()
    }


def open_place(name: str, settings: CheckpointPlaceSettings) -> Archive:
    """Open a place that stores checkpoints, without touching it; a webhook stores none."""
    if isinstance(settings, CheckpointWebhookSettings):
        raise ConfigurationError(
            f"checkpoints.{name} is a webhook, which tells nothing: name the directory where its"
            " receiver keeps what it was sent"
        )
    if isinstance(settings, CheckpointDirectorySettings):
        return DirectoryArchive(name, settings.path)
    return BlobArchive.open(name, StorageAccess.from_settings(settings), settings.container)


def open_signer(settings: ArchiveSettings) -> Signer | None:
    """Open the signer of an archive's manifests; None where no key is configured."""
    if settings.signing_key_vault is not None:
        return key_vault_signer(settings.signing_key_vault)
    key = settings.signing_key
    return Signer.from_secret(key.resolve()) if key is not None else None


def open_keyring(settings: ArchiveSettings) -> Keyring:
    """Return the keys that may have signed in an archive; `ConfigurationError` for one unread."""
    keys = public_keys(settings)
    if not keys and (signer := open_signer(settings)):
        keys = [signer.public]
    return Keyring(keys)


def public_keys(settings: ArchiveSettings) -> list[PublicKey]:
    """Read the public keys that an archive's settings name; `ConfigurationError` for one unread."""
    return [key for file in settings.public_keys for key in _public_keys(file)]


def _public_keys(file: Path) -> list[PublicKey]:
    try:
        return PublicKey.all_from_pem(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"public key {file} cannot be read: {error.strerror}") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{file}: {error}") from None


def _credential(settings: CredentialSettings) -> Credential:
    # Not the key itself: it is read again now and then, so that it can be rotated.
    if (text := settings.connection_string) is not None:
        return RotatingKey(lambda: parse_connection_string(text.resolve())[1])
    if (key := settings.access_key) is not None:
        return RotatingKey(lambda: AccessKey(key.resolve()))
    return EntraToken(ProcessIdentity())


def own_containers(settings: Settings) -> dict[str, str]:
    """Return the URL of the container that ACS itself writes to, by resource that has one."""
    urls = {}
    for name, resource in settings.resources.items():
        if (own := resource.own_storage) is not None:
            with closing(open_archive(own, settings.archive(own))) as storage:
                urls[name] = container_of(storage)
    return urls
