"""The media parser, in a process of its own.

libmediainfo reads untrusted files: a damaged mp4 can keep it busy for minutes and make it ask for
gigabytes, and a file that was made for it might take it over. So it runs alone, without the
worker's environment, under limits of the operating system, confined to its memory and two pipes,
and without the file: it asks for ranges on its standard output, and gets them on its standard
input.
"""

import io
import os
import select
import subprocess
import sys
import time
import wave
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO

from callvault.archive.media.fork_server import ForkServers, Process, serve, starting
from callvault.archive.media.sandbox import confine, limit
from callvault.archive.media.seekable import open_ranges

CPU_SECONDS = 10
"""A whole file takes some hundredths of a second."""

MEMORY = 2 * 1024**3
"""Bytes of address space; the index of a four-hour mp4 takes some hundred megabytes at most."""

SILENCE_TIMEOUT = 60.0
"""Seconds between two requests of the parser, after which it is stopped."""

MAX_RANGE = 16 * 1024**2
"""Bytes that it may ask for at a time; it asks for a quarter of a mebibyte."""

MAX_REPORT = 16 * 1024**2
"""Bytes; a report has some thousands."""

_MAX_LINE = 64
_PIECE = 64 * 1024
"""Bytes that are read from the parser at once: what a pipe holds."""
_MODULE = "callvault.archive.media.probe"
_READ, _REPORT = b"read", b"report"
_ENVIRONMENT = {"LC_ALL": "C.UTF-8"}

# elsewhere a fork can do more than read two pipes, and to fork with libraries loaded is not safe
_HAS_FORK_SERVER = sys.platform == "linux"
SERVERS = ForkServers(_MODULE, _ENVIRONMENT)


def probe(file: BinaryIO, size: int) -> bytes | None:
    """Return the parser's report on an open file, in JSON; None if it gave up or was stopped.

    Errors of the file pass through.
    """
    arguments = (size, CPU_SECONDS, MEMORY)
    if not _HAS_FORK_SERVER:
        return confined_report(_MODULE, arguments, file, size)
    with SERVERS.process(arguments) as process:
        return _report(process, file, size)


def confined_report(
    module: str, arguments: Iterable[int], file: BinaryIO, size: int
) -> bytes | None:
    """Run a module of ours that reads an untrusted file, confined; return what it reports.

    The module reads the file by `ask`, and ends with `tell`. None if it gave up or was stopped.
    Errors of the file pass through.
    """
    with _started(module, arguments) as process:
        return _report(process, file, size)


def _report(process: Process, file: BinaryIO, size: int) -> bytes | None:
    parser = _Parser(process)
    with suppress(BrokenPipeError):
        while (line := parser.line()) != _REPORT:
            span = _range(line, size)
            if span is None:
                return None
            file.seek(span[0])
            data = file.read(span[1])
            if len(data) < span[1]:  # cut since: the parser would wait for the rest
                return None
            parser.answer(data)
        return parser.report()
    return None


def _range(line: bytes, size: int) -> tuple[int, int] | None:
    """Read a request for bytes; None where it is none, as of a parser that was taken over."""
    verb, _, numbers = line.partition(b" ")
    offset, _, length = numbers.partition(b" ")
    if verb != _READ or not (offset.isdigit() and length.isdigit()):
        return None
    is_within = int(offset) < size and 0 < int(length) <= min(MAX_RANGE, size - int(offset))
    return (int(offset), int(length)) if is_within else None


class _Parser:
    """The parser's process, stopped where it is silent for too long."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._requests, self._answers = process.requests.fileno(), process.answers.fileno()
        # a thread that watches would cost more than the rest of all this
        for pipe in (self._requests, self._answers):
            os.set_blocking(pipe, False)
        self._unread = bytearray()

    def line(self) -> bytes:
        """Return its next line, without the end of it; empty at the end of its output."""
        until = _deadline()
        while b"\n" not in self._unread and len(self._unread) <= _MAX_LINE and self._read(until):
            pass
        line, _, self._unread = self._unread.partition(b"\n")
        return bytes(line)

    def answer(self, data: bytes) -> None:
        until, rest = _deadline(), memoryview(data)
        while rest and self._is_ready(self._answers, select.POLLOUT, until):
            with suppress(BlockingIOError):
                rest = rest[os.write(self._answers, rest) :]

    def report(self) -> bytes | None:
        until = _deadline()
        while len(self._unread) <= MAX_REPORT and self._read(until):
            pass
        return bytes(self._unread) if len(self._unread) <= MAX_REPORT else None

    def _read(self, until: float) -> bool:
        """Read what it has written by now; False at the end."""
        if not self._is_ready(self._requests, select.POLLIN, until):
            return False
        piece = os.read(self._requests, _PIECE)
        self._unread += piece
        return bool(piece)

    def _is_ready(self, pipe: int, event: int, until: float) -> bool:
        """Wait for a pipe; a parser that is silent until then is stopped."""
        poll = select.poll()
        poll.register(pipe, event)
        # its time alone is measured: an archive may be slow
        if poll.poll(max(until - time.monotonic(), 0) * 1000):
            return True
        self._process.kill()
        return False


def _deadline() -> float:
    return time.monotonic() + SILENCE_TIMEOUT


@contextmanager
def _started(module: str, arguments: Iterable[int]) -> Iterator[Process]:
    """Start a process of its own for one file; ends it with the block."""
    with starting():
        child = subprocess.Popen(  # noqa: S603 - our own module
            # isolated: no variable and no folder of the user's has a say in what it loads
            [sys.executable, "-I", "-m", module, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    pipes = child.stdout, child.stdin
    try:
        yield Process(*pipes, child.kill)  # type: ignore[arg-type]  # both are there, as asked for
    finally:
        child.kill()
        child.wait()
        for pipe in pipes:
            with suppress(BrokenPipeError):  # the rest of the input has no reader any more
                pipe.close()  # type: ignore[union-attr]


def ask(offset: int, length: int) -> bytes:
    """Ask for bytes of the file, from within the confined process."""
    sys.stdout.buffer.write(b"%s %d %d\n" % (_READ, offset, length))
    sys.stdout.buffer.flush()
    return sys.stdin.buffer.read(length)


def tell(report: bytes) -> None:
    """Report, from within the confined process: the last that it says."""
    sys.stdout.buffer.write(_REPORT + b"\n" + report)


def _silence() -> bytes:
    """Make a file of our own."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 16_000, 0, "NONE", ""))
        writer.writeframes(bytes(320))
    return file.getvalue()


def main() -> None:
    """Parse the file of the command line, with its size and the limits; without one, serve many."""
    from pymediainfo import MediaInfo

    def parse(arguments: Sequence[int]) -> None:
        size, cpu_seconds, memory = arguments
        limit(cpu_seconds, memory)
        confine()
        report = MediaInfo.parse(open_ranges(ask, size), output="JSON")
        tell(report.encode("utf-8", "replace"))

    # loads the library and its tables: a fork that does so itself takes a third more time
    MediaInfo.parse(io.BytesIO(_silence()), output="JSON")
    given = [int(each) for each in sys.argv[1:]]
    if given:
        parse(given)
    else:
        serve(parse)


if __name__ == "__main__":
    main()
