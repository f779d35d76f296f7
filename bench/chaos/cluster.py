"""The cluster: Callvault and its servers as real processes that are killed and started again.

Every part keeps its port and its files when it is started again.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path

from callvault.emulator.eventgrid.events import FILE_EVENT
from callvault.local.azurite import Azurite, start_azurite
from callvault.local.processes import Process, Supervisor
from callvault.local.stack import (
    CALLVAULT,
    RESOURCE,
    LocalEmulator,
    announced_by,
    environment_of,
    subscribe,
    write_settings,
)
from callvault.local.temporal import TemporalServer, free_ports, start_temporal

EVENTS = (FILE_EVENT, "Microsoft.Communication.CallEnded")
CHUNK = "3s"
"""Length of a file, so that some recordings have several."""
DEAD_LETTERS = "dead-letters"
DEAD_LETTER_DELAY = 5.0
"""Seconds from the last attempt at a delivery; Event Grid waits five minutes."""
GRACE = timedelta(seconds=45)
"""From SIGTERM to SIGKILL, as in a container platform: a worker may be copying, and Temporal may be
down while the worker disconnects."""
RESULT_API = "2024-09-01-preview"
MUTATIONS_MODULE = "bench.chaos.mutations"


class Part(StrEnum):
    TEMPORAL = "temporal"
    AZURITE = "azurite"
    EMULATOR = "emulator"
    GATEWAY = "gateway"
    WORKER_1 = "worker-1"
    WORKER_2 = "worker-2"


WORKERS = (Part.WORKER_1, Part.WORKER_2)


class Fault(StrEnum):
    """A fault that is injected into a part."""

    KILL = "SIGKILL"
    END = "SIGTERM"
    FREEZE = "SIGSTOP"
    """The part does not answer for a while, then continues."""


@dataclass
class Outage:
    """A time in which a part did not work, in seconds since the epoch."""

    part: Part
    fault: Fault
    began: float
    ended: float | None = None
    """None while the fault lasts."""


@dataclass(frozen=True)
class ClusterConfig:
    """The settings of a cluster."""

    seed: int
    export_window: float
    """Seconds."""
    event_expected_within: float
    """Seconds."""
    state_poll_interval: float
    """Seconds."""
    polls_result: bool
    escalation_schedule: tuple[float, ...]
    """Seconds."""
    proxy: str
    """Base URL of the proxy for events and alarms."""
    mutation: str = ""
    """Name of the mutation: a promise that is broken on purpose, for a test of the checker."""


@dataclass
class Cluster:
    """The processes of a run; for the main thread only, as the supervisor is."""

    supervisor: Supervisor
    home: Path
    plan: ClusterConfig
    outages: list[Outage] = field(default_factory=list)
    _running: dict[Part, Process] = field(default_factory=dict)
    _starts: dict[Part, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        ports = iter(free_ports(len(Part) + 1))
        self._ports = {part: next(ports) for part in Part}
        self._content_port = next(ports)

    def build(self) -> None:
        """Write the settings and start everything."""
        # First: the emulator is given the URL of a container in it.
        self._start_azurite()
        self._dead_letters = self.azurite.new_container(DEAD_LETTERS)
        self._start_emulator()
        self._start_temporal()
        settings = write_settings(self.home, self.emulator, self.azurite)
        self.environment = environment_of(settings, self.temporal) | self._settings()
        setup = [*CALLVAULT, "setup"]
        sweeping = [*CALLVAULT, "sweep", "--every", "1m"]
        self.supervisor.run("setup", setup, environment=self.environment)
        self.supervisor.run("sweeping", sweeping, environment=self.environment)
        starting = [self._launch(part, self._role(part)) for part in (Part.GATEWAY, *WORKERS)]
        for process in starting:
            process.wait_for(partial(_is_ready, process))
        self._subscribe()

    def inject(self, part: Part, fault: Fault) -> Outage:
        """Inject a fault into a part; the fault lasts until `heal`."""
        process = self._running[part]
        outage = Outage(part, fault, time.time())
        if fault is Fault.END:
            process.stop(GRACE)
        else:
            os.killpg(process.pid, signal.Signals[fault.value])
        if fault is Fault.KILL:
            process.wait_for_end()
        self.outages.append(outage)
        return outage

    def heal(self, outage: Outage) -> None:
        """End the fault: start the part again, or continue its process."""
        if outage.fault is Fault.FREEZE:
            os.killpg(self._running[outage.part].pid, signal.SIGCONT)
        else:
            self._starters()[outage.part]()
        # Only now: the start of the part belongs to the outage.
        outage.ended = time.time()

    def identity(self, part: Part) -> str:
        """Return the identity of a running worker at Temporal, which is new after each start."""
        return f"{part}.{self._starts[part]}"

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self._ports[Part.GATEWAY]}"

    def _starters(self) -> dict[Part, Callable[[], None]]:
        return {
            Part.TEMPORAL: self._start_temporal,
            Part.AZURITE: self._start_azurite,
            Part.EMULATOR: self._start_emulator_and_subscribe,
            **{part: partial(self._start_role, part) for part in (Part.GATEWAY, *WORKERS)},
        }

    def _start_emulator(self) -> None:
        options = [
            *("--port", str(self._ports[Part.EMULATOR])),
            *("--content-port", str(self._content_port)),
            *("--state-dir", str(self.home / "emulator")),
            *("--dead-letters", self._dead_letters),
            *("--dead-letter-delay", f"{DEAD_LETTER_DELAY:g}s"),
            *("--seed", str(self.plan.seed)),
            *("--max-chunk-duration", CHUNK),
        ]
        process = self._launch(Part.EMULATOR, [*CALLVAULT, "emulator", *options], environment_of())
        self.emulator: LocalEmulator = announced_by(process)

    def _start_emulator_and_subscribe(self) -> None:
        self._start_emulator()
        self._subscribe()

    def _subscribe(self) -> None:
        emulating = self._running[Part.EMULATOR]
        subscribe(emulating, self.emulator.control, f"{self.plan.proxy}/events", EVENTS)

    def _start_azurite(self) -> None:
        self.azurite: Azurite = start_azurite(
            self.supervisor,
            data_directory=self.home / "azurite",
            port=self._ports[Part.AZURITE],
            name=self._next_name(Part.AZURITE),
        )
        # `start_azurite` returns addresses alone; its process is the youngest one.
        self._running[Part.AZURITE] = self.supervisor.processes[-1]

    def _start_temporal(self) -> None:
        self.temporal: TemporalServer = start_temporal(
            self.supervisor,
            database=self.home / "temporal.db",
            ui=False,
            port=self._ports[Part.TEMPORAL],
            name=self._next_name(Part.TEMPORAL),
        )
        self._running[Part.TEMPORAL] = self.supervisor.processes[-1]

    def _start_role(self, part: Part) -> None:
        process = self._launch(part, self._role(part))
        process.wait_for(lambda: _is_ready(process))

    def _role(self, part: Part) -> list[str]:
        role = "worker" if part in WORKERS else part.value
        if self.plan.mutation:
            return [CALLVAULT[0], "-m", MUTATIONS_MODULE, self.plan.mutation, role]
        return [*CALLVAULT, role]

    def _launch(
        self, part: Part, command: Sequence[str], environment: dict[str, str] | None = None
    ) -> Process:
        name = self._next_name(part)
        own = environment or self.environment | {"CALLVAULT_WORKER__IDENTITY": name}
        # Without bytecode a worker compiles its modules anew for every workflow that it replays.
        own.pop("PYTHONDONTWRITEBYTECODE", None)
        self._running[part] = self.supervisor.start(name, command, environment=own)
        return self._running[part]

    def _next_name(self, part: Part) -> str:
        self._starts[part] = self._starts.get(part, 0) + 1
        return f"{part}.{self._starts[part]}"

    def _settings(self) -> dict[str, str]:
        resource = f"CALLVAULT_RESOURCES__{RESOURCE.upper()}__"
        return {
            f"{resource}EXPORT_WINDOW": f"{self.plan.export_window:g}s",
            f"{resource}EVENT_EXPECTED_WITHIN": f"{self.plan.event_expected_within:g}s",
            f"{resource}ESCALATION_SCHEDULE": ",".join(
                f"{step:g}s" for step in self.plan.escalation_schedule
            ),
            f"{resource}STATE_POLL_INTERVAL": f"{self.plan.state_poll_interval:g}s",
            # An empty variable counts as not set.
            f"{resource}RESULT_API_VERSION": RESULT_API if self.plan.polls_result else "",
            f"{resource}CONTENT_HOSTS": f"127.0.0.1:{self._content_port}",
            "CALLVAULT_GATEWAY__PORT": str(self._ports[Part.GATEWAY]),
            "CALLVAULT_ALARMS__WEBHOOK_URL": "env:ALARMS",
            "ALARMS": f"{self.plan.proxy}/alarms",
            "CALLVAULT_DEAD_LETTERS__GRID__SAS_URL": "env:DEAD_LETTERS",
            "CALLVAULT_DEAD_LETTERS__GRID__CONTAINER": DEAD_LETTERS,
            "DEAD_LETTERS": self._dead_letters,
        }


def _is_ready(process: Process) -> dict[str, object] | None:
    return process.announcement("ready") or process.announcement("endpoint")
