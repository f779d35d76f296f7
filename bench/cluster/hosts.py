"""The cluster whose workers are on hosts of their own, and the faults of these hosts."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import ClassVar

from bench.chaos.cluster import Cluster
from bench.chaos.parts import HOSTS, Fault, Outage, Part
from bench.chaos.world import World
from bench.cluster.network import Network
from bench.cluster.slow_processor import SlowProcessor

LINK_FAULTS = (Fault.CUT_OFF, Fault.LINK_DOWN, Fault.ONE_WAY, Fault.SLOW_LINE)
MAX_MEMORY = 8 << 30
"""Bytes of all processes together."""


class TooMuchMemory(Exception):
    """The processes of a run have grown beyond their bound."""


class HostCluster(Cluster):
    """A cluster whose workers reach the servers over links."""

    workers: ClassVar[tuple[Part, ...]] = HOSTS
    peak_memory = 0
    """Bytes."""

    def build(self) -> None:
        self.network = Network(self.supervisor)
        self.network.build()
        super().build()

    def process_group(self, part: Part) -> int:
        """Return the process group of a running part."""
        return self._running[part].pid

    def check_memory(self) -> None:
        """Raise `TooMuchMemory` where the processes have grown beyond their bound."""
        used = sum(_resident(process.pid) for process in self.supervisor.processes)
        self.peak_memory = max(self.peak_memory, used)
        if used > MAX_MEMORY:
            raise TooMuchMemory(
                f"the processes of this run take {used >> 20} MiB, more than {MAX_MEMORY >> 20}:"
                " play fewer scenarios at a time"
            )

    def _role(self, part: Part) -> list[str]:
        command = super()._role(part)
        return self.network.inside(part, command) if part in HOSTS else command


class UnsavedWorld(World):
    """Injects faults that take no data back."""

    def back_up(self) -> None:
        """Save nothing, since nothing is to be restored."""


@dataclass
class HostWorld(UnsavedWorld):
    """Injects faults into hosts and their links."""

    _slow: dict[Part, SlowProcessor] = field(default_factory=dict)

    def inject(self, part: Part, fault: Fault, dice: Random) -> Outage:
        self.hosts.check_memory()
        if fault in LINK_FAULTS:
            self.hosts.network.break_(part, fault)
        elif fault is Fault.SLOW_PROCESSOR:
            self._slow[part] = SlowProcessor(self.hosts.process_group(part))
        else:
            return super().inject(part, fault, dice)
        outage = Outage(part, fault, time.time())
        self.cluster.outages.append(outage)
        return outage

    def heal(self, outage: Outage) -> None:
        if outage.fault in LINK_FAULTS:
            self.hosts.network.mend(outage.part, outage.fault)
        elif outage.fault is Fault.SLOW_PROCESSOR:
            self._slow.pop(outage.part).end()
        super().heal(outage)

    @property
    def hosts(self) -> HostCluster:
        assert isinstance(self.cluster, HostCluster)
        return self.cluster


def _resident(pid: int) -> int:
    """Return the bytes of a process that are in memory; 0 once it has ended."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
