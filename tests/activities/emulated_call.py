"""A call that an emulator records, driven by the emulator's own control interface."""

import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from callvault.acs.client import AcsClient
from callvault.acs.credentials import parse_connection_string
from callvault.acs.models import Repeatability, ServerCallLocator, StartRecording
from callvault.contracts.media import ChannelType, ContentType, FormatType
from callvault.emulator.server import RunningEmulator


class Call:
    """A recorded call of an emulator, of which no event tells."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self._world = httpx.Client(base_url=emulator.control)
        people = [{"displayName": "Ada"}]
        call = self._do("POST", "/calls", {"participants": people})
        self.call_id, self.server_call_id = call["callId"], call["serverCallId"]
        self.client = AcsClient(*parse_connection_string(emulator.connection_string))
        self.recording_id = self._start()
        self._do("POST", "/clock", {"advanceSeconds": 3})

    def _start(self) -> str:
        input = StartRecording(
            call_locator=ServerCallLocator(server_call_id=self.server_call_id),
            recording_content_type=ContentType.AUDIO,
            recording_channel_type=ChannelType.MIXED,
            recording_format_type=FormatType.WAV,
        )
        identity = Repeatability(request_id=uuid4(), first_sent=datetime.now(UTC))
        return self.client.start(input, identity).recording_id

    @property
    def input(self) -> dict[str, str]:
        return {
            "resource": "default",
            "server_call_id": self.server_call_id,
            "recording_id": self.recording_id,
        }

    def becomes(self, state: str) -> None:
        for _ in range(1_000):
            answer = self.client.get_state(self.recording_id, self.server_call_id)
            if answer.recording_state == state:
                return
            time.sleep(0.01)
        raise AssertionError(f"it is never {state}")

    def ends(self) -> dict[str, Any]:
        """The call is over; its file, once there is one."""
        self._do("DELETE", f"/calls/{self.call_id}")
        for _ in range(1_000):
            (recording,) = self._do("GET", f"/calls/{self.call_id}")["recordings"]
            if recording["chunks"]:
                return dict(recording["chunks"][0])
            time.sleep(0.01)
        raise AssertionError("the emulator made no file")

    def close(self) -> None:
        self.client.close()
        self._world.close()

    def _do(self, method: str, path: str, body: object = None) -> Any:
        answer = self._world.request(method, path, json=body).raise_for_status()
        return answer.json() if answer.content else None
