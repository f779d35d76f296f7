"""Settings of the encryption of what Temporal keeps."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from callvault.config.types import SecretRefs, Section, Url, split

KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
"""The id of a key of payloads, as `callvault doctor` tells it."""


class KeyVaultSettings(Section):
    """A secret in Azure Key Vault whose versions are the keys, reached with Entra ID."""

    url: Url
    """`https://NAME.vault.azure.net`; the role of the identity is Key Vault Secrets User."""
    secret: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{1,127}$")]
    """The secret's name. Each version is a key in base64: the newest enabled one encrypts, all
    enabled ones decrypt."""


class EncryptionSettings(Section):
    """Encryption of all that Temporal keeps (AES-256-GCM): on as soon as there is a key."""

    keys: Annotated[SecretRefs, Field(max_length=100)] = ()
    """Secret references to the keys, 32 bytes in base64 each (`openssl rand -base64 32`): the first
    one encrypts, all of them decrypt. Keep a former key for as long as a history needs it."""
    key_vault: KeyVaultSettings | None = None
    encrypt: bool = True
    """`false` only decrypts: for the time in which not every process has the keys yet, and for the
    end of encryption."""
    lost_keys: Annotated[tuple[KeyId, ...], BeforeValidator(split)] = ()
    """Ids of keys that nobody has any more: what was encrypted with them counts as unreadable,
    where otherwise the workflow would wait for its key. Counts even for a key that is there."""

    @property
    def is_set(self) -> bool:
        """True if there is a key, to decrypt with at least."""
        return bool(self.keys or self.key_vault)

    @property
    def is_on(self) -> bool:
        """True if what is sent to Temporal is encrypted."""
        return self.is_set and self.encrypt

    @model_validator(mode="after")
    def _has_keys_for_what_it_does(self) -> Self:
        if "encrypt" in self.model_fields_set and self.encrypt and not self.is_set:
            raise ValueError("encrypt needs a key: set keys or key_vault, or leave it out")
        return self
