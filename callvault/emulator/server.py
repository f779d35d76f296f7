"""The emulator as a server: in a process of its own, or in a thread of a test."""

import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from callvault.emulator.emulator import Emulator
from callvault.emulator.http.app import build_app
from callvault.emulator.http.control import PREFIX
from callvault.emulator.http.response_faults import BreakableProtocol
from callvault.emulator.settings import EmulatorSettings

_SHUTDOWN_TIMEOUT = 1
"""Seconds that requests in progress get when the server stops."""
_START_TIMEOUT = 10.0
_KEEP_ALIVE_TIMEOUT = 300
"""Seconds that a connection may idle: longer than clients keep one, see the gateway's."""


@dataclass(frozen=True, slots=True)
class RunningEmulator:
    """The addresses of a running emulator."""

    endpoint: str
    """The endpoint of the resource: base URL of control and content, without a trailing slash."""
    connection_string: str
    control: str
    """Base URL of the control API."""
    topic: str
    """The resource id, as it stands in the events."""
    content_endpoint: str
    """Base URL of the second listener, which stands for the service's content hosts."""

    def announcement(self) -> str:
        """Render the addresses as one line of JSON, for the parent process."""
        return json.dumps(
            {
                "endpoint": self.endpoint,
                "connectionString": self.connection_string,
                "control": self.control,
                "topic": self.topic,
                "contentEndpoint": self.content_endpoint,
            }
        )


def serve(settings: EmulatorSettings) -> None:
    """Run until SIGTERM or SIGINT; announce the addresses on standard output once listening."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with running(settings) as emulator:
        sys.stdout.write(emulator.announcement() + "\n")
        # The parent waits for this line, which a pipe would hold back.
        sys.stdout.flush()
        stop.wait()


@contextmanager
def running(settings: EmulatorSettings | None = None) -> Iterator[RunningEmulator]:
    """Run an emulator in a thread of this process, stopped on leaving the block."""
    settings = settings or EmulatorSettings()
    host = settings.host
    with _bound(host, settings.port) as listener, _bound(host, settings.content_port) as content:
        emulator = Emulator(
            settings,
            settings.public_url or _address(listener, host),
            settings.public_content_url or _address(content, host),
            content.getsockname()[1],
        )
        try:
            with _served(emulator, [listener, content]):
                yield _described(emulator)
        finally:
            # After the server, whose requests need it.
            emulator.close()


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off: 1 ms a request, not 44.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        # A restart on the same port must not wait for connections in TIME_WAIT.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        yield listener


@contextmanager
def _served(emulator: Emulator, listeners: list[socket.socket]) -> Iterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(
            build_app(emulator),
            # Faults that break a connection need the transport below it.
            http=BreakableProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,  # a test that runs the emulator has logging of its own
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_TIMEOUT,
            timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT,
        )
    )
    # Not in the main thread, where uvicorn would install signal handlers of its own.
    thread = threading.Thread(target=server.run, args=(listeners,), name="emulator-server")
    thread.start()
    try:
        _await_start(server, thread)
        yield
    finally:
        server.should_exit = True
        thread.join()


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the emulator's server did not start; see the log for the reason")
        time.sleep(0.005)


def _address(listener: socket.socket, host: str) -> str:
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _described(emulator: Emulator) -> RunningEmulator:
    settings = emulator.settings
    return RunningEmulator(
        endpoint=emulator.endpoint,
        connection_string=f"endpoint={emulator.endpoint}/;accesskey={emulator.keys.current[0]}",
        control=emulator.endpoint + PREFIX,
        topic=settings.topic,
        content_endpoint=emulator.content_host,
    )
