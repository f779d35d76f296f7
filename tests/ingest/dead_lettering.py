"""Dead letters as Event Grid writes them."""

import json
import uuid
from typing import Any

from azure.storage.blob import ContainerClient

from callvault.ingest.dead_letters import DELIVERED


def dead_lettered(event: dict[str, Any]) -> dict[str, Any]:
    """Make an event as Event Grid writes it into a dead letter."""
    return {
        **event,
        "deadLetterReason": "UndeliverableDueToHttpBadRequest",
        "deliveryAttempts": 1,
        "lastDeliveryOutcome": "BadRequest",
        "publishTime": "2026-07-27T15:20:34.5Z",
        "lastDeliveryAttemptTime": "2026-07-27T15:20:35.5Z",
    }


def put(container: ContainerClient, body: Any, folder: str = "CALLVAULT") -> str:
    name = f"{folder}/2026/7/27/15/{uuid.uuid4()}.json"
    container.upload_blob(name, body if isinstance(body, bytes) else json.dumps(body).encode())
    return name


def marked(container: ContainerClient) -> set[str]:
    listed = container.list_blobs(include=["metadata"])
    return {blob.name for blob in listed if DELIVERED in (blob.metadata or {})}
