"""Standard output whose failure ends a command with a sentence, never with a traceback."""

import errno
import io
import signal
import sys
from typing import Any


class OutputLost(OSError):
    """Standard output takes nothing more.

    Its ``errno`` is not set: Typer would end the program by itself, with the status of a failure
    and without a word.
    """

    def __init__(self, cause: OSError) -> None:
        super().__init__(cause.strerror or str(cause))
        self.is_reader_gone = cause.errno == errno.EPIPE


class _Output(io.FileIO):
    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise OutputLost(error) from None


def guard_output() -> None:
    """Let failures of standard output raise `OutputLost`; escape what its encoding lacks."""
    stream = sys.stdout
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Output(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=bool(stream.line_buffering),
    )


def end_without_output(lost: OutputLost) -> int:
    """Say that the output is lost, unless nobody wants to read it; return the exit status."""
    if lost.is_reader_gone:
        # The shell's status of a program that a signal has ended, as `head -1` ends others.
        return 128 + signal.SIGPIPE
    complain(f"standard output takes nothing more, what was done stays done: {lost}")
    return 1


def complain(text: str) -> None:
    """Print a text on standard error, if that takes it."""
    try:
        print(f"callvault: {text}", file=sys.stderr)  # noqa: T201 (this is the command line)
    except OSError:
        return
