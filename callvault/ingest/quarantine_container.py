"""A quarantine in an Azure Blob container, which any number of gateways share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import ContainerClient, LinearRetry

from callvault.azure_storage.clients import StorageAccess, container_client
from callvault.azure_storage.errors import CONTAINER_NOT_FOUND, storage_error
from callvault.config.storage import QuarantineContainerSettings
from callvault.errors import ConfigurationError, InvalidRequest, ObjectExists
from callvault.ingest.dead_letters import DeadLetterContainer
from callvault.ingest.quarantined import MAX_STORED_SIZE, is_name
from callvault.ingest.undelivered import DeadLetter
from callvault.rereading import Remade

_LOCATION = "quarantine"

_PROBE = ".callvault-check"

_BLOCK_ID = "MDAwMA=="


class QuarantineContainer:
    """A `QuarantineStore` of blobs; its secret is read again, so that it can be rotated."""

    def __init__(self, settings: QuarantineContainerSettings) -> None:
        """`ConfigurationError` if the secret is missing or wrong; the service is not asked."""
        self._settings = settings
        self._clients = Remade(
            lambda: StorageAccess.from_settings(settings), self._open, ContainerClient.close
        )
        self._url = urlsplit(self._clients.current().url)._replace(query="").geturl()

    @property
    def location(self) -> str:
        return self._url

    def put(self, name: str, content: bytes) -> None:
        blob = self._clients.current().get_blob_client(name)
        with self._errors(f"storing {name}"):
            try:
                blob.upload_blob(content, overwrite=False)
            except ResourceExistsError:
                # An attempt whose answer was lost, most likely.
                if self.get(name) != content:
                    raise ObjectExists(
                        f"another blob has the name {name}, and is not overwritten"
                    ) from None

    def pending(self) -> Iterator[DeadLetter]:
        return (each for each in self._letters().pending() if is_name(each.name))

    def all(self) -> Iterator[DeadLetter]:
        return (each for each in self._letters().all() if is_name(each.name))

    def delete(self, dead_letter: DeadLetter) -> None:
        self._letters().delete(dead_letter)

    def get(self, name: str) -> bytes:
        blob = self._clients.current().get_blob_client(name)
        with self._errors(f"reading {name}"):
            try:
                return blob.download_blob(offset=0, length=MAX_STORED_SIZE + 1).readall()
            except ResourceNotFoundError as error:
                if getattr(error, "error_code", None) == CONTAINER_NOT_FOUND:
                    raise
                raise InvalidRequest("it cannot be read: there is no such blob") from None

    def mark_delivered(self, dead_letter: DeadLetter) -> None:
        self._letters().mark_delivered(dead_letter)

    def check(self) -> None:
        # A block that is never committed proves the right to write, and leaves nothing.
        with self._errors("checking that deliveries can be stored"):
            self._clients.current().get_blob_client(_PROBE).stage_block(_BLOCK_ID, b"check")

    def make(self) -> bool:
        try:
            self.check()
            return False
        except ConfigurationError as error:
            if error.code != CONTAINER_NOT_FOUND:
                raise
        with self._errors("creating the container"):
            self._clients.current().create_container()
        self.check()
        return True

    def close(self) -> None:
        self._clients.close()

    def _letters(self) -> DeadLetterContainer:
        return DeadLetterContainer(_LOCATION, self._clients.current())

    def _open(self, access: StorageAccess) -> ContainerClient:
        try:
            return container_client(access, self._settings.container, **_client_options())
        except ValueError:
            # Without its text, which may quote the secret.
            raise ConfigurationError(
                "gateway.quarantine: its connection string or URL cannot be used: copy it whole"
            ) from None

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except AzureError as error:
            # Not chained: the SDK's errors quote URLs with their signatures.
            raise storage_error(error, f"{_LOCATION}, {action}", owner="callvault") from None


def _client_options() -> dict[str, Any]:
    # Short: Event Grid waits for 30 seconds, and sends again what was not stored by then.
    return {
        "connection_timeout": 5,
        "read_timeout": 8,
        "retry_policy": LinearRetry(backoff=1, retry_total=1, random_jitter_range=1),
    }
