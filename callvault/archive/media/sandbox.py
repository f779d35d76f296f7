"""Confinement of a process that parses untrusted files, as far as the platform lets it be confined.

What is set here can never be taken back by the process. Limits of the operating system hold
everywhere; a filter of system calls holds on Linux, on x86-64 and on ARM64.
"""

import ctypes
import errno
import platform
import resource
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress

_NO_NEW_PRIVILEGES, _SECCOMP, _DUMPABLE = 38, 22, 4
_FILTER_MODE = 2
"""Of ``prctl``: its options, and the mode of its option for system calls."""

_LOAD, _EQUAL, _LESS, _RETURN = 0x20, 0x15, 0x35, 0x06
"""Instructions of the Berkeley packet filter; `_LESS` jumps where the value is not below."""

_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET = 0, 4

_X32 = 0x40000000
"""Numbers from here on belong to a second set of system calls on x86-64."""

# Memory, clocks, signals of one's own, and open files: no path, no socket, no other process.
# read write close fstat lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn
# mremap sched_yield madvise getpid exit sigaltstack gettid futex clock_gettime clock_nanosleep
# exit_group getrandom
_CALLS = {
    "x86_64": (
        0xC000003E,
        "0 1 3 5 8 9 10 11 12 13 14 15 25 24 28 39 60 131 186 202 228 230 231 318",
    ),
    "aarch64": (
        0xC00000B7,
        "63 64 57 80 62 222 226 215 214 134 135 139 216 124 233 172 93 132 178 98 113 115 94 278",
    ),
}


def limit(cpu_seconds: int, memory: int) -> None:
    """Limit the time and memory of this process; ``memory`` is in bytes of address space."""
    _set_limit(resource.RLIMIT_CPU, cpu_seconds)
    _set_limit(resource.RLIMIT_AS, memory)
    _set_limit(resource.RLIMIT_CORE, 0)


def confine() -> bool:
    """Leave this process nothing but its memory and the files that it has open.

    Whatever it needs must be loaded before. Returns True if its system calls are filtered too.
    """
    # no further file, socket or pipe, no byte in any file, no further process
    for each in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
        _set_limit(each, 0)
    return sys.platform == "linux" and _filter_calls(platform.machine())


def _set_limit(which: int, most: int) -> None:
    with suppress(ValueError, OSError):  # macOS knows some of the limits, but does not support them
        resource.setrlimit(which, (most, most))


def _filter_calls(machine: str) -> bool:
    if machine not in _CALLS:
        return False
    architecture, calls = _CALLS[machine]
    program = b"".join(_program(architecture, tuple(map(int, calls.split()))))
    memory = ctypes.create_string_buffer(program)
    # struct sock_fprog: the number of instructions, and where they are
    told = struct.pack("@HP", len(program) // 8, ctypes.addressof(memory))
    prctl = ctypes.CDLL(None).prctl
    prctl.argtypes = [ctypes.c_int, *[ctypes.c_void_p] * 4]
    prctl(_DUMPABLE, None, None, None, None)
    # without it, only a privileged process may set a filter
    if prctl(_NO_NEW_PRIVILEGES, 1, None, None, None):
        return False
    return bool(prctl(_SECCOMP, _FILTER_MODE, told, None, None) == 0)


def _program(architecture: int, calls: tuple[int, ...]) -> Iterator[bytes]:
    """Write the filter: calls outside the list fail with EPERM, another architecture is the end."""
    yield _instruction(_LOAD, _ARCHITECTURE_OFFSET)
    yield _instruction(_EQUAL, architecture, when_true=1)
    yield _instruction(_RETURN, _KILL)
    yield _instruction(_LOAD, _NUMBER_OFFSET)
    yield _instruction(_LESS, _X32, when_false=1)
    yield _instruction(_RETURN, _REFUSE)
    for call in calls:
        yield _instruction(_EQUAL, call, when_false=1)
        yield _instruction(_RETURN, _ALLOW)
    yield _instruction(_RETURN, _REFUSE)


def _instruction(code: int, value: int, *, when_true: int = 0, when_false: int = 0) -> bytes:
    """Write one instruction; the jumps skip as many of those that follow."""
    return struct.pack("=HBBI", code, when_true, when_false, value)
