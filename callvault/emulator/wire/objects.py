"""Recorded files over HTTP: content, metadata, deletion, on the paths of the real content hosts."""

import re

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from callvault.emulator.emulator import Emulator

from .requests import read_signed

PREFIX = "/v1/objects/"


_RANGES = re.compile(rb"bytes=\s*(\d+-\d*|-\d+)(\s*,\s*(\d+-\d*|-\d+))*")


class _ServedFile(FileResponse):
    chunk_size = 1 << 18

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, without regard to a malformed range: SDK 1.4.0 always sends ``bytes=None``."""
        headers = [each for each in scope["headers"] if not _is_malformed_range(*each)]
        await super().__call__({**scope, "headers": headers}, receive, send)


def _is_malformed_range(name: bytes, value: bytes) -> bool:
    return name == b"range" and not _RANGES.fullmatch(value)


class Objects:
    """Errors are empty bodies, as the service's content hosts give them."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        return [
            Route(PREFIX + "{document_id}/content/{view}", self.download, methods=["GET"]),
            Route(PREFIX + "{document_id}", self.delete, methods=["DELETE"]),
        ]

    async def download(self, request: Request) -> Response:
        await read_signed(request, self._emulator)
        wanted = request.path_params
        file = self._emulator.storage.find(wanted["document_id"], wanted["view"])
        if file is None:
            return Response(status_code=404)
        return _ServedFile(
            file.path,
            media_type="application/octet-stream",
            headers={"ETag": f'"{file.sha256[:32]}"'},
            stat_result=file.path.stat(),
        )

    async def delete(self, request: Request) -> Response:
        await read_signed(request, self._emulator)
        found = self._emulator.storage.delete(request.path_params["document_id"])
        return Response(status_code=200 if found else 404)
