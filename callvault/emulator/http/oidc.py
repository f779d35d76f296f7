"""The OpenID configuration and keys with which receivers of callbacks check their tokens."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callvault.emulator.credentials import CONFIGURATION_PATH, KEYS_PATH
from callvault.emulator.emulator import Emulator


class OpenId:
    """Routes of the OpenID documents; public, as the service's are."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        return [Route(CONFIGURATION_PATH, self.configuration), Route(KEYS_PATH, self.keys)]

    async def configuration(self, _: Request) -> Response:
        return JSONResponse(self._emulator.signer.configuration(self._emulator.endpoint))

    async def keys(self, _: Request) -> Response:
        # In a thread: the first use makes an RSA key, which takes a while.
        return JSONResponse(await run_in_threadpool(self._emulator.signer.keys))
