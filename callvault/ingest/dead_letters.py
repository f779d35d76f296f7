"""A container to which Event Grid writes the events that it could not deliver."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Self

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from callvault.azure_storage.clients import StorageAccess, container_client
from callvault.azure_storage.errors import storage_error
from callvault.azure_storage.folders import is_folder
from callvault.config.storage import DeadLetterSettings
from callvault.errors import ConfigurationError, InvalidRequest
from callvault.ingest.deliveries import Delivery
from callvault.ingest.undelivered import DeadLetter

DELIVERED = "callvault_delivered"
"""Key of the metadata that marks a blob; its value is the time of delivery, in ISO 8601."""

MAX_SIZE = 16 * 1024 * 1024
"""Largest blob that is read, in bytes: one holds a few events, of 1 MiB at most."""


_TIMEOUTS: dict[str, Any] = {"retry_total": 2, "connection_timeout": 10, "read_timeout": 60}


class DeadLetterContainer:
    """An `UndeliveredStore` whose dead letters are blobs."""

    def __init__(self, location: str, container: ContainerClient, prefix: str = "") -> None:
        """``location`` is the container's name for people."""
        self._location = location
        self._container = container
        self._prefix = prefix

    @classmethod
    def open(cls, name: str, settings: DeadLetterSettings) -> Self:
        """Build its client only; `ConfigurationError` if a secret is missing or wrong."""
        try:
            access = StorageAccess.from_settings(settings)
            container = container_client(access, settings.container, **_TIMEOUTS)
            return cls(location_of(name), container, settings.prefix)
        except ValueError as error:
            raise ConfigurationError(f"dead letters {name} cannot be reached: {error}") from None

    @property
    def location(self) -> str:
        return self._location

    def pending(self) -> Iterator[DeadLetter]:
        return (letter for letter in self.all() if not letter.is_delivered)

    def all(self) -> Iterator[DeadLetter]:
        """Yield every letter, marked or not."""
        with self._errors("listing the container"):
            listed = self._container.list_blobs(
                name_starts_with=self._prefix or None, include=["metadata"]
            )
            for blob in listed:
                metadata = dict(blob.metadata or {})
                if not is_folder(blob.size, metadata):
                    yield DeadLetter(
                        str(blob.name), str(blob.etag), metadata, DELIVERED in metadata
                    )

    def read(self, dead_letter: DeadLetter) -> Delivery:
        return Delivery(self.content(dead_letter))

    def content(self, dead_letter: DeadLetter) -> bytes:
        """Return the blob's bytes; `InvalidRequest` where there are too many."""
        with self._errors(f"reading {dead_letter.name}"):
            part = self._container.download_blob(dead_letter.name, offset=0, length=MAX_SIZE + 1)
            body = part.readall()
        if len(body) > MAX_SIZE:
            raise InvalidRequest(f"larger than {MAX_SIZE} bytes: Event Grid did not write it")
        return body

    def delete(self, dead_letter: DeadLetter) -> None:
        """Delete the blob with its snapshots; not an error if it is gone."""
        with self._errors(f"deleting {dead_letter.name}"), suppress(ResourceNotFoundError):
            blob = self._container.get_blob_client(dead_letter.name)
            blob.delete_blob(delete_snapshots="include")

    def mark_delivered(self, dead_letter: DeadLetter) -> None:
        metadata = {
            **dead_letter.metadata,
            DELIVERED: datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with self._errors(f"marking {dead_letter.name}"):
            try:
                self._container.get_blob_client(dead_letter.name).set_blob_metadata(
                    metadata, etag=dead_letter.etag, match_condition=MatchConditions.IfNotModified
                )
            except (ResourceModifiedError, ResourceNotFoundError):
                # Another sweeper was faster, or the account's life-cycle rule.
                return

    def close(self) -> None:
        """Close every connection."""
        self._container.close()

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except AzureError as error:
            # Not chained: the SDK's errors quote URLs with their signatures.
            raise storage_error(error, f"{self.location}, {action}", owner="callvault") from None


def location_of(name: str) -> str:
    """Return the name of a container for people, from its name in the settings."""
    return f"dead letters {name}"
