"""The line of JSON on standard output by which a process says that it is there."""

import json
import os
import sys
from contextlib import suppress

import structlog

log = structlog.get_logger(__name__)


def announce(line: dict[str, object]) -> None:
    """Write a line for the parent process; one that cannot be written ends nothing."""
    text = f"{json.dumps(line)}\n"
    try:
        # Past Python's buffer, which would try the same bytes again at the end of the process.
        os.write(1, text.encode())
    except OSError as error:
        log.warning("standard output takes nothing, which changes nothing else", problem=str(error))


def fill_standard_streams() -> None:
    """Open the null device in the place of standard streams that are closed.

    Else the next socket gets the number of standard output, and whatever is printed goes there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    with suppress(OSError):
        sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 (for the process)
        sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
