"""The media parser has neither the worker's environment nor the system (fault C6)."""

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from callvault.archive.media import probe as media_probe
from callvault.archive.media.probe import probe
from tests.archive.sealed import wav

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")

SECRET = "AccountKey=do-not-tell"


def children() -> list[Path]:
    """The processes that this one has started and not yet seen the end of."""
    found = Path("/proc/self/task").glob("*/children")
    return [Path("/proc") / pid for file in found for pid in file.read_text().split()]


class Watched(io.BytesIO):
    """A file that looks at its parser while that waits for bytes."""

    def __init__(self, data: bytes, before: list[Path]) -> None:
        super().__init__(data)
        self._before = before
        self.environments: list[bytes] = []
        self.limits: list[str] = []
        self.statuses: list[str] = []
        self.opened: list[list[str]] = []
        self.folders: list[str] = []

    def read(self, size: int | None = -1) -> bytes:
        (parser,) = [each for each in children() if each not in self._before]
        self.environments.append((parser / "environ").read_bytes())
        self.limits.append((parser / "limits").read_text())
        self.statuses.append((parser / "status").read_text())
        self.opened.append([str(each.readlink()) for each in (parser / "fd").iterdir()])
        self.folders.append(str((parser / "cwd").readlink()))
        return super().read(size)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setenv("CALLVAULT_SECRET", SECRET)
    monkeypatch.setenv("PYTHONPATH", SECRET)
    data = wav(0.5)
    file = Watched(data, children())
    with Path(os.devnull).open("rb") as other:
        os.set_inheritable(other.fileno(), True)
        assert b"PCM" in (probe(file, len(data)) or b"")
    assert file.environments
    return file


def test_c6_the_parser_has_nothing_of_the_workers_environment(watched: Watched) -> None:
    for environment in watched.environments:
        assert environment == b"LC_ALL=C.UTF-8\0"
    assert set(watched.folders) == {"/"}


def test_c6_the_parser_has_two_pipes_and_can_open_nothing_more(watched: Watched) -> None:
    for opened in watched.opened:
        assert all(each.startswith("pipe:") or each == os.devnull for each in opened)
        assert len(opened) == 3
    for limits in watched.limits:
        by_name = {line[:26].strip(): line[26:].split() for line in limits.splitlines()}
        for name in ("Max open files", "Max file size", "Max processes"):
            assert by_name[name][:2] == ["0", "0"]


def test_c6_the_parser_has_no_privileges_and_few_system_calls(watched: Watched) -> None:
    for status in watched.statuses:
        facts = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
        assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")


ATTEMPTS = {
    "open a file": "open('/etc/passwd')",
    "open a socket": "import socket; socket.socket()",
    "signal another process": "os.kill(os.getppid(), 0)",
    "look at a folder": "os.listdir('/')",
    "look at a path": "os.stat('/etc')",
    "remove a file": "os.unlink('/tmp/none')",
    "fork": "os.fork()",
    "run a program": "os.execv('/bin/true', ['true'])",
    "read the parent's environment": "open(f'/proc/{os.getppid()}/environ')",
    "raise a limit": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))",
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_c6_a_confined_process_cannot(attempt: str) -> None:
    program = f"""
import os, socket, resource
from callvault.archive.media.sandbox import confine
confine()
try:
    {attempt}
except (OSError, ValueError):
    print("refused")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("refused\n", 0), done.stderr


TAKEN_OVER = {
    "asks before the file": b"read -1 10",
    "asks behind the file": b"read 99999999 10",
    "asks for everything": b"read 0 99999999999",
    "asks for nothing": b"read 0 0",
    "asks in another script": "read ١ ١".encode(),
    "asks in many words": b"read 0 1 2",
    "talks": b"x" * 1_000_000,
    "says too much": b"report\n" + b"x" * (media_probe.MAX_REPORT + 1),
}


@pytest.mark.parametrize("said", TAKEN_OVER.values(), ids=TAKEN_OVER)
def test_c6_a_parser_that_was_taken_over_gets_no_more_than_the_file(
    said: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "said"
    text.write_bytes(said + b"\n")
    monkeypatch.setattr(media_probe.sys, "executable", program(tmp_path, f"exec cat {text}"))
    assert probe(io.BytesIO(wav(0.1)), len(wav(0.1))) is None


def test_c6_a_parser_that_falls_silent_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_probe.sys, "executable", program(tmp_path, "exec sleep 60"))
    monkeypatch.setattr(media_probe, "SILENCE_TIMEOUT", 0.3)
    began = time.monotonic()
    assert probe(io.BytesIO(wav(0.1)), len(wav(0.1))) is None
    assert time.monotonic() - began < 20


def program(folder: Path, text: str) -> str:
    file = folder / "program"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o700)
    return str(file)
