"""The network between the hosts and the servers: a bridge, and a link to each host.

The servers are in the network of the run itself, the hub; each host is a network namespace. From a
host, 127.0.0.1 is the hub's: Callvault takes ``http://`` on loopback only, so that the packets to
that address are sent over the link instead. They are real packets of real connections, and no
address beyond 127.0.0.0/8 is used.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.chaos.parts import HOSTS, Fault, Part
from bench.cluster import namespaces
from callvault.local.processes import Process, Supervisor

HUB = "hub"
HUB_MAC = "02:00:00:00:00:01"
"""Fixed: a bridge takes that of a link otherwise, and another when the link is cut."""
NOBODYS_MAC = "02:00:00:00:00:fe"
SERVERS = "127.0.0.1"
SUBNET = "127.88.0"
RATE = "1mbit"
"""Of each link, either way: an export of a small file then lasts long enough to be interrupted."""
SLOW_RATE = "128kbit"
SLOW_DELAY = "150ms"
COMMAND_TIMEOUT = 60.0
BURST = ("burst", "32kb", "latency", "800ms")
ROUTE_LOCALNET = "ipv4/conf/{}/route_localnet"


class NoNetwork(Exception):
    """A command that changes the network has failed."""


@dataclass
class Network:
    """The hosts' links; for the main thread only, as the supervisor is."""

    supervisor: Supervisor
    left_out: list[str] = field(default_factory=list)
    """Sentences about what this kernel cannot do."""
    _holders: dict[Part, Process] = field(default_factory=dict)
    """A process of each host, which keeps its namespace."""
    _has_delay: bool = True
    _has_rate: bool = True

    def build(self) -> None:
        """Make the hub and every host, with all links up."""
        if not namespaces.is_inside():
            raise NoNetwork("this is not a network of the run's own: begin it with bench.cluster")
        # Of 127.0.0.0/8 only this address stays on loopback; the hosts have others.
        _run("ip", "address", "replace", f"{SERVERS}/32", "dev", "lo")
        _run("ip", "address", "delete", f"{SERVERS}/8", "dev", "lo")
        _run("ip", "link", "add", HUB, "address", HUB_MAC, "type", "bridge")
        namespaces.write_setting(ROUTE_LOCALNET.format(HUB), "1")
        _run("ip", "address", "add", f"{SUBNET}.1/24", "dev", HUB)
        _run("ip", "link", "set", HUB, "up")
        self._probe()
        for host in HOSTS:
            self._add(host)

    def inside(self, host: Part, command: Sequence[str]) -> list[str]:
        """Return a command that runs the given one on a host, and becomes it."""
        return ["nsenter", f"--net=/proc/{self._holders[host].pid}/ns/net", "--", *command]

    def break_(self, host: Part, fault: Fault) -> None:
        """Let a host's link have a fault until `mend`."""
        match fault:
            case Fault.CUT_OFF:
                _run("ip", "link", "set", host, "nomaster")
            case Fault.LINK_DOWN:
                self._on(host, "ip", "link", "set", "eth0", "down")
            case Fault.ONE_WAY:
                lost = (_address(host), "lladdr", NOBODYS_MAC, "dev", HUB, "nud", "permanent")
                _run("ip", "neighbour", "replace", *lost)
            case Fault.SLOW_LINE:
                self._limit(host, self._slow)

    def mend(self, host: Part, fault: Fault) -> None:
        """End the fault of a host's link."""
        match fault:
            case Fault.CUT_OFF:
                _run("ip", "link", "set", host, "master", HUB)
            case Fault.LINK_DOWN:
                self._up(host)
            case Fault.ONE_WAY:
                _run("ip", "neighbour", "delete", _address(host), "dev", HUB)
            case Fault.SLOW_LINE:
                self._limit(host, ("tbf", "rate", RATE, *BURST))

    def _add(self, host: Part) -> None:
        holder = self.supervisor.start(host, ["unshare", "--net", "sleep", "infinity"])
        self._holders[host] = holder
        outside = namespaces.identity()
        holder.wait_for(lambda: namespaces.identity(holder.pid) != outside or None)
        peer = ("peer", "name", "eth0", "netns", str(holder.pid))
        _run("ip", "link", "add", host, "type", "veth", *peer)
        _run("ip", "link", "set", host, "master", HUB, "up")
        self._on(host, "ip", "address", "add", f"{_address(host)}/24", "dev", "eth0")
        path = "/proc/sys/net/" + ROUTE_LOCALNET.format("eth0")
        self._on(host, "sh", "-c", f"echo 1 > {path}")
        self._up(host)
        self._limit(host, ("tbf", "rate", RATE, *BURST))

    def _up(self, host: Part) -> None:
        self._on(host, "ip", "link", "set", "eth0", "up")
        source = ("src", _address(host))
        self._on(host, "ip", "route", "replace", f"{SERVERS}/32", "dev", "eth0", *source)

    def _probe(self) -> None:
        """Find out which shapes of traffic this kernel can make."""
        self._has_rate = _can("tbf", "rate", RATE, *BURST)
        self._has_delay = _can("netem", "delay", SLOW_DELAY)
        if not self._has_rate:
            self.left_out.append("The links have no limit of their rate: `tc` has no `tbf` here.")
        if not self._has_delay:
            self.left_out.append(
                f"A slow line has {SLOW_RATE} and the delay of its queue, but none of its own: the"
                " kernel has no `netem`."
            )

    @property
    def _slow(self) -> tuple[str, ...]:
        if self._has_delay:
            return ("netem", "delay", SLOW_DELAY, "50ms", "rate", SLOW_RATE)
        return ("tbf", "rate", SLOW_RATE, *BURST)

    def _limit(self, host: Part, discipline: tuple[str, ...]) -> None:
        """Limit what goes to the host, and what comes from it."""
        if not self._has_rate and "tbf" in discipline:
            discipline = ("pfifo",)
        _run("tc", "qdisc", "replace", "dev", host, "root", *discipline)
        self._on(host, "tc", "qdisc", "replace", "dev", "eth0", "root", *discipline)

    def _on(self, host: Part, *command: str) -> None:
        _run(*self.inside(host, command))


def _address(host: Part) -> str:
    return f"{SUBNET}.{2 + HOSTS.index(host)}"


def _can(*discipline: str) -> bool:
    try:
        _run("tc", "qdisc", "replace", "dev", HUB, "root", *discipline)
        _run("tc", "qdisc", "delete", "dev", HUB, "root")
    except NoNetwork:
        return False
    return True


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT)
    except FileNotFoundError as error:
        raise NoNetwork(f"{command[0]} was not found: apt-get install iproute2") from error
    if done.returncode:
        raise NoNetwork(f"{' '.join(command)}: {done.stderr.strip()}")
