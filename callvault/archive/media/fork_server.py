"""Processes for untrusted files, forked from one that has loaded the parser and seen no file.

To start Python and load libmediainfo takes fifty times as long as to parse a file. So a server does
that once; each file still gets a process of its own, a fork with pipes of its own, which confines
itself, is killed when its file is done, and leaves nothing to the next one. The server is told what
to do on its standard input, a socket that the fork does not have.
"""

import atexit
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import BinaryIO, NamedTuple

from callvault.errors import ConfigurationError

MAX_IDLE_SERVERS = 2
"""Servers that are kept for the next file; each has some 30 MiB."""

_ANSWER_TIMEOUT = 60.0
"""Seconds for a server to start and fork, or to end a fork."""

_MAX_MESSAGE = 256
_END = b"."


class Process(NamedTuple):
    """A process that reads an untrusted file."""

    requests: BinaryIO
    """Its standard output."""
    answers: BinaryIO
    """Its standard input."""
    kill: Callable[[], None]
    """Ends it at once."""


@contextmanager
def starting() -> Iterator[None]:
    """Raise `ConfigurationError` where a process for a file does not start."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"the parser of media files does not start: {error}. It needs libmediainfo, which the"
            " package pymediainfo has for most systems, and room on this host for a process",
            owner="callvault",
        ) from error


class ForkServers:
    """Servers of one module, each for one file at a time. Thread-safe."""

    def __init__(self, module: str, environment: dict[str, str]) -> None:
        self._module = module
        self._environment = environment
        self._idle: list[_Server] = []
        self._lock = Lock()
        atexit.register(self.close)

    @contextmanager
    def process(self, arguments: Sequence[int]) -> Iterator[Process]:
        """Fork a process for one file; ends it with the block.

        `ConfigurationError` where none can be had, which says nothing about the file.
        """
        server, process = self._begun(arguments)
        try:
            yield process
        finally:
            server.end(process)
            self._release(server)

    def close(self) -> None:
        """End all servers that are idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for server in idle:
            server.close()

    def _begun(self, arguments: Sequence[int]) -> "tuple[_Server, Process]":
        while (server := self._used()) is not None:
            try:
                return server, server.begin(arguments)
            except OSError:  # it was killed meanwhile
                server.close()
        with starting():
            server = _Server(self._module, self._environment)
            try:
                return server, server.begin(arguments)
            except OSError:
                server.close()
                raise

    def _used(self) -> "_Server | None":
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _release(self, server: "_Server") -> None:
        with self._lock:
            is_kept = server.is_alive and len(self._idle) < MAX_IDLE_SERVERS
            if is_kept:
                self._idle.append(server)
        if not is_kept:
            server.close()


class _Server:
    """One server; where it does not do what it is asked, it is ended with its fork."""

    def __init__(self, module: str, environment: dict[str, str]) -> None:
        self._control, theirs = socket.socketpair()
        self._control.settimeout(_ANSWER_TIMEOUT)
        self._fork: int | None = None
        self._lock = Lock()
        with theirs:
            self._child = subprocess.Popen(  # noqa: S603 - our own module
                # isolated: no variable and no folder of the user's has a say in what it loads
                [sys.executable, "-I", "-m", module],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd="/",
                start_new_session=True,
            )

    @property
    def is_alive(self) -> bool:
        return self._child.poll() is None

    def begin(self, arguments: Sequence[int]) -> Process:
        """Have a process forked; `OSError` where the server is gone."""
        requests, their_requests = os.pipe()
        their_answers, answers = os.pipe()
        message = " ".join(map(str, arguments)).encode()
        process = Process(os.fdopen(requests, "rb"), os.fdopen(answers, "wb"), self._kill_fork)
        try:
            socket.send_fds(self._control, [message], [their_answers, their_requests])
            told = self._control.recv(_MAX_MESSAGE)
            if not told.isdigit():
                raise BrokenPipeError("it ended at once")
            self._fork = int(told)
        except OSError:
            _close(process)
            raise
        finally:
            os.close(their_answers)
            os.close(their_requests)
        return process

    def end(self, process: Process) -> None:
        """Have the fork killed; a server that does not say so is ended itself."""
        _close(process)
        with self._lock:
            self._fork = None
        try:
            self._control.sendall(_END)
            ended = self._control.recv(1) == _END
        except OSError:
            ended = False
        if not ended:
            self._end_all()

    def close(self) -> None:
        self._end_all()
        self._control.close()

    def _kill_fork(self) -> None:
        with self._lock:
            # its number stays its own: the server waits for it only after `end`
            if self._fork is not None:
                os.kill(self._fork, signal.SIGKILL)

    def _end_all(self) -> None:
        """End the server, and its fork, which is of its group."""
        # of a child that was waited for, the number may be another's by now
        if self._child.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()


def _close(process: Process) -> None:
    process.requests.close()
    with suppress(BrokenPipeError):  # the rest of the input has no reader any more
        process.answers.close()


def serve(work: Callable[[Sequence[int]], None]) -> None:
    """Fork for each request that comes on standard input, until that ends.

    The fork calls ``work`` with the request's arguments; its standard input and output are pipes.
    """
    with socket.socket(fileno=os.dup(0)) as control:
        while True:
            message, pipes, _, _ = socket.recv_fds(control, _MAX_MESSAGE, 2)
            if not message:
                return
            child = os.fork()
            if not child:
                control.close()
                _run(work, message, pipes)
            for each in pipes:
                os.close(each)
            control.sendall(str(child).encode())
            # the end of the file, or of whoever asked for it
            ended = control.recv(1)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            if not ended:
                return
            control.sendall(_END)


def _run(work: Callable[[Sequence[int]], None], message: bytes, pipes: list[int]) -> None:
    """Do the work of a fork, and end it."""
    try:
        for target, pipe in enumerate(pipes):
            os.dup2(pipe, target)
            os.close(pipe)
        work([int(each) for each in message.split()])
        sys.stdout.flush()
    finally:
        os._exit(0)
