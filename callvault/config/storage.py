"""Settings of storage: archives, the quarantine, and what Event Grid writes to."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from callvault.config.types import (
    AbsolutePath,
    AbsolutePaths,
    Duration,
    KeyUrl,
    SecretRef,
    Section,
    Url,
    exactly_one,
)

ContainerName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9](?:-?[a-z0-9])*$", min_length=3, max_length=63)
]


class _CommonArchiveSettings(Section):
    """The settings that every kind of archive has."""

    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] | None = None
    """Id of the archive, as `archive.json` in it says: no other archive is used in its place. By
    default the one that `callvault setup` has remembered in the Temporal namespace; needed where
    Temporal does not remember it (Temporal Cloud)."""
    data_region: str = ""
    """The data region that the archive lies in, in the words of the resources'."""
    signing_key: SecretRef | None = None
    """Secret reference to the private key (Ed25519 or P-256) that signs the archive's manifests;
    make one with `callvault keygen`. Without it, and without `signing_key_vault`, they are
    unsigned, and `callvault verify` says so."""
    signing_key_vault: KeyUrl | None = None
    """`https://VAULT.vault.azure.net/keys/NAME`, or one version of it: a key on the curve P-256
    that signs with ES256 and never leaves its vault, instead of `signing_key`. The role of the
    identity is Key Vault Crypto User."""
    public_keys: AbsolutePaths = ()
    """Files with the public keys, the present and all former ones, that may have signed in the
    archive; by default that of `signing_key` alone. A file may hold several, and is read again each
    time. Workers, `callvault reconcile --deep` and `callvault recordings failback` believe nothing
    that no such key has signed; without any key the commands believe those that lie in the
    archive."""

    @model_validator(mode="after")
    def _has_one_key(self) -> Self:
        if self.signing_key and self.signing_key_vault:
            raise ValueError("set signing_key or signing_key_vault, not both")
        return self

    @property
    def is_signed(self) -> bool:
        """True if a key signs what is sealed."""
        return bool(self.signing_key or self.signing_key_vault)


class AzureBlobSettings(_CommonArchiveSettings):
    """A container in Azure Blob Storage: exactly one of the three ways to reach it."""

    kind: Literal["azure_blob"]
    """`azure_blob`, for a container in Azure Blob Storage."""
    container: ContainerName
    """The container's name."""
    connection_string: SecretRef | None = None
    """Secret reference to the storage account's connection string."""
    sas_url: SecretRef | None = None
    """Secret reference to the container's URL with a shared access signature."""
    account_url: Url | None = None
    """`https://ACCOUNT.blob.core.windows.net`, reached with Entra ID."""

    immutable_for: Duration | None = None
    """Time, counted from its commit, for which the storage account itself lets nobody delete or
    change a recording's object or a link of the chain, an erasure included. Needs version-level
    immutability, enabled on the container or the account. By default no such policy is set."""
    immutability_mode: Literal["unlocked", "locked"] = "unlocked"
    """`unlocked`: who has the right to may shorten that time or end it; `locked`: nobody can."""
    legal_holds: bool | None = None
    """`true`: where a legal hold of Callvault's is on a recording, the storage account's own is set
    on each of its blobs, and cleared with the release. Needs version-level immutability, as
    `immutable_for` does, with which it is the default."""

    _has_one_access = exactly_one("connection_string", "sas_url", "account_url")

    @property
    def sets_legal_holds(self) -> bool:
        """True if the storage account's own legal holds are set, too."""
        return self.immutable_for is not None if self.legal_holds is None else self.legal_holds


class DirectorySettings(_CommonArchiveSettings):
    """A directory: a laptop's disk or a file share."""

    kind: Literal["directory"]
    """`directory`, for a directory of this machine."""
    path: AbsolutePath
    """The directory; `callvault setup` makes it, if the archive is new."""


ArchiveSettings = Annotated[AzureBlobSettings | DirectorySettings, Field(discriminator="kind")]


class QuarantineContainerSettings(Section):
    """A container for what gateways cannot understand: exactly one of the three ways to reach it.

    Any number of gateways share it. It is of no other use: not an archive's, nor Event Grid's.
    """

    kind: Literal["azure_blob"]
    """`azure_blob`, for a container in Azure Blob Storage, which all gateways share."""
    container: ContainerName
    """The container's name; `callvault setup` makes it, if it is missing."""
    connection_string: SecretRef | None = None
    """Secret reference to the storage account's connection string."""
    sas_url: SecretRef | None = None
    """Secret reference to the container's URL with a shared access signature: to read, add, create,
    write and list."""
    account_url: Url | None = None
    """`https://ACCOUNT.blob.core.windows.net`, reached with Entra ID; the role is Storage Blob Data
    Contributor."""

    _has_one_access = exactly_one("connection_string", "sas_url", "account_url")


class QuarantineDirectorySettings(Section):
    """A directory for what a gateway cannot understand: for a laptop, or a disk that stays."""

    kind: Literal["directory"] = "directory"
    """`directory`, for a directory of the gateway's machine. A container that is replaced takes it
    along."""
    path: AbsolutePath = Field(
        default=Path("~/.local/state/callvault/quarantine"), validate_default=True
    )
    """The directory; the gateway makes it."""


def _is_table(value: Any) -> Any:
    if isinstance(value, str | Path):
        raise ValueError(
            'write a table, { kind = "directory", path = "/…" } or { kind = "azure_blob",'
            ' container = "…", account_url = "https://…" }'
        )
    return value


QuarantineSettings = Annotated[
    QuarantineContainerSettings | QuarantineDirectorySettings,
    Field(discriminator="kind"),
    BeforeValidator(_is_table),
]


class QueueSettings(Section):
    """An Azure Storage Queue that Event Grid fills."""

    connection_string: SecretRef | None = None
    """Secret reference to the storage account's connection string."""
    sas_url: SecretRef | None = None
    """Secret reference to the queue service's URL with an account's shared access signature: to
    read, add, update, process and create."""
    account_url: Url | None = None
    """`https://ACCOUNT.queue.core.windows.net`, reached with Entra ID; the role is Storage Queue
    Data Contributor."""
    queue: Annotated[
        # Azure takes 63 characters, of which the poison queue needs 7 more.
        str, StringConstraints(pattern=r"^[a-z0-9](?:-?[a-z0-9])*$", min_length=3, max_length=56)
    ]
    """The queue's name. What cannot be taken goes to the queue of this name with `-poison` at its
    end, which is made where it does not exist."""
    visibility_timeout: Duration = Field(default="1m", validate_default=True)
    """Time for which a message stays hidden from others, counted from the last sign of life of the
    process that has it."""
    poll_interval: Duration = Field(default="1s", validate_default=True)
    """Interval between two requests while the queue is empty."""
    max_deliveries: Annotated[int, Field(ge=1)] = 10
    """A message that was handed out more often than this goes to the poison queue."""
    max_concurrent: Annotated[int, Field(ge=1, le=1_000)] = 16
    """Messages that one process has at a time."""

    _has_one_access = exactly_one("connection_string", "sas_url", "account_url")


class DeadLetterSettings(Section):
    """A container to which Event Grid brings what it could not deliver."""

    connection_string: SecretRef | None = None
    """Secret reference to the storage account's connection string."""
    sas_url: SecretRef | None = None
    """Secret reference to the container's URL with a shared access signature: to read, list and
    write."""
    account_url: Url | None = None
    """`https://ACCOUNT.blob.core.windows.net`, reached with Entra ID; the role is Storage Blob Data
    Contributor."""
    container: ContainerName
    """The container's name."""
    prefix: str = ""
    """Only blobs whose names begin so are swept; Event Grid begins them with the name of the event
    subscription in upper case."""

    _has_one_access = exactly_one("connection_string", "sas_url", "account_url")
