"""httpx's transports by way of the environment's proxies, as `callvault.proxies` reads them."""

from typing import Any

import httpx

from callvault.name_service import NetworkBackend
from callvault.proxies import proxy_for

_PORTS = {"https": 443, "http": 80}


def _proxy(url: httpx.URL) -> str | None:
    return proxy_for(url.scheme, url.host, url.port or _PORTS.get(url.scheme, 0))


class Transport(httpx.BaseTransport):
    """A transport that takes the environment's proxy, or none, for each request."""

    def __init__(self, **options: Any) -> None:
        """``options`` are those of `httpx.HTTPTransport`."""
        self._options = {"verify": httpx.create_ssl_context(), **options}
        self._made: dict[str | None, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; `ConfigurationError` where the environment cannot be read."""
        return self._by(_proxy(request.url)).handle_request(request)

    def close(self) -> None:
        """Close every connection."""
        for transport in self._made.values():
            transport.close()

    def _by(self, proxy: str | None) -> httpx.HTTPTransport:
        # Of two threads that make one at the same time, one is used: no connection is open yet.
        made = self._made.get(proxy)
        return made or self._made.setdefault(proxy, self._make(proxy))

    def _make(self, proxy: str | None) -> httpx.HTTPTransport:
        made = httpx.HTTPTransport(proxy=proxy, **self._options)
        # httpx passes none on to httpcore, whose public option it is.
        made._pool._network_backend = NetworkBackend()
        return made


class AsyncTransport(httpx.AsyncBaseTransport):
    """The same for asyncio."""

    def __init__(self, **options: Any) -> None:
        """``options`` are those of `httpx.AsyncHTTPTransport`."""
        self._options = {"verify": httpx.create_ssl_context(), **options}
        self._made: dict[str | None, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; `ConfigurationError` where the environment cannot be read."""
        proxy = _proxy(request.url)
        if proxy not in self._made:
            self._made[proxy] = httpx.AsyncHTTPTransport(proxy=proxy, **self._options)
        return await self._made[proxy].handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        for transport in self._made.values():
            await transport.aclose()
