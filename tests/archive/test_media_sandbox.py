"""The media parser has neither the worker's environment nor the system (fault C6)."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from callvault.archive.media import probe as media_probe
from callvault.archive.media.fork_server import MAX_IDLE_SERVERS
from callvault.archive.media.probe import probe
from callvault.errors import ConfigurationError
from tests.archive.sealed import wav

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")

SECRET = "AccountKey=do-not-tell"


def started_by(process: Path) -> list[Path]:
    """The processes that this one has started and not yet seen the end of."""
    started: list[Path] = []
    for file in (process / "task").glob("*/children"):
        # A thread may end meanwhile.
        with suppress(FileNotFoundError, ProcessLookupError):
            started += [Path("/proc") / pid for pid in file.read_text().split()]
    return started


def leaves(process: Path = Path("/proc/self")) -> list[Path]:
    """The processes at the end of a line: an idle server of parsers, or a parser."""
    started = started_by(process)
    return [leaf for each in started for leaf in leaves(each)] or [process]


def parser_beside(before: list[Path]) -> Path:
    (parser,) = [each for each in leaves() if each not in before]
    return parser


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
        parser = parser_beside(self._before)
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
    file = Watched(data, leaves())
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
    monkeypatch.setattr(media_probe, "_HAS_FORK_SERVER", False)
    text = tmp_path / "said"
    text.write_bytes(said + b"\n")
    monkeypatch.setattr(media_probe.sys, "executable", program(tmp_path, f"exec cat {text}"))
    assert probe(io.BytesIO(wav(0.1)), len(wav(0.1))) is None


def test_c6_a_parser_that_falls_silent_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_probe, "_HAS_FORK_SERVER", False)
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


class Acting(io.BytesIO):
    """A file whose reading does something with the parser that waits for its bytes."""

    def __init__(self, act: Callable[[int], None]) -> None:
        super().__init__(MEDIA)
        self.parsers: list[int] = []
        self._act, self._before = act, leaves()

    def read(self, size: int | None = -1) -> bytes:
        parser = int(parser_beside(self._before).name)
        self.parsers.append(parser)
        self._act(parser)
        return super().read(size)


MEDIA = wav(0.5)


def parsed(act: Callable[[int], None] = lambda parser: None) -> tuple[bytes | None, Acting]:
    file = Acting(act)
    return probe(file, len(MEDIA)), file


def is_alive(process: int) -> bool:
    return Path("/proc", str(process)).exists()


def test_c6_every_file_has_a_parser_of_its_own_which_ends_with_it() -> None:
    for _ in range(3):
        report, file = parsed()
        assert b"PCM" in (report or b"")
        assert len(set(file.parsers)) == 1
        assert not is_alive(file.parsers[0])
    (server, *_) = started_by(Path("/proc/self"))
    assert started_by(server) == [], "the server waits for the next file"


def test_c6_a_parser_that_still_runs_ends_with_its_file() -> None:
    def fail(parser: int) -> None:
        seen.append(parser)
        raise OSError("the archive is away")

    seen: list[int] = []
    with pytest.raises(OSError, match="the archive is away"):
        parsed(fail)
    assert seen
    assert not is_alive(seen[0])
    assert parsed()[0]


def test_c6_a_parser_that_is_killed_spoils_no_other_file() -> None:
    assert parsed(lambda parser: os.kill(parser, signal.SIGKILL))[0] is None
    assert parsed()[0]


def test_c6_a_forked_parser_that_falls_silent_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(media_probe, "SILENCE_TIMEOUT", 0.3)
        report, file = parsed(lambda parser: os.kill(parser, signal.SIGSTOP))
    assert report is None
    assert not is_alive(file.parsers[0])
    assert parsed()[0]


def test_c6_a_server_that_was_killed_is_replaced() -> None:
    assert parsed()[0]
    for idle in media_probe.SERVERS._idle:
        os.kill(idle._child.pid, signal.SIGKILL)
        idle._child.wait()
    assert parsed()[0]


def test_c6_a_server_that_does_not_start_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    media_probe.SERVERS.close()
    with monkeypatch.context() as patch:
        patch.setattr(media_probe.sys, "executable", "/bin/false")
        with pytest.raises(ConfigurationError, match="does not start"):
            probe(io.BytesIO(MEDIA), len(MEDIA))
    assert parsed()[0]


def test_c6_many_files_are_parsed_at_a_time() -> None:
    with ThreadPoolExecutor(6) as pool:
        reports = list(pool.map(lambda _: probe(io.BytesIO(MEDIA), len(MEDIA)), range(12)))
    assert all(b"PCM" in (report or b"") for report in reports)
    assert len(media_probe.SERVERS._idle) <= MAX_IDLE_SERVERS
