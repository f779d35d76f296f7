"""Memory and processor time of a running process, as Linux tells them."""

import os
import re
from pathlib import Path

KIBIBYTE = 1024

_TICKS = os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Return the KiB of memory that a process has now."""
    return _field(pid, "VmRSS")


def peak(pid: int) -> int:
    """Return the most KiB of memory that a process has had."""
    return _field(pid, "VmHWM")


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used, in its own code and in the kernel."""
    # The name of the program stands in brackets, and may hold anything.
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / _TICKS


def _field(pid: int, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.M)
    if found is None:
        raise ProcessLookupError(f"process {pid} has ended: it tells no {name}")
    return int(found[1])
