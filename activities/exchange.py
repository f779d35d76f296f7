"""A request to a receiver that nobody vouches for: one deadline for all of it, from name to answer.

httpx limits each step: a receiver that sends one byte now and then holds its caller for ever, and
one that answers with gibibytes fills the memory. So the exchange runs in a thread of its own, which
is cut off at the deadline, and of the answer nothing but the status is read.
"""

import contextvars
import socket
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import Any

import httpx


def post(
    http: httpx.Client, url: str, *, content: bytes, headers: Mapping[str, str], timeout: float
) -> int:
    """Post once and return the status of the answer; ``timeout`` is in seconds, for everything.

    Raises `TimeoutError` at the deadline, else what httpx raises.
    """
    exchange = _Exchange(http, url, content, headers, timeout)
    # The context holds the span within which the request is traced.
    work = contextvars.copy_context().run
    Thread(target=work, args=(exchange.run,), name="exchange", daemon=True).start()
    try:
        return exchange.status.result(timeout)
    except TimeoutError:
        exchange.cut()
        raise


class _Exchange:
    """One request and its answer, which another thread can cut off."""

    def __init__(
        self,
        http: httpx.Client,
        url: str,
        content: bytes,
        headers: Mapping[str, str],
        timeout: float,
    ) -> None:
        self._http = http
        # A connection of its own, closed afterwards: what is not read of an answer goes with it.
        own = {**headers, "connection": "close", "accept-encoding": "identity"}
        self._request = http.build_request(
            "POST", url, content=content, headers=own, timeout=timeout
        )
        self._request.extensions["trace"] = self._note
        self._streams: list[Any] = []
        self._is_cut = False
        self.status: Future[int] = Future()

    def run(self) -> None:
        """Post, and tell the status or the error."""
        try:
            answer = self._http.send(self._request, stream=True)
            self.status.set_result(answer.status_code)
            answer.close()
        except BaseException as error:
            if not self.status.done():
                self.status.set_exception(error)

    def cut(self) -> None:
        """Close the connection, whatever is under way on it."""
        self._is_cut = True
        for stream in self._streams:
            _shut(stream)

    def _note(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember the connection: httpcore tells of each step."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._streams.append(info["return_value"])
            if self._is_cut:
                _shut(info["return_value"])


def _shut(stream: Any) -> None:
    with suppress(OSError, ValueError):  # closed already, or taken over by its TLS
        stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
