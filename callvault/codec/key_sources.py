"""The places that keys of payloads come from, behind one small protocol."""

from collections.abc import Sequence
from typing import Protocol

from callvault.codec.key_vault import KeyVaultKeys
from callvault.codec.payload_key import PayloadKey
from callvault.config.encryption import EncryptionSettings
from callvault.config.types import SecretRef


class KeySource(Protocol):
    """A place that keys come from."""

    def read(self) -> Sequence[PayloadKey]:
        """Read the keys now, the one that encrypts first; it may block.

        Raises one of our errors where that is not possible.
        """
        ...


class SecretKeys:
    """Keys in files or in environment variables."""

    def __init__(self, references: Sequence[SecretRef]) -> None:
        self._references = references

    def read(self) -> Sequence[PayloadKey]:
        """Read every key; `ConfigurationError` for one that is missing, or is none."""
        return [PayloadKey.from_secret(each.resolve()) for each in self._references]


def sources_of(settings: EncryptionSettings) -> list[KeySource]:
    """Return the places that the settings name; the keys of the first one encrypt."""
    sources: list[KeySource] = []
    if settings.key_vault is not None:
        sources.append(KeyVaultKeys(settings.key_vault.url, settings.key_vault.secret))
    if settings.keys:
        sources.append(SecretKeys(settings.keys))
    return sources
