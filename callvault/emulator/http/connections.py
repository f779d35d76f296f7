"""``/calling/callConnections``: which call a connection is one end of, and nothing more."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callvault.emulator.emulator import Emulator
from callvault.emulator.errors import connection_not_found
from callvault.emulator.http.requests import read_signed
from callvault.emulator.http.versions import BETA_VERSIONS, STABLE_VERSIONS, check_version


class CallConnections:
    """The connections of calls; the emulator has one for each call, as recordings name them."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        return [Route("/calling/callConnections/{call_connection_id}", self.get, methods=["GET"])]

    async def get(self, request: Request) -> Response:
        await read_signed(request, self._emulator)
        check_version(request, (*STABLE_VERSIONS, *BETA_VERSIONS))
        wanted = request.path_params["call_connection_id"]
        call = self._emulator.calls.find("call_connection_id", wanted)
        if call is None or call.ended_at:
            raise connection_not_found()
        return JSONResponse(
            {
                "callConnectionId": call.call_connection_id,
                "serverCallId": call.server_call_id,
                "callConnectionState": "connected",
                "correlationId": call.call_id,
            }
        )
