"""Host names are resolved in threads of their own, with a time-out.

The system's resolver knows none: with a name server that does not answer it blocks its caller for
tens of seconds, and a few callers of one host would hold up the threads of all others.
"""

import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Any

import httpcore

from callvault.causes import Cause
from callvault.deadlines import BoundedStream


class NoAnswer(TimeoutError):
    """The name service has not answered in time."""

    def __init__(self) -> None:
        super().__init__("the name service did not answer in time")


_pending: dict[str, "Future[list[str]]"] = {}
"""The names that are being resolved: one thread each, whoever waits for it."""
_lock = Lock()


def addresses(host: str, timeout: float | None) -> list[str]:
    """Resolve a name within so many seconds; `NoAnswer`, or the `OSError` of the resolver."""
    with _lock:
        answer = _pending.get(host)
        if answer is None:
            answer = _pending[host] = Future()
            Thread(target=_resolve, args=(host, answer), name="resolve", daemon=True).start()
    try:
        return answer.result(timeout)
    except TimeoutError:
        raise NoAnswer from None


def _resolve(host: str, answer: "Future[list[str]]") -> None:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        result = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    except (OSError, UnicodeError) as error:
        problem = error if isinstance(error, OSError) else OSError(f"no host name: {error}")
        _forget(host)
        answer.set_exception(problem)
    else:
        _forget(host)
        answer.set_result(result)


def _forget(host: str) -> None:
    # Nothing is remembered: the system has a cache of its own.
    with _lock:
        del _pending[host]


class NetworkBackend(httpcore.SyncBackend):
    """Connections of httpx whose time-out to connect covers the name, too, and with deadlines."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that takes a connection."""
        problem: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in _addresses(host, timeout):
            try:
                return BoundedStream(
                    super().connect_tcp(address, port, timeout, local_address, socket_options)
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem


def create_connection(
    address: tuple[str, int], timeout: float | None = None, source: Any = None
) -> socket.socket:
    """Connect as `socket.create_connection` does, within a time-out that covers the name, too."""
    host, port = address
    problem = OSError(f"{host} has no address")
    for each in addresses(host, timeout):
        try:
            return socket.create_connection((each, port), timeout, source)
        except OSError as error:
            problem = error
    raise problem


def _addresses(host: str, timeout: float | None) -> list[str]:
    try:
        return addresses(host, timeout)
    except NoAnswer as error:
        raise httpcore.ConnectTimeout(str(error)) from error
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error


def cause_of(error: BaseException) -> Cause | None:
    """Return the cause of a failed connection if it lies in the name of the host."""
    for each in _chain(error):
        if isinstance(each, NoAnswer):
            return Cause.NAME_SERVICE
        if isinstance(each, socket.gaierror):
            # "Temporary failure": the system's own time-out for its name servers.
            return Cause.NAME_SERVICE if each.errno == socket.EAI_AGAIN else Cause.ENDPOINT
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        # The Azure SDK raises its errors out of the reach of what they are about.
        about = getattr(error, "inner_exception", None)
        error = error.__cause__ or error.__context__ or about
