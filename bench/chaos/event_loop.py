"""The event loop beside the main thread, which runs everything but the faults."""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol, Self, TypeVar

import uvicorn
from starlette.applications import Starlette

from callvault.gateway.connections import KEEP_ALIVE_TIMEOUT

Result = TypeVar("Result")


class Served(Protocol):
    """A proxy, which has an application."""

    def app(self) -> Starlette: ...


class EventLoop:
    """An event loop in a thread of its own, with the proxy's server on it.

    The main thread cannot have a loop, because it waits for processes.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="field", daemon=True)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._serving: Future[None] | None = None
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def begin(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        """Start a coroutine on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def do(self, work: Coroutine[Any, Any, Result], timeout: float) -> Result:
        """Run a coroutine on the loop, and wait for its result."""
        return self.begin(work).result(timeout)

    def serve(self, proxy: Served) -> None:
        """Serve the proxy from now on."""
        config = uvicorn.Config(
            proxy.app(),
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            timeout_keep_alive=KEEP_ALIVE_TIMEOUT,
        )
        self._server = uvicorn.Server(config)
        # Not serve(), which would replace the supervisor's signal handlers.
        self._serving = self.begin(self._server._serve([self._socket]))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_serving()
        with suppress(TimeoutError):
            self.do(_end_of_all(), timeout=10)
        # Only now, for the cancelled tasks needed the loop to come to their end.
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._socket.close()

    def _stop_serving(self) -> None:
        """Let the server close its connections, without waiting for requests under way."""
        if self._serving is not None:
            self._server.should_exit = self._server.force_exit = True
            with suppress(TimeoutError):
                self._serving.result(10)


async def _end_of_all() -> None:
    """Cancel all tasks that still run."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
