"""The target of the attacks: emulator, Temporal, gateway and worker, processes on this machine."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.attacks.webhook import dripping
from bench.storm.load import EVENT_SECRET
from callvault.emulator.credentials import CONFIGURATION_PATH
from callvault.local.processes import Process, Supervisor
from callvault.local.stack import CALLVAULT, announced_by
from callvault.local.stack_settings import environment_of, write_settings
from callvault.local.temporal import start_temporal

API_KEY = "the-key-of-the-backend"
FEW_FILES = 256
"""Files that the second gateway may open: fewer than connections come."""

_AUDIENCE = "5f1c5ab0-95d1-4bd0-a5e5-5d3a4b4e7f10"
_LIMITED = (
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({files},) * 2);"
    " os.execv(sys.executable, [sys.executable, '-m', 'callvault', 'gateway'])"
)


@dataclass(frozen=True)
class Gateway:
    """A gateway's port and process."""

    port: int
    pid: int

    def mebibytes(self) -> int:
        """Return the memory that it has now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) // 1024


@dataclass(frozen=True)
class Target:
    """All parts."""

    control: str
    """Base URL of the emulator's control API."""
    topic: str
    gateway: Gateway
    limited: Gateway
    """A gateway that may open `FEW_FILES` only."""


@contextmanager
def target(home: Path) -> Iterator[Target]:
    """Start everything; stop everything in the end."""
    with Supervisor(home / "logs") as supervisor, dripping() as webhook:
        emulating = supervisor.start(
            "emulator", [*CALLVAULT, "emulator", "--port", "0"], environment=environment_of()
        )
        temporal = start_temporal(supervisor, ui=False)
        emulator = announced_by(emulating)
        archive = home / "archive"
        archive.mkdir()
        settings = write_settings(home, emulator, archive)
        _guard(settings, emulator.endpoint)
        environment = {
            **environment_of(settings, temporal),
            "EVENT_SECRET": EVENT_SECRET,
            "API_KEY": API_KEY,
            "ALARMS": webhook,
        }
        supervisor.run("setup", [*CALLVAULT, "setup"], environment=environment)
        limited = [sys.executable, "-c", _LIMITED.format(files=FEW_FILES)]
        processes = {
            "gateway": [*CALLVAULT, "gateway"],
            "limited": limited,
            "worker": [*CALLVAULT, "worker"],
        }
        started = {
            name: supervisor.start(name, command, environment=environment)
            for name, command in processes.items()
        }
        started["worker"].wait_for(lambda: started["worker"].announcement("ready"))
        yield Target(
            emulator.control,
            emulator.topic,
            _announced(started["gateway"]),
            _announced(started["limited"]),
        )


def _announced(process: Process) -> Gateway:
    said = process.wait_for(lambda: process.announcement("endpoint"))
    return Gateway(int(said["endpoint"].rpartition(":")[2]), process.pid)


def _guard(settings: Path, issuer: str) -> None:
    """Add secrets, keys, signed callbacks and an alarm webhook to the settings of a stack."""
    text = settings.read_text()
    resource = "[resources.default]\n"
    text = text.replace(resource, f'{resource}callback_audience = "{_AUDIENCE}"\n', 1)
    guarded = (
        '[alarms]\nwebhook_url = "env:ALARMS"\n\n[gateway]\n'
        'event_secrets = ["env:EVENT_SECRET"]\napi_keys = ["env:API_KEY"]\nrate_limit = "none"\n'
        f'callbacks.configuration_url = "{issuer.rstrip("/")}{CONFIGURATION_PATH}"\n'
    )
    settings.write_text(text.replace("[gateway]\n", guarded, 1))
