"""One interface to the official clients, synchronous and asynchronous."""

from collections.abc import AsyncIterator
from inspect import isawaitable
from typing import Any

from azure.core.exceptions import HttpResponseError

from tests.contract.sdks import Sdk


class Client:
    """The operations of the SDK's client that tests use, each called unchanged."""

    def __init__(self, official: Any) -> None:
        self.official = official
        self.started: list[str] = []

    async def start(self, *locator: Any, **options: Any) -> Any:
        properties = await self._call("start_recording", *locator, **options)
        self.started.append(properties.recording_id)
        return properties

    async def state(self, recording_id: str) -> Any:
        return await self._call("get_recording_properties", recording_id)

    async def pause(self, recording_id: str) -> None:
        await self._call("pause_recording", recording_id)

    async def resume(self, recording_id: str) -> None:
        await self._call("resume_recording", recording_id)

    async def stop(self, recording_id: str) -> None:
        await self._call("stop_recording", recording_id)

    async def delete(self, location: str) -> None:
        await self._call("delete_recording", location)

    async def pieces(self, location: str, **span: int) -> AsyncIterator[bytes]:
        """Yield the bytes; the SDK declares an iterable and returns a response (#42835)."""
        stream = await self._call("download_recording", location, **span)
        pieces = stream.iter_bytes()
        if hasattr(pieces, "__aiter__"):
            async for piece in pieces:
                yield piece
        else:
            for piece in pieces:
                yield piece

    async def read(self, location: str, **span: int) -> bytes:
        return b"".join([piece async for piece in self.pieces(location, **span)])

    async def close(self) -> None:
        await _awaited(self.official.close())

    async def _call(self, operation: str, *arguments: Any, **options: Any) -> Any:
        try:
            return await _awaited(getattr(self.official, operation)(*arguments, **options))
        except HttpResponseError as error:
            response: Any = error.response
            if response is not None:  # that of a download would stay open
                await _awaited(response.close())
            raise


async def _awaited(result: Any) -> Any:
    return await result if isawaitable(result) else result


def order(sdk: Sdk, content: str = "AUDIO", channel: str = "MIXED", form: str = "WAV") -> Any:
    """Return the options of a start, in the SDK's own enumerations."""
    return {
        "recording_content_type": sdk.api.RecordingContent[content],
        "recording_channel_type": sdk.api.RecordingChannel[channel],
        "recording_format_type": sdk.api.RecordingFormat[form],
    }
