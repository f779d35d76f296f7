"""Options of the sockets to ACS: a request that is given up is not sent again by the kernel.

The kernel repeats what was not acknowledged, for minutes, also when its connection was closed: a
`resume` that had timed out would reach ACS after the `pause` that followed it.
"""

import socket
import struct

from callvault.contracts.activity_io import ACS_TIMEOUT

SocketOption = tuple[int, int, int] | tuple[int, int, bytes]

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""``struct linger``: on, for no time. Closing sends a reset, and drops what was not sent."""


def control_sockets() -> list[SocketOption]:
    """Return the options, as far as the platform has them."""
    options: list[SocketOption] = [(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)]
    if (user_timeout := getattr(socket, "TCP_USER_TIMEOUT", None)) is not None:
        # For a process that stands still, and gives nothing up: the kernel goes on without it.
        milliseconds = round(ACS_TIMEOUT.total_seconds() * 1000)
        options.append((socket.IPPROTO_TCP, user_timeout, milliseconds))
    return options
