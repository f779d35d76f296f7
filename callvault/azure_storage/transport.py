"""The transport of the Azure SDK: bounded in time, and cheap enough for small files.

Its time-out to connect covers the name of the host, too.
"""

import socket
from typing import Any
from urllib.parse import urlsplit

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from callvault import name_service

SDK_CONNECTIONS = 10
"""Connections that are kept alive for one host by default, as the SDK does."""


_UNUSUAL = ("files", "proxies", "params", "auth", "cookies")
"""Options of a request that the SDK hardly ever gives."""


class _Connection(HTTPConnection):
    """A connection that is made to an address which was resolved in bounded time."""

    def _new_conn(self) -> socket.socket:
        # urllib3 has no public way to bound the name's resolution. Its errors are those of its own
        # method, which requests and the SDK tell apart.
        timeout = self.timeout if isinstance(self.timeout, int | float) else None
        try:
            made = name_service.create_connection((self._dns_host, self.port), timeout)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"no connection to {self.host} in time") from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection to {self.host}: {error}") from error
        for option in self.socket_options or ():
            made.setsockopt(*option)
        return made


class _TlsConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """An adapter of requests whose connections, by way of a proxy or not, are those from above."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager


class _Session(requests.Session):
    """A session that sends what the SDK has made of a request, and adds nothing to it.

    requests reads the environment (proxies, trusted certificates, ``.netrc``) for every request
    anew, and merges it with cookies and defaults: more CPU time than all the rest of a small one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[tuple[str, str], dict[str, Any]] = {}

    def request(self, method: str, url: str, **given: Any) -> requests.Response:  # type: ignore[override]
        """Send a request of the SDK's; one of an unusual kind goes the long way."""
        data = given.get("data")
        is_usual = data is None or isinstance(data, bytes | memoryview)
        if not is_usual or any(given.get(name) for name in _UNUSUAL):
            return super().request(method, url, **given)
        prepared = requests.PreparedRequest()
        prepared.prepare_method(method)
        prepared.prepare_url(url, None)
        prepared.prepare_headers(given["headers"])
        prepared.body = data or None
        prepared.prepare_content_length(prepared.body)
        answer = self.get_adapter(url).send(
            prepared,
            stream=bool(given.get("stream")),
            timeout=given["timeout"],
            **self._environment(url, given),
        )
        if not given.get("stream"):
            _ = answer.content  # reads it
        return answer

    def _environment(self, url: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return proxies and certificates on the way to a host, read once."""
        origin = urlsplit(url)[:2]
        if origin not in self._settings:
            merged = self.merge_environment_settings(url, {}, None, given["verify"], given["cert"])
            self._settings[origin] = {key: merged[key] for key in ("proxies", "verify", "cert")}
        return self._settings[origin]


def bounded_transport(
    max_connections: int = SDK_CONNECTIONS, **timeouts: float
) -> RequestsTransport:
    """Make the transport of one client, which closes it; so many connections are kept alive.

    ``timeouts`` are ``connection_timeout`` and ``read_timeout`` in seconds: the SDK's clients give
    none to a transport that they did not make.
    """
    session = _Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(pool_maxsize=max_connections))
    return RequestsTransport(session=session, **timeouts)
