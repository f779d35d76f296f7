"""The transport of the Azure SDK, whose time-out to connect covers the name of the host, too."""

import socket
from typing import Any

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from callvault import name_service

SDK_CONNECTIONS = 10
"""Connections that are kept alive for one host by default, as the SDK does."""


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


def bounded_transport(
    max_connections: int = SDK_CONNECTIONS, **timeouts: float
) -> RequestsTransport:
    """Make the transport of one client, which closes it; so many connections are kept alive.

    ``timeouts`` are ``connection_timeout`` and ``read_timeout`` in seconds: the SDK's clients give
    none to a transport that they did not make.
    """
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(pool_maxsize=max_connections))
    return RequestsTransport(session=session, **timeouts)
