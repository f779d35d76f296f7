"""Launcher of a child process: ties its life to its parent's, then becomes the wanted program.

A signal that the parent ignores (`nohup`, a job in the background of a script) is not ignored by
that program: it runs in a session of its own, so each signal that reaches it is meant for it.

    python -I -S launch.py PARENT_PID PROGRAM [ARGUMENT ...]

A small program of its own rather than a ``preexec_fn``, which may deadlock when the parent has
threads. It imports nothing of Callvault, so that it costs a few milliseconds.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""From ``linux/prctl.h``. The setting survives ``exec``."""

CANNOT_START = 127
"""Exit status of a shell that cannot run a command."""


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent dies, however that dies (Linux only)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before the kernel was asked
        raise SystemExit(CANNOT_START)


def take_signals() -> None:
    """Give back their default effect to the signals that ask a program to end."""
    for signum in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        # `exec` resets handlers, but not what is ignored.
        signal.signal(signum, signal.SIG_DFL)


def main(parent: str, program: str, *arguments: str) -> None:
    """Replace this process by ``program``, found on PATH unless it is a path."""
    die_with_parent(int(parent))
    take_signals()
    try:
        os.execvp(program, [program, *arguments])  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{program} cannot be started: {error.strerror}\n")
        raise SystemExit(CANNOT_START) from None


if __name__ == "__main__":
    main(*sys.argv[1:])
