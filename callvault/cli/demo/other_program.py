"""The program of the demo that records by itself: it has ACS's key, and knows no Callvault."""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import TypeVar

from callvault.acs.client import AcsClient
from callvault.acs.credentials import parse_connection_string
from callvault.acs.models import Repeatability, ServerCallLocator, StartRecording
from callvault.cli.demo.call import Call

T = TypeVar("T")


class OtherProgram:
    """A program that starts and controls the recording of one call, by ACS's own API."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._recording_id = ""

    async def starts(self) -> None:
        """Record the call, and wait until ACS really does."""
        locator = ServerCallLocator(server_call_id=self._call.server_call_id)
        identity = Repeatability(request_id=uuid.uuid4(), first_sent=datetime.now(UTC))
        request = StartRecording(call_locator=locator)
        started = await self._asks(lambda acs: acs.start(request, identity))
        self._recording_id = started.recording_id
        async with asyncio.timeout(20):
            while await self._state() != "active":  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def pauses(self) -> None:
        """Pause the recording."""
        await self._asks(lambda acs: acs.pause(self._recording_id, self._call.server_call_id))

    async def resumes(self) -> None:
        """Resume the recording."""
        await self._asks(lambda acs: acs.resume(self._recording_id, self._call.server_call_id))

    async def _state(self) -> str:
        ids = self._recording_id, self._call.server_call_id
        return (await self._asks(lambda acs: acs.get_state(*ids))).recording_state

    async def _asks(self, what: Callable[[AcsClient], T]) -> T:
        endpoint, key = parse_connection_string(self._call.stack.emulator.connection_string)
        with closing(AcsClient(endpoint, key)) as acs:
            return await asyncio.to_thread(what, acs)
