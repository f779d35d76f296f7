"""The cluster: Callvault and its servers as real processes that are killed and started again.

Every part keeps its port and its files when it is started again. The workers reach ACS, and the
first of them Temporal, through lines that can be broken.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import ClassVar

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bench.chaos.cluster_settings import (
    DEAD_LETTERS,
    SIGNING_KEY,
    WEBHOOK_SECRET,
    ClusterConfig,
    list_public_key,
    settings_of,
    write_secret,
)
from bench.chaos.lines import Line
from bench.chaos.parts import WORKERS, Fault, Outage, Part
from callvault.emulator.eventgrid.events import FILE_EVENT
from callvault.local.azurite import Azurite, start_azurite
from callvault.local.processes import Process, Supervisor
from callvault.local.stack import CALLVAULT, announced_by, subscribe
from callvault.local.stack_settings import LocalEmulator, environment_of, write_settings
from callvault.local.temporal import TemporalServer, free_ports, start_temporal

EVENTS = (FILE_EVENT, "Microsoft.Communication.CallEnded")
CHUNK = "3s"
"""Length of a file, so that some recordings have several."""
DEAD_LETTER_DELAY = 5.0
"""Seconds from the last attempt at a delivery; Event Grid waits five minutes."""
GRACE = timedelta(seconds=45)
"""From SIGTERM to SIGKILL, as in a container platform: a worker may be copying, and Temporal may be
down while the worker disconnects."""
MUTATIONS_MODULE = "bench.chaos.mutations"
CLOCK_MODULE = "bench.chaos.wrong_clock"


@dataclass
class Cluster:
    """The processes of a run; for the main thread only, as the supervisor is."""

    workers: ClassVar[tuple[Part, ...]] = WORKERS
    supervisor: Supervisor
    home: Path
    plan: ClusterConfig
    outages: list[Outage] = field(default_factory=list)
    _running: dict[Part, Process] = field(default_factory=dict)
    _starts: dict[Part, int] = field(default_factory=dict)
    _clocks: dict[Part, float] = field(default_factory=dict)
    """Seconds by which the clock of a worker is ahead."""

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
        write_secret(self.home / WEBHOOK_SECRET, self.plan.webhook_secret)
        archive = self.directory if self.plan.has_directory else self.azurite
        settings = write_settings(self.home, self.emulator, archive)
        key = load_pem_private_key((self.home / SIGNING_KEY).read_bytes(), password=None)
        list_public_key(self.home, key.public_key())
        self.environment = environment_of(settings, self.temporal) | self._settings()
        setup = [*CALLVAULT, "setup"]
        sweeping = [*CALLVAULT, "sweep", "--every", "1m"]
        self.supervisor.run("setup", setup, environment=self.environment)
        self.supervisor.run("sweeping", sweeping, environment=self.environment)
        starting = [self._launch(part, self._role(part)) for part in (Part.GATEWAY, *self.workers)]
        for process in starting:
            process.wait_for(partial(_is_ready, process))
        self._subscribe()

    def inject(self, part: Part, fault: Fault) -> Outage:
        """Inject a fault into a process; it lasts until `heal`."""
        process = self._running[part]
        outage = Outage(part, fault, time.time())
        match fault:
            case Fault.END:
                process.stop(GRACE)
            case Fault.FREEZE:
                os.killpg(process.pid, signal.SIGSTOP)
            case _:
                os.killpg(process.pid, signal.SIGKILL)
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

    def set_clock(self, part: Part, ahead: float) -> None:
        """Start a worker again, with a clock that is ahead by some seconds."""
        self._clocks[part] = ahead
        self.heal(self.inject(part, Fault.END))

    def line(self, part: Part, seed: int) -> Line:
        """Make the line of this part; its port stays the same."""
        server = Part.TEMPORAL if part is Part.LINE_TO_TEMPORAL else Part.EMULATOR
        return Line(self._ports[part], self._ports[server], seed)

    def identity(self, part: Part) -> str:
        """Return the identity of a running worker at Temporal, which is new after each start."""
        return f"{part}.{self._starts[part]}"

    @property
    def directory(self) -> Path:
        """The archive, where it is a directory."""
        return self.home / "archive"

    @property
    def database(self) -> Path:
        """Temporal's."""
        return self.home / "temporal.db"

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self._ports[Part.GATEWAY]}"

    def _starters(self) -> dict[Part, Callable[[], None]]:
        return {
            Part.TEMPORAL: self._start_temporal,
            Part.AZURITE: self._start_azurite,
            Part.EMULATOR: self._start_emulator_and_subscribe,
            **{part: partial(self._start_role, part) for part in (Part.GATEWAY, *self.workers)},
        }

    def _start_emulator(self) -> None:
        options = [
            *("--port", str(self._ports[Part.EMULATOR])),
            *("--content-port", str(self._content_port)),
            *("--public-url", f"http://127.0.0.1:{self._ports[Part.LINE_TO_ACS]}"),
            *("--state-dir", str(self.home / "emulator")),
            *("--dead-letters", self._dead_letters),
            *("--dead-letter-delay", f"{DEAD_LETTER_DELAY:g}s"),
            *("--seed", str(self.plan.seed)),
            *("--max-chunk-duration", CHUNK),
        ]
        process = self._launch(Part.EMULATOR, [*CALLVAULT, "emulator", *options], environment_of())
        # Its URLs lead through the line; who plays the callers has a line of his own.
        port = self._ports[Part.EMULATOR]
        self.emulator: LocalEmulator = replace(
            announced_by(process), control=f"http://127.0.0.1:{port}/_emulator"
        )

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
            database=self.database,
            ui=False,
            port=self._ports[Part.TEMPORAL],
            name=self._next_name(Part.TEMPORAL),
        )
        self._running[Part.TEMPORAL] = self.supervisor.processes[-1]

    def _start_role(self, part: Part) -> None:
        process = self._launch(part, self._role(part))
        process.wait_for(lambda: _is_ready(process))

    def _role(self, part: Part) -> list[str]:
        role = "worker" if part in self.workers else part.value
        mutation = [self.plan.mutation] if self.plan.mutation else []
        if ahead := self._clocks.get(part):
            return [CALLVAULT[0], "-m", CLOCK_MODULE, str(ahead), *mutation, role]
        return (
            [CALLVAULT[0], "-m", MUTATIONS_MODULE, *mutation, role]
            if mutation
            else [*CALLVAULT, role]
        )

    def _launch(
        self, part: Part, command: Sequence[str], environment: dict[str, str] | None = None
    ) -> Process:
        name = self._next_name(part)
        own = environment or self.environment | {"CALLVAULT_WORKER__IDENTITY": name}
        if part is Part.WORKER_1:
            own["TEMPORAL_ADDRESS"] = f"127.0.0.1:{self._ports[Part.LINE_TO_TEMPORAL]}"
        # Without bytecode a worker compiles its modules anew for every workflow that it replays.
        own.pop("PYTHONDONTWRITEBYTECODE", None)
        self._running[part] = self.supervisor.start(name, command, environment=own)
        return self._running[part]

    def _next_name(self, part: Part) -> str:
        self._starts[part] = self._starts.get(part, 0) + 1
        return f"{part}.{self._starts[part]}"

    def _settings(self) -> dict[str, str]:
        return settings_of(
            self.plan,
            content_port=self._content_port,
            gateway_port=self._ports[Part.GATEWAY],
            dead_letters=self._dead_letters,
            home=self.home,
        )


def _is_ready(process: Process) -> dict[str, object] | None:
    return process.announcement("ready") or process.announcement("endpoint")
