"""The Azure SDK's clients for blob containers and queues, by whichever way an account is reached.

Each function raises `ValueError` for a connection string or a URL that cannot be used; its callers
know of which setting to complain. No client asks the service before it is used.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

from azure.core.credentials import TokenCredential
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueServiceClient

from callvault.azure_storage.identity import ProcessIdentity
from callvault.azure_storage.transport import bounded_transport

_TIMEOUTS = ("connection_timeout", "read_timeout")

Client = TypeVar("Client", ContainerClient, BlobServiceClient, QueueServiceClient)


class Secret(Protocol):
    """A reference to a secret."""

    def resolve(self) -> str: ...


class StorageSettings(Protocol):
    """The settings of a container or a queue: exactly one of the three is set."""

    @property
    def connection_string(self) -> Secret | None: ...

    @property
    def sas_url(self) -> Secret | None: ...

    @property
    def account_url(self) -> str | None: ...


@dataclass(frozen=True)
class StorageAccess:
    """A way to reach a storage account: exactly one of the three, secrets resolved."""

    connection_string: str | None = field(default=None, repr=False)
    """The account's, with its key or a shared access signature."""
    sas_url: str | None = field(default=None, repr=False)
    """URL of the container or of the queue service, with a shared access signature."""
    account_url: str | None = None
    """URL of the account's blob or queue service, for Entra ID."""
    credential: TokenCredential | None = field(default=None, repr=False)
    """The identity that goes with ``account_url``; by default the process's own."""

    @classmethod
    def from_settings(cls, settings: StorageSettings) -> Self:
        """Read the secret now; `ConfigurationError` where it is missing."""
        text, url = settings.connection_string, settings.sas_url
        return cls(
            connection_string=text.resolve() if text is not None else None,
            sas_url=url.resolve() if url is not None else None,
            account_url=settings.account_url,
        )

    def open(
        self,
        by_connection_string: Callable[[str], Client],
        by_sas_url: Callable[[str], Client],
        by_account_url: Callable[[str, TokenCredential], Client],
    ) -> Client:
        """Make a client in the way that goes with this access."""
        if self.connection_string is not None:
            return by_connection_string(self.connection_string)
        if self.sas_url is not None:
            # Without a signature the SDK would ask as nobody, and report a missing container.
            if "sig" not in parse_qs(urlsplit(self.sas_url).query):
                raise ValueError("it carries no SAS")
            return by_sas_url(self.sas_url)
        url = self.account_url or ""
        if urlsplit(url).scheme != "https":
            raise ValueError("Entra ID tokens need https")
        return by_account_url(url, self.credential or ProcessIdentity())


def container_client(access: StorageAccess, container: str, **options: Any) -> ContainerClient:
    """Make the client of a blob container; ``options`` are the SDK's. A SAS URL names its own."""
    options = _bounded(options)
    return access.open(
        lambda text: ContainerClient.from_connection_string(text, container, **options),
        lambda url: ContainerClient.from_container_url(url, **options),
        lambda url, identity: ContainerClient(url, container, credential=identity, **options),
    )


def blob_service_client(access: StorageAccess, **options: Any) -> BlobServiceClient | None:
    """Make the client of an account's blobs, which can sign links; None where a SAS opens it.

    ``options`` are the SDK's.
    """
    options = _bounded(options)
    if access.sas_url is not None:
        return None
    return access.open(
        lambda text: BlobServiceClient.from_connection_string(text, **options),
        lambda url: BlobServiceClient(url, **options),
        lambda url, identity: BlobServiceClient(url, credential=identity, **options),
    )


def queue_service_client(access: StorageAccess, **options: Any) -> QueueServiceClient:
    """Make the client of an account's queues; ``options`` are the SDK's."""
    options = _bounded(options)
    return access.open(
        lambda text: QueueServiceClient.from_connection_string(text, **options),
        lambda url: QueueServiceClient(url, **options),
        lambda url, identity: QueueServiceClient(url, credential=identity, **options),
    )


def _bounded(options: dict[str, Any]) -> dict[str, Any]:
    timeouts = {name: options[name] for name in _TIMEOUTS if name in options}
    return {"transport": bounded_transport(**timeouts), **options}
