"""An Azure Storage Queue, and the poison queue beside it. Knows no events.

All calls block: they belong into threads.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage, QueueServiceClient

from callvault.azure_storage.clients import StorageAccess, queue_service_client
from callvault.azure_storage.errors import storage_error
from callvault.config.storage import QueueSettings
from callvault.errors import ConfigurationError
from callvault.rereading import Remade

MAX_MESSAGES = 32
"""Most messages that the service hands out in one answer."""

NEVER_EXPIRES = -1
"""Time to live of a poison message: a person has to look at it."""

_TIMEOUTS: dict[str, Any] = {
    # Whoever calls tries again, and has to notice a SIGTERM in between.
    "retry_total": 0,
    "connection_timeout": 10,
    "read_timeout": 30,
}


@dataclass
class Lease:
    """A message that was handed to us, and hidden from others for a while."""

    message: QueueMessage

    @property
    def id(self) -> str:
        return str(self.message.id)

    @property
    def content(self) -> str:
        return str(self.message.content)

    @property
    def dequeue_count(self) -> int:
        """Number of times that the message was handed out, this time included."""
        return int(self.message.dequeue_count or 1)


class Queue:
    """A queue and its poison queue; methods raise our errors, `TryAgain` for those that pass."""

    def __init__(self, name: str, settings: QueueSettings) -> None:
        """Ask nothing; `ConfigurationError` if a secret is missing or wrong."""
        self.name = name
        self._settings = settings
        self._visibility_timeout = max(1, round(settings.visibility_timeout.total_seconds()))
        self._service = Remade(
            lambda: StorageAccess.from_settings(settings), self._connect, QueueServiceClient.close
        )
        self._service.current()

    @property
    def _messages(self) -> QueueClient:
        return self._service.current().get_queue_client(self._settings.queue)

    @property
    def _poison(self) -> QueueClient:
        return self._service.current().get_queue_client(f"{self._settings.queue}-poison")

    def _connect(self, access: StorageAccess) -> QueueServiceClient:
        try:
            return queue_service_client(access, **_TIMEOUTS)
        except ValueError as error:
            raise ConfigurationError(f"queue {self.name} cannot be reached: {error}") from None

    def prepare(self) -> None:
        """Check that the queue is there, and make its poison queue."""
        with self._errors("looking for it"):
            self._messages.get_queue_properties()
        with self._errors("making its poison queue"), suppress(ResourceExistsError):
            self._poison.create_queue()

    def receive(self, limit: int) -> list[Lease]:
        """Take up to ``limit`` messages; they are hidden from other consumers for a while."""
        count = min(limit, MAX_MESSAGES)
        with self._errors("taking messages"):
            page = self._messages.receive_messages(
                messages_per_page=count,
                max_messages=count,
                visibility_timeout=self._visibility_timeout,
            )
            return [Lease(message) for message in page]

    def renew(self, lease: Lease) -> bool:
        """Hide a message for a while longer; return False if it is no longer ours."""
        return self._set_visibility(lease, self._visibility_timeout)

    def release(self, lease: Lease) -> bool:
        """Let other consumers have a message at once; return False if it is no longer ours."""
        return self._set_visibility(lease, 0)

    def delete(self, lease: Lease) -> bool:
        """Remove a message for good; return False if it is no longer ours."""
        with self._errors("removing a message"):
            try:
                self._messages.delete_message(lease.message)
            except AzureError as error:
                return _lost_or_raise(error)
        return True

    def move_to_poison(self, lease: Lease) -> None:
        """Move a message to the poison queue, as it came."""
        with self._errors("setting a message aside"):
            self._poison.send_message(lease.content, time_to_live=NEVER_EXPIRES)
        # In this order: a crash in between leaves the message in both queues, not in none.
        self.delete(lease)

    def close(self) -> None:
        """Close every connection."""
        self._service.close()

    def _set_visibility(self, lease: Lease, seconds: int) -> bool:
        with self._errors("keeping a message"):
            try:
                lease.message = self._messages.update_message(
                    lease.message, visibility_timeout=seconds
                )
            except AzureError as error:
                return _lost_or_raise(error)
        return True

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except ResourceNotFoundError:
            raise ConfigurationError(
                f"queue {self.name}, {action}: there is no such queue; create it, or correct its"
                " name"
            ) from None
        except AzureError as error:
            # Not chained: the SDK's errors quote URLs with their signatures.
            raise storage_error(error, f"queue {self.name}, {action}", owner="callvault") from None


def _lost_or_raise(error: AzureError) -> bool:
    """Return False for a message that expired, or was handed to another consumer meanwhile."""
    code = getattr(error, "error_code", None)
    if code in ("MessageNotFound", "PopReceiptMismatch"):
        return False
    raise error
