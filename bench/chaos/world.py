"""The world around the processes: their data, keys, clocks and lines, and the faults of these."""

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from bench.chaos import backups, rotation
from bench.chaos.backups import Backup
from bench.chaos.cluster import Cluster
from bench.chaos.lines import Line
from bench.chaos.parts import LINES, Fault, Outage, Part
from bench.chaos.proxy import Proxy
from bench.chaos.rotation import SigningKey

CLOCK_AHEAD = (-540.0, 540.0)
"""Seconds; Azure Storage refuses signatures that are 15 minutes off."""
LINE_TIMEOUT = 10.0

Do = Callable[[Coroutine[Any, Any, Any], float], Any]
"""Runs a coroutine on the event loop, for at most some seconds."""


@dataclass(frozen=True)
class Restore:
    """Data that were set back, with times in seconds since the epoch."""

    to: float
    """Time of the backup."""
    at: float
    has_database: bool
    taken: frozenset[str]
    """The documents that the archive had until then, and no longer has."""


@dataclass
class World:
    """Injects faults into processes and into what lies around them; for the main thread only."""

    cluster: Cluster
    proxy: Proxy
    do: Do
    operate: Callable[[Restore], None] = lambda _: None
    """What an operator does after a restore."""
    restores: list[Restore] = field(default_factory=list)
    intruders: list[str] = field(default_factory=list)
    """Files that were written to the place of an archive that was not mounted."""
    signing_keys: list[SigningKey] = field(default_factory=list)
    """Those that signed manifests after the first."""
    _lines: dict[Part, Line] = field(default_factory=dict)
    _backups: list[Backup] = field(default_factory=list)
    _made: int = 0

    def open_lines(self) -> None:
        """Let the lines take connections, before any process needs them."""
        for part in LINES:
            self._lines[part] = self.cluster.line(part, self.cluster.plan.seed)
            self.do(self._lines[part].serve(), LINE_TIMEOUT)

    def close_lines(self) -> None:
        for line in self._lines.values():
            self.do(line.close(), LINE_TIMEOUT)

    def back_up(self) -> None:
        """Make a backup of all data."""
        self._made += 1
        folder = self.cluster.home / "backups" / str(self._made)
        self._backups.append(backups.back_up(self.cluster, folder))

    def inject(self, part: Part, fault: Fault, dice: Random) -> Outage:
        """Inject a fault; it lasts until `heal`."""
        match fault:
            case Fault.KILL | Fault.END | Fault.FREEZE:
                return self.cluster.inject(part, fault)
            case Fault.WRONG_CLOCK:
                ahead = dice.choice(CLOCK_AHEAD)
                self.cluster.set_clock(part, ahead)
            case Fault.RESTORE | Fault.RESTORE_ALL if part is Part.TEMPORAL:
                return self._take_down(fault)
            case Fault.UNMOUNT:
                self.cluster.directory.rename(self._unmounted)
                self.cluster.directory.mkdir()
            case Fault.ROTATE:
                self.signing_keys.append(rotation.rotate(self.cluster, self.proxy.receiver))
            case _ if part in LINES:
                self.do(self._lines[part].break_(fault), LINE_TIMEOUT)
        outage = Outage(part, fault, time.time())
        self.cluster.outages.append(outage)
        return outage

    def heal(self, outage: Outage) -> None:
        """End a fault."""
        match outage.fault:
            case Fault.KILL | Fault.END | Fault.FREEZE:
                self.cluster.heal(outage)
            case Fault.WRONG_CLOCK:
                self.cluster.set_clock(outage.part, 0.0)
            case Fault.RESTORE | Fault.RESTORE_ALL:
                self._restore(outage)
            case Fault.UNMOUNT:
                self._mount()
            case _ if outage.part in LINES:
                self.do(self._lines[outage.part].mend(), LINE_TIMEOUT)
        outage.ended = outage.ended or time.time()

    @property
    def _unmounted(self) -> Path:
        return self.cluster.home / "unmounted"

    def _take_down(self, fault: Fault) -> Outage:
        outage = self.cluster.inject(Part.TEMPORAL, Fault.KILL)
        outage.fault = fault
        return outage

    def _restore(self, outage: Outage) -> None:
        backup = self._backups[-min(2, len(self._backups))]
        has_database = outage.part is Part.TEMPORAL
        taken: frozenset[str] = frozenset()
        if outage.fault is Fault.RESTORE_ALL or not has_database:
            aside = self.cluster.home / "backups" / f"replaced-{len(self.restores) + 1}"
            taken = backups.restore_archive(self.cluster, backup, aside)
        restore = Restore(backup.at, time.time(), has_database, taken)
        self.restores.append(restore)
        if has_database:
            backups.restore_database(self.cluster, backup)
            self.cluster.heal(outage)
            self._restart_workers()
            # The runbook starts the workers last: it is over once they know what Temporal knows.
            outage.ended = time.time()
        # A later restore does not go back to before this one.
        self._backups.clear()
        self.back_up()
        self.operate(restore)

    def _restart_workers(self) -> None:
        """Let the workers forget what Temporal has forgotten; those that are down do so later."""
        down = {each.part for each in self.cluster.outages if each.ended is None}
        for worker in self.cluster.workers:
            if worker not in down:
                self.cluster.heal(self.cluster.inject(worker, Fault.END))

    def _mount(self) -> None:
        for file in self.cluster.directory.rglob("*"):
            if file.is_file() and not file.name.endswith(".part"):
                self.intruders.append(file.relative_to(self.cluster.directory).as_posix())
        self.cluster.directory.rename(self.cluster.home / f"empty-{len(self.cluster.outages)}")
        self._unmounted.rename(self.cluster.directory)
