"""A network of this run alone: a network namespace that ends with the last process in it.

It has no name, so that it is in nobody's way, and nothing is left to clean up, however the run
ends. Where root's rights are missing, a user namespace gives the few that are needed, within it
alone.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

OUTSIDE = "CALLVAULT_CLUSTER_OUTSIDE"
"""Environment variable: identity of the network namespace that the command came from."""
TOOLS = {"ip": "iproute2", "unshare": "util-linux", "nsenter": "util-linux"}
"""Programs, and the packages of Debian and Ubuntu that have them."""
PROBE_TIMEOUT = 60.0
START = 'ip link set lo up && exec "$@"'
PROBE = "ip link add hub type bridge && unshare --net ip link add probe type veth peer name peer"


def identity(pid: int | None = None) -> str:
    """Return the identity of a process's network namespace; of this one's by default."""
    return str(Path(f"/proc/{pid or 'self'}/ns/net").readlink())


def missing() -> str:
    """Say in a sentence why no network can be made here; empty where one can."""
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            return f"the command `{tool}` was not found (apt-get install {package})"
    probe = subprocess.run(
        [*_unshare(), "sh", "-c", PROBE], capture_output=True, text=True, timeout=PROBE_TIMEOUT
    )
    if probe.returncode:
        return (
            "the kernel lets this user make no network namespaces, bridges and virtual links"
            f" ({_last_line(probe.stderr)}): run it as root, or allow user namespaces"
        )
    return ""


def is_inside() -> bool:
    """Tell if this process is in a network of its own; another network is never touched."""
    return os.environ.get(OUTSIDE, identity()) != identity()


def enter(module: str, arguments: Sequence[str]) -> None:
    """Replace this process by the same command in a network of its own."""
    os.environ[OUTSIDE] = identity()
    command = [*_unshare(), "sh", "-c", START, "sh", sys.executable, "-m", module, *arguments]
    os.execvp(command[0], command)


def _unshare() -> list[str]:
    # As the same user where possible: PostgreSQL refuses to run as root.
    user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
    return [shutil.which("unshare") or "unshare", *user, "--net"]


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]


def write_setting(name: str, value: str) -> None:
    """Set a kernel parameter of the network that this process is in."""
    Path("/proc/sys/net", *name.split("/")).write_text(value)
