"""Is Ctrl-C clean, also where the caller ignores it?"""

import asyncio
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import pytest

from callvault.__main__ import main

from .conftest import Terminal

SOON = 20.0


class SilentServer:
    """A server that hangs: it takes connections and never answers."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._connections = ExitStack()
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"

    def is_asked(self) -> None:
        """Wait until somebody connects."""
        self._listener.settimeout(60)
        self._connections.enter_context(self._listener.accept()[0])

    def ends(self) -> None:
        self._connections.close()


@contextmanager
def silent_server() -> Iterator[SilentServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = SilentServer(listener)
        yield server
        server.ends()


def started(
    *words: str,
    address: str,
    output: int = subprocess.PIPE,
    sigint: signal.Handlers = signal.SIG_DFL,
    stdin: int | None = None,
    environment: Mapping[str, str] = {},
) -> subprocess.Popen[bytes]:
    """Start a command that finds this effect of SIGINT, whatever the tests' own is."""
    before = signal.signal(signal.SIGINT, sigint)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "callvault", *words],
            env=os.environ | {"TEMPORAL_ADDRESS": address} | environment,
            stdin=stdin,
            stdout=output,
            stderr=output if output != subprocess.PIPE else subprocess.PIPE,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("words", [("recordings", "list"), ("recordings", "pause", "a-call")])
def test_ctrl_c_ends_a_command_that_waits_without_a_traceback(words: tuple[str, ...]) -> None:
    with silent_server() as server, started(*words, address=server.address) as process:
        server.is_asked()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SOON)
    assert process.returncode == 128 + signal.SIGINT
    assert b"Traceback" not in said


@pytest.mark.parametrize("words", [("reconcile",), ("setup",), ("doctor",)])
async def test_ctrl_c_ends_a_command_whose_archive_does_not_answer(
    terminal: Terminal, words: tuple[str, ...]
) -> None:
    """A thread waits for it, and would be waited for."""
    with silent_server() as archive:
        settings = {
            "CALLVAULT_ARCHIVES__MAIN__KIND": "azure_blob",
            "CALLVAULT_ARCHIVES__MAIN__CONTAINER": "recordings",
            "CALLVAULT_ARCHIVES__MAIN__CONNECTION_STRING": "env:STORAGE",
            "STORAGE": f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=c2VjcmV0;"
            f"BlobEndpoint=http://{archive.address}/a",
        }
        with started(*words, address=terminal.address, environment=settings) as process:
            await asyncio.to_thread(archive.is_asked)
            process.send_signal(signal.SIGINT)
            _, said = await asyncio.to_thread(process.communicate, timeout=SOON)
    assert process.returncode == 128 + signal.SIGINT, said
    assert b"Traceback" not in said


async def test_ctrl_c_ends_a_command_that_reads_standard_input(terminal: Terminal) -> None:
    with started("events", "deliver", "-", address=terminal.address, stdin=subprocess.PIPE) as it:
        assert it.stdin is not None
        # More than a pipe holds: it is written once the command reads.
        await asyncio.to_thread(it.stdin.write, b" " * (1 << 20))
        it.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(it.wait, SOON) == 128 + signal.SIGINT


CALLERS = pytest.mark.parametrize("callers", [signal.SIG_DFL, signal.SIG_IGN])
"""The effect of SIGINT that a command finds: it is ignored in the background of a script."""


@CALLERS
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_gateway_that_was_asked_to_end_has_ended_well(
    signum: signal.Signals, callers: signal.Handlers
) -> None:
    with started(
        "gateway",
        address="127.0.0.1:1",
        environment={"CALLVAULT_GATEWAY__PORT": "0"},
        sigint=callers,
    ) as it:
        assert it.stdout
        assert b"endpoint" in it.stdout.readline()
        it.send_signal(signum)
        assert it.wait(SOON) == 0


@CALLERS
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
async def test_a_worker_that_was_asked_to_end_has_ended_well(
    signum: signal.Signals, callers: signal.Handlers, terminal: Terminal
) -> None:
    with started("worker", address=terminal.address, sigint=callers) as it:
        try:
            assert it.stdout
            assert b"ready" in await asyncio.to_thread(it.stdout.readline)
            it.send_signal(signum)
            assert await asyncio.to_thread(it.wait, SOON) == 0
        finally:
            it.kill()


@CALLERS
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_emulator_that_was_asked_to_end_has_ended_well(
    signum: signal.Signals, callers: signal.Handlers
) -> None:
    words = ("emulator", "--port", "0", "--media", "sparse")
    with started(*words, address="127.0.0.1:1", sigint=callers) as it:
        assert it.stdout
        assert b"endpoint" in it.stdout.readline()
        it.send_signal(signum)
        assert it.wait(SOON) == 0


def test_where_the_caller_ignores_sigint_sigterm_ends_a_command() -> None:
    """As in the background of a script, where a Ctrl-C is meant for others."""
    words = ("recordings", "list")
    with (
        silent_server() as server,
        started(*words, address=server.address, sigint=signal.SIG_IGN) as process,
    ):
        server.is_asked()
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        process.terminate()
        _, said = process.communicate(timeout=SOON)
    assert process.returncode == -signal.SIGTERM
    assert b"Traceback" not in said


@pytest.mark.parametrize(
    ("before", "while_it_loads"),
    [(signal.default_int_handler, signal.SIG_DFL), (signal.SIG_IGN, signal.SIG_IGN)],
)
def test_ctrl_c_while_a_command_loads_is_no_traceback(
    before: Any, while_it_loads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    class Loading(ModuleType):
        def __getattr__(self, name: str) -> Any:
            seen.append(signal.getsignal(signal.SIGINT))
            return lambda: seen.append(signal.getsignal(signal.SIGINT))

    monkeypatch.setitem(sys.modules, "callvault.cli.main", Loading("loading"))
    ours = signal.signal(signal.SIGINT, before)
    try:
        main()
    finally:
        signal.signal(signal.SIGINT, ours)
    assert seen[0] == while_it_loads
    assert seen[-1] == before


@CALLERS
async def test_the_watch_goes_on_until_ctrl_c_which_is_its_good_end(
    terminal: Terminal, callers: signal.Handlers
) -> None:
    kept = await terminal.kept(f"watched-{callers.name}")
    ours, theirs = pty.openpty()
    process = started(
        "recordings", "list", "--watch", address=terminal.address, output=theirs, sigint=callers
    )
    os.close(theirs)
    try:
        shown = await asyncio.to_thread(read_until, ours, kept.id.encode())
        assert b"Ctrl-C ends this" in shown
        process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, SOON) == 0
        assert b"Traceback" not in rest(ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_until(descriptor: int, words: bytes) -> bytes:
    shown, end = b"", time.monotonic() + 60
    while (words not in shown or b"Ctrl-C" not in shown) and time.monotonic() < end:
        shown += os.read(descriptor, 4096)
    return shown


def rest(descriptor: int) -> bytes:
    shown = b""
    try:
        while data := os.read(descriptor, 4096):
            shown += data
    # Linux says so where the other end of a terminal is closed.
    except OSError:
        pass
    return shown
