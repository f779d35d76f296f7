"""Transports that send every https request to the emulator; injected into the unmodified SDK.

`from_connection_string` always speaks https, and since 1.6.0 the SDK downloads only from https
URLs on Microsoft's hosts. The emulator serves plain http on loopback.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core.pipeline.transport import AioHttpTransport, RequestsTransport

from tests.contract.addresses import on_emulator


class EmulatorTransport(RequestsTransport):
    def __init__(self, endpoint: str) -> None:
        super().__init__(use_env_settings=False)
        self._endpoint = endpoint

    def send(self, request: Any, **options: Any) -> Any:
        with _led_to(self._endpoint, request):
            return super().send(request, **options)


class AsyncEmulatorTransport(AioHttpTransport):
    def __init__(self, endpoint: str) -> None:
        super().__init__(use_env_settings=False)
        self._endpoint = endpoint

    async def send(self, request: Any, **options: Any) -> Any:
        with _led_to(self._endpoint, request):
            return await super().send(request, **options)


@contextmanager
def _led_to(endpoint: str, request: Any) -> Iterator[None]:
    """Change a request's URL for one sending only: a retry and tokens need the https URL."""
    address = request.url
    request.url = on_emulator(address, endpoint)
    try:
        yield
    finally:
        request.url = address
