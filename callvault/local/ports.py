"""The ports of a local stack: those that people know, where they are free."""

import socket
from dataclasses import dataclass, fields, replace

from callvault.local.temporal import HOST, free_ports


@dataclass(frozen=True)
class Ports:
    """The ports of the parts on this machine; 0 for any that is free."""

    temporal: int = 0
    temporal_ui: int = 0
    gateway: int = 0
    emulator: int = 0
    emulator_content: int = 0
    azurite: int = 0


ANY_PORTS = Ports()

USUAL_PORTS = Ports(
    temporal=7233,
    temporal_ui=8233,
    gateway=8080,
    emulator=8900,
    emulator_content=8901,
    azurite=10_000,
)
"""Those that the programs themselves have by default."""


def free_or_other(wanted: Ports) -> tuple[Ports, list[str]]:
    """Replace the ports that are taken, or are any, by free ones; say which were taken."""
    chosen, taken = wanted, []
    others = free_ports(len(fields(Ports)))
    for each in fields(Ports):
        port: int = getattr(wanted, each.name)
        if port and is_free(port):
            continue
        other = others.pop()
        chosen = replace(chosen, **{each.name: other})
        if port:
            taken.append(f"port {port} is taken: {each.name.replace('_', ' ')} has {other}")
    return chosen, taken


def is_free(port: int) -> bool:
    """Tell if a server could listen at the port now."""
    with socket.socket() as probe:
        # As servers do: a connection that has just ended keeps none of them away.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
