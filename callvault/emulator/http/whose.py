"""The call that a control request is about, read before the request is carried out."""

import json
from typing import Any

from starlette.types import Message, Receive

from callvault.emulator.emulator import Emulator
from callvault.emulator.http.requests import MAX_BODY
from callvault.emulator.operations import Operation, recording_id_of

_LOCATORS = {
    "serverCallId": "server_call_id",
    "groupCallId": "group_call_id",
    "roomId": "room_id",
}


class ReadAhead:
    """A ``receive`` that gives again what was read ahead, then goes on."""

    def __init__(self, messages: list[Message], receive: Receive) -> None:
        self.body = b"".join(message.get("body", b"") for message in messages)
        self._messages = messages
        self._receive = receive

    async def __call__(self) -> Message:
        return self._messages.pop(0) if self._messages else await self._receive()


async def read_ahead(receive: Receive) -> list[Message]:
    """Read the messages of a body, or the beginning of one that is too large to be taken."""
    messages, size = [await receive()], 0
    while messages[-1].get("more_body") and size <= MAX_BODY:
        messages.append(await receive())
        size += len(messages[-1].get("body", b""))
    return messages


def call_of(operation: Operation, path: str, body: bytes, emulator: Emulator) -> str | None:
    """Return the callId of the call that a control request is about; None if it is unknown."""
    if operation is Operation.START:
        return _located(body, emulator)
    recording_id = recording_id_of(path)
    return emulator.recordings.call_id_of(recording_id) if recording_id else None


def _located(body: bytes, emulator: Emulator) -> str | None:
    start = _object(body)
    if start.get("callConnectionId"):
        call = emulator.calls.find("call_connection_id", str(start["callConnectionId"]))
        return call.call_id if call else None
    locator = start.get("callLocator")
    for name, attribute in _LOCATORS.items():
        value = locator.get(name) if isinstance(locator, dict) else None
        call = emulator.calls.find(attribute, str(value)) if value else None
        if call:
            return call.call_id
    return None


def _object(body: bytes) -> dict[str, Any]:
    # What is no JSON object is refused by the operation itself, in the service's words.
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
