"""Logs of child processes: a file for each life of a process, a few of them, none without end."""

import os
import shutil
from pathlib import Path

KEPT_LOGS = 3
"""Earlier logs of a process beside the present one; of ``worker.log``, ``worker.1.log`` is the
newest."""

MAX_LOG_BYTES = 20_000_000


def rotate(log: Path) -> None:
    """Make room for a new log."""
    if log.exists():
        log.replace(_make_room(log))


def bound(log: Path) -> None:
    """Let a log that has become too large begin anew, as `logrotate` does with ``copytruncate``.

    Its process goes on writing to the same file, which it must have opened to append. What it
    writes at this very moment may be lost.
    """
    # Somebody may have deleted it.
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        shutil.copyfile(log, _make_room(log))
        os.truncate(log, 0)


def _make_room(log: Path) -> Path:
    """Return a free name for the newest of the earlier logs; the oldest of them is forgotten."""
    for number in range(KEPT_LOGS, 1, -1):
        younger = _earlier(log, number - 1)
        if younger.exists():
            younger.replace(_earlier(log, number))
    return _earlier(log, 1)


def _earlier(log: Path, number: int) -> Path:
    return log.with_suffix(f".{number}.log")
