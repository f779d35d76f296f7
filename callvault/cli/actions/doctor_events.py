"""The checks of `callvault doctor` of the other roads of events, and of the quarantine."""

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from typing import Any

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient, QueueServiceClient

from callvault.azure_storage.clients import (
    StorageAccess,
    container_client,
    queue_service_client,
)
from callvault.azure_storage.errors import storage_error
from callvault.cli.actions.check_result import CheckResult, Subject, run_blocking
from callvault.config.storage import (
    DeadLetterSettings,
    QuarantineDirectorySettings,
    QueueSettings,
)
from callvault.errors import CallvaultError, ConfigurationError
from callvault.ingest.dead_letters import DeadLetterContainer, location_of
from callvault.ingest.quarantine import MAX_COUNT, Quarantine

MAX_COUNTED = 1_000
"""Dead letters that are counted."""

_TIMEOUTS: dict[str, Any] = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 10}

_RIGHTS = "Give the identity or the SAS the rights that docs/configuration.md names for it."


async def check_events(subject: Subject) -> list[CheckResult]:
    """Check every queue, every container of dead letters, and the quarantine."""
    settings = subject.settings
    results = await run_blocking(
        {
            **{f"queue {n}": partial(_queue, n, each) for n, each in settings.queues.items()},
            **{
                location_of(name): partial(_dead_letters, name, each)
                for name, each in settings.dead_letters.items()
            },
        }
    )
    return [*results, await _quarantine(subject)]


def _queue(name: str, settings: QueueSettings) -> CheckResult:
    what = f"queue {name}"
    try:
        with closing(_queue_service(settings)) as service:
            waiting = _look_at_queue(what, service.get_queue_client(settings.queue))
            poison = _poisoned(what, service.get_queue_client(f"{settings.queue}-poison"))
    except CallvaultError as error:
        return CheckResult(what, False, str(error), _RIGHTS)
    if poison:
        fix = "Look at each; deliver it with `callvault events deliver FILE`, then remove it."
        return CheckResult(what, False, f"about {poison} messages are in its poison queue", fix)
    return CheckResult(what, True, f"about {waiting} messages wait")


def _queue_service(settings: QueueSettings) -> QueueServiceClient:
    try:
        return queue_service_client(StorageAccess.from_settings(settings), **_TIMEOUTS)
    except ValueError:
        # Without its text, which may quote the secret.
        raise ConfigurationError("its connection string or URL is none: copy it whole") from None


def _look_at_queue(what: str, queue: QueueClient) -> int:
    with _errors(what, "looking at it"):
        try:
            waiting = queue.get_queue_properties().approximate_message_count
        except ResourceNotFoundError:
            raise ConfigurationError(
                "there is no such queue: create it, or correct its name"
            ) from None
        queue.peek_messages()
    with _errors(what, "asking if messages may be removed"):
        try:
            # Of a message that does not exist; whoever may not remove any is answered 403.
            queue.delete_message(str(uuid.uuid4()), "AgAAAAMAAAAAAAAAAAAAAAAAAAA=")
        except AzureError as error:
            if getattr(error, "status_code", None) not in (400, 404):
                raise
    return int(waiting or 0)


def _poisoned(what: str, queue: QueueClient) -> int:
    with _errors(what, "looking at its poison queue"):
        try:
            return int(queue.get_queue_properties().approximate_message_count or 0)
        except ResourceNotFoundError:
            return 0  # `callvault ingest queue` makes it


def _dead_letters(name: str, settings: DeadLetterSettings) -> CheckResult:
    what = location_of(name)
    try:
        with closing(DeadLetterContainer.open(name, settings)) as letters:
            pending = sum(1 for _ in islice(letters.pending(), MAX_COUNTED))
        access = StorageAccess.from_settings(settings)
        with closing(container_client(access, settings.container, **_TIMEOUTS)) as container:
            _may_mark(what, container)
    except CallvaultError as error:
        return CheckResult(what, False, str(error), _RIGHTS)
    if pending:
        fix = "Run `callvault sweep`, which says what stays and why; `--every 15m` repeats it."
        return CheckResult(what, False, f"{pending} letters are not delivered", fix)
    return CheckResult(what, True, "none waits, and they can be marked")


def _may_mark(what: str, container: ContainerClient) -> None:
    with _errors(what, "asking if blobs may be marked"):
        try:
            # One that does not exist; whoever may not write is answered 403.
            container.get_blob_client(".callvault-check").set_blob_metadata({"probe": "1"})
        except ResourceNotFoundError:
            return


async def _quarantine(subject: Subject) -> CheckResult:
    settings = subject.settings.gateway.quarantine
    if isinstance(settings, QuarantineDirectorySettings) and not settings.path.exists():
        return CheckResult("quarantine", True, f"{settings.path}: not made here yet")
    try:
        quarantine = Quarantine.open(settings)
    except ConfigurationError as error:
        return CheckResult("quarantine", False, str(error), _RIGHTS)
    with closing(quarantine):
        return await _look_at(quarantine)


async def _look_at(quarantine: Quarantine) -> CheckResult:
    try:
        await quarantine.check()
        count = await quarantine.count()
    except CallvaultError as error:
        return CheckResult("quarantine", False, f"{quarantine.place}: {error}", _RIGHTS)
    if count:
        fix = "Run `callvault sweep --quarantine`, which says why; mend that and run it again."
        more = " or more" if count == MAX_COUNT else ""
        found = f"{quarantine.place}: {count}{more} deliveries were not understood"
        return CheckResult("quarantine", False, found, fix)
    return CheckResult("quarantine", True, f"{quarantine.place} is empty and takes deliveries")


@contextmanager
def _errors(what: str, action: str) -> Iterator[None]:
    try:
        yield
    except AzureError as error:
        # Not chained: the SDK's errors quote URLs with their signatures.
        raise storage_error(error, f"{what}, {action}", owner="callvault") from None
