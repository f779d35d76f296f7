"""The processes of a run: Temporal, the emulator, the gateway and two workers."""

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.listen.story import Verb
from callvault.local.processes import Process, Supervisor
from callvault.local.stack import CALLBACK_URL, CALLVAULT, announced_by, subscribe
from callvault.local.stack_settings import RESOURCE, environment_of, write_settings
from callvault.local.temporal import free_ports, start_temporal

FRAMES_PER_SECOND = 40
"""Whole ticks of the voices that tell the time."""
BEARER = "somebody-else"
"""Token by which somebody else controls recordings at the service."""
WORKERS = 2
SABOTAGE_MODULE = "bench.listen.mutants"


@dataclass
class Stack:
    """The processes; for the main thread only, as the supervisor is."""

    supervisor: Supervisor
    home: Path
    relay: str
    """Base URL of the relay, through which events and callbacks reach the gateway."""
    sabotage: str = ""
    """Name of the mutant that the workers are."""
    workers: list[Process] = field(default_factory=list)
    _starts: int = 0

    def build(self) -> None:
        """Start everything, and return when calls can be played."""
        self.home.mkdir(parents=True, exist_ok=True)
        (port,) = free_ports(1)
        options = ("--fps", str(FRAMES_PER_SECOND), "--bearer-token", BEARER)
        emulating = self.supervisor.start(
            "emulator",
            [*CALLVAULT, "emulator", "--port", "0", *options],
            environment=environment_of(),
        )
        self.temporal = start_temporal(self.supervisor, ui=False)
        self.emulator = announced_by(emulating)
        self.archive = self.home / "archive"
        settings = write_settings(self.home, self.emulator, self.archive)
        self.gateway = f"http://127.0.0.1:{port}"
        self.environment = environment_of(settings, self.temporal) | self._settings(port)
        self.supervisor.run("setup", [*CALLVAULT, "setup"], environment=self.environment)
        gateway = self.supervisor.start(
            "gateway", [*CALLVAULT, "gateway"], environment=self.environment
        )
        self.workers = [self._start_worker(number) for number in range(WORKERS)]
        gateway.wait_for(lambda: gateway.announcement("endpoint"))
        for worker in self.workers:
            worker.wait_for(partial(worker.announcement, "ready"))
        self._emulating = emulating

    def subscribe(self) -> None:
        """Let the emulator's events go to the relay, which must be serving and know the gateway."""
        subscribe(self._emulating, self.emulator.control, f"{self.relay}/events")

    def strike(self, verb: Verb, worker: int) -> None:
        """Kill a worker, or freeze it."""
        process = self.workers[worker]
        if verb is Verb.FREEZE:
            os.killpg(process.pid, signal.SIGSTOP)
        else:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait_for_end()

    def heal(self, verb: Verb, worker: int) -> None:
        """Let a frozen worker go on, or start another in a dead one's place."""
        if verb is Verb.FREEZE:
            os.killpg(self.workers[worker].pid, signal.SIGCONT)
        else:
            # Not awaited: the other worker is there, and blows to come have their times.
            self.workers[worker] = self._start_worker(worker)

    def _start_worker(self, number: int) -> Process:
        self._starts += 1
        return self.supervisor.start(
            f"worker-{number}.{self._starts}", self._worker(), environment=self.environment
        )

    def _worker(self) -> Sequence[str]:
        if self.sabotage:
            return [sys.executable, "-m", SABOTAGE_MODULE, self.sabotage, "worker"]
        return [*CALLVAULT, "worker"]

    def _settings(self, port: int) -> dict[str, str]:
        return {
            "CALLVAULT_GATEWAY__PORT": str(port),
            # All calls come from one address, and no call is to wait for another.
            "CALLVAULT_GATEWAY__RATE_LIMIT": "10000/second",
            CALLBACK_URL: self.relay,
            f"CALLVAULT_RESOURCES__{RESOURCE.upper()}__EVENT_EXPECTED_WITHIN": "20s",
            # Policies are chosen by requests; who comes before one is to be known all the same.
            f"CALLVAULT_RESOURCES__{RESOURCE.upper()}__KEEP_PARTICIPANTS": "true",
        }
