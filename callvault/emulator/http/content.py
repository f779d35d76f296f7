"""Recorded files over HTTP: content, metadata, deletion, on the paths of the real content hosts."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callvault.emulator.emulator import Emulator
from callvault.emulator.http.requests import read_signed, target
from callvault.emulator.wire import ranges

PREFIX = "/v1/objects/"

AMS_UNAUTHORIZED = {"title": "Unauthorized", "status": 401, "message": "Unauthorized"}
"""The body that content hosts of 2023 give a 401."""


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
        behaviours = self._emulator.behaviours.now
        if behaviours.content_redirect and self._at_location(request):
            return Response(status_code=302, headers={"Location": self._elsewhere(request)})
        return ranges.serve(request, file, int(behaviours.range_status))

    async def delete(self, request: Request) -> Response:
        await read_signed(request, self._emulator)
        found = self._emulator.storage.delete(request.path_params["document_id"])
        return Response(status_code=200 if found else 404)

    def _at_location(self, request: Request) -> bool:
        """Whether this is the host that events name, not the one it redirects to."""
        port: int = request.scope["server"][1]
        at_content_host = port == self._emulator.content_port
        return at_content_host is (self._emulator.behaviours.now.content_host == "other")

    def _elsewhere(self, request: Request) -> str:
        hosts = {self._emulator.endpoint, self._emulator.content_host}
        (other,) = hosts - {self._emulator.file_locations}
        return other + target(request)
