"""Early deletion: files are deleted at the service before they are fetched."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from bench.chaos.client import Backend
from callvault.acs.client import AcsClient
from callvault.acs.credentials import parse_connection_string
from callvault.errors import CallvaultError
from callvault.local.stack_settings import LocalEmulator

MAX_POLLS = 60
"""Number of requests for the files of a call."""
POLL_INTERVAL = 0.3


@dataclass
class EarlyDeletion:
    emulator: Callable[[], LocalEmulator]
    """Its key may be rotated."""
    backend: Backend
    documents: set[str] = field(default_factory=set)
    """Ids of the deleted documents."""

    async def delete_files(self, call_id: str) -> None:
        """Delete all files of a call, as soon as there are some."""
        for _ in range(MAX_POLLS):
            truth = await self.backend.truth(call_id)
            chunks = [chunk for one in truth["recordings"] for chunk in one["chunks"]]
            if chunks:
                for chunk in chunks:
                    await asyncio.to_thread(self._delete, chunk["deleteLocation"])
                    self.documents.add(chunk["documentId"])
                return
            await asyncio.sleep(POLL_INTERVAL)

    def _delete(self, location: str) -> None:
        endpoint, key = parse_connection_string(self.emulator().connection_string)
        client = AcsClient(endpoint, key)
        try:
            client.delete_content(location)
        except (CallvaultError, httpx.HTTPError):
            pass  # an injected fault; the checker sees whether the file was deleted
        finally:
            client.close()
