"""The media parser, in a process of its own.

libmediainfo reads untrusted files: a damaged mp4 can keep it busy for minutes and make it ask for
gigabytes. So it runs alone, under limits of the operating system, without credentials and without
the file: it asks for ranges on its standard output, and gets them on its standard input.
"""

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from callvault.archive.media.seekable import open_ranges

CPU_SECONDS = 10
"""A whole file takes some hundredths of a second."""

MEMORY = 2 * 1024**3
"""Bytes of address space; the index of a four-hour mp4 takes some hundred megabytes at most."""

_MODULE = "callvault.archive.media.probe"
_READ, _REPORT = b"read", b"report"


def probe(file: BinaryIO, size: int) -> bytes | None:
    """Return the parser's report on an open file, in JSON; None if it gave up or was stopped.

    Errors of the file pass through.
    """
    with _parser(size) as (requests, answers), suppress(BrokenPipeError):
        for line in requests:
            verb, *numbers = line.split()
            if verb == _REPORT:
                return requests.read()
            offset, length = map(int, numbers)
            file.seek(offset)
            answers.write(file.read(length))
            answers.flush()
    return None


@contextmanager
def _parser(size: int) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Run the parser's process; yields its output and its input, and ends it with the block."""
    child = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-P", "-m", _MODULE, str(size), str(CPU_SECONDS), str(MEMORY)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    pipes = child.stdout, child.stdin
    try:
        yield pipes  # type: ignore[misc]  # both are there, as asked for above
    finally:
        child.kill()
        child.wait()
        for pipe in pipes:
            with suppress(BrokenPipeError):  # the rest of the input has no reader any more
                pipe.close()  # type: ignore[union-attr]


def _ask(offset: int, length: int) -> bytes:
    sys.stdout.buffer.write(b"%s %d %d\n" % (_READ, offset, length))
    sys.stdout.buffer.flush()
    return sys.stdin.buffer.read(length)


def main() -> None:
    """Parse a file; the command line has its size and the limits."""
    from pymediainfo import MediaInfo

    size, cpu_seconds, memory = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    with suppress(ValueError):  # macOS knows the limit, but does not support it
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    report = MediaInfo.parse(open_ranges(_ask, size), output="JSON")
    sys.stdout.buffer.write(_REPORT + b"\n" + report.encode("utf-8", "replace"))


if __name__ == "__main__":
    main()
