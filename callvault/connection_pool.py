"""Connections for bulk reading, kept alive from one request to the next and from file to file.

Plain `http.client`, because a block then goes from the socket into its buffer without a copy in
between: docs/decisions/0021-bulk-reading.md has the figures.
"""

import base64
import ssl
import time
from collections import defaultdict
from http.client import HTTPConnection, HTTPSConnection
from threading import Lock
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

import httpx

from callvault import name_service
from callvault.proxies import proxy_for

IDLE_TIMEOUT = 20.0
"""Seconds after which an idle connection is not used again: servers close theirs."""

MAX_IDLE = 32
"""Idle connections that are kept for each origin."""


class Origin(NamedTuple):
    """Scheme, host and port of a URL."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: httpx.URL) -> "Origin":
        """Take the origin of ``url``."""
        return cls(url.scheme, url.host, url.port or {"https": 443, "http": 80}[url.scheme])


class ConnectionPool:
    """Idle connections by origin. Thread-safe; a connection belongs to one thread at a time."""

    def __init__(self, *, connect: float, read_timeout: float) -> None:
        """``connect`` and ``read_timeout``: seconds to connect, and to wait for the next bytes."""
        self._connect = connect
        self._read_timeout = read_timeout
        self._idle: dict[Origin, list[tuple[float, HTTPConnection]]] = defaultdict(list)
        self._lock = Lock()
        self._tls: ssl.SSLContext | None = None

    def acquire(self, origin: Origin) -> HTTPConnection:
        """Return an open connection, idle or new; `OSError` where none can be made."""
        return self._used(origin) or self.fresh(origin)

    def fresh(self, origin: Origin) -> HTTPConnection:
        """Open a new connection."""
        connection = self._make(origin)
        # http.client has no public way to bound the name's resolution.
        connection._create_connection = name_service.create_connection  # type: ignore[attr-defined]
        connection.connect()
        # The time-out of the constructor was for connecting; the next bytes may take longer.
        connection.sock.settimeout(self._read_timeout)
        return connection

    def release(self, origin: Origin, connection: HTTPConnection) -> None:
        """Keep a connection whose answer was read to its end."""
        with self._lock:
            if len(self._idle[origin]) < MAX_IDLE:
                self._idle[origin].append((time.monotonic(), connection))
                return
        connection.close()

    def close(self) -> None:
        """Close all idle connections."""
        with self._lock:
            idle, self._idle = self._idle, defaultdict(list)
        for connections in idle.values():
            for _, connection in connections:
                connection.close()

    def _used(self, origin: Origin) -> HTTPConnection | None:
        while True:
            with self._lock:
                if not self._idle[origin]:
                    return None
                # The one used last, which its server is least likely to have closed.
                since, connection = self._idle[origin].pop()
            if connection.sock is not None and time.monotonic() - since < IDLE_TIMEOUT:
                return connection
            connection.close()

    def _make(self, origin: Origin) -> HTTPConnection:
        if origin.scheme == "http":  # loopback alone, see `AllowedHosts`: no proxy is on the way
            return HTTPConnection(origin.host, origin.port, timeout=self._connect)
        proxy = _proxy(origin)
        host, port = (proxy.hostname or "", proxy.port or 80) if proxy else origin[1:]
        connection = HTTPSConnection(host, port, timeout=self._connect, context=self._context())
        if proxy:
            user = f"{unquote(proxy.username or '')}:{unquote(proxy.password or '')}"
            basic = f"Basic {base64.b64encode(user.encode()).decode()}"
            headers = {"Proxy-Authorization": basic} if proxy.username else {}
            connection.set_tunnel(origin.host, origin.port, headers)
        return connection

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            self._tls = self._tls or httpx.create_ssl_context()  # the trust of the other requests
            return self._tls


def _proxy(origin: Origin) -> SplitResult | None:
    """Read the environment's proxy for this origin; None for a direct connection."""
    named = proxy_for(*origin)
    return urlsplit(named) if named else None
