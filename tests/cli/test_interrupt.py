"""Is Ctrl-C clean, also where the caller ignores it?"""

import asyncio
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import Terminal

CALLVAULT = str(Path(sys.executable).with_name("callvault"))
SOON = 20.0


@contextmanager
def silent_server() -> Iterator[str]:
    """Listen and never answer, as a server that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def started(
    *words: str, address: str, output: int = subprocess.PIPE, ignores_sigint: bool = False
) -> subprocess.Popen[bytes]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if ignores_sigint else None
    try:
        return subprocess.Popen(
            [CALLVAULT, *words],
            env=os.environ | {"TEMPORAL_ADDRESS": address},
            stdout=output,
            stderr=output if output != subprocess.PIPE else subprocess.PIPE,
            start_new_session=True,
        )
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("words", [("recordings", "list"), ("recordings", "pause", "a-call")])
def test_ctrl_c_ends_a_command_that_waits_without_a_traceback(words: tuple[str, ...]) -> None:
    with silent_server() as address, started(*words, address=address) as process:
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SOON)
    assert process.returncode == 128 + signal.SIGINT
    assert b"Traceback" not in said


def test_where_the_caller_ignores_sigint_sigterm_ends_a_command() -> None:
    """As in the background of a script, where a Ctrl-C is meant for others."""
    words = ("recordings", "list")
    with (
        silent_server() as address,
        started(*words, address=address, ignores_sigint=True) as process,
    ):
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        process.terminate()
        _, said = process.communicate(timeout=SOON)
    assert process.returncode == -signal.SIGTERM
    assert b"Traceback" not in said


async def test_the_watch_goes_on_until_ctrl_c_which_is_its_good_end(terminal: Terminal) -> None:
    kept = await terminal.kept("watched")
    ours, theirs = pty.openpty()
    process = started("recordings", "list", "--watch", address=terminal.address, output=theirs)
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
