"""Ask a server on the hub from two hosts, before, during and after each fault of one's link.

Prints a line of JSON for each fault, or with ``stay`` one about the hosts. Runs in a network
namespace of its own.
"""

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from bench.chaos.parts import HOSTS, Fault, Part
from bench.cluster.network import Network
from callvault.local.processes import Supervisor

FAULTS = (Fault.CUT_OFF, Fault.LINK_DOWN, Fault.ONE_WAY, Fault.SLOW_LINE)
ASK = """
import socket, sys
try:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=1) as asking:
        print(asking.recv(9).decode())
except TimeoutError:
    print("TimeoutError")
except OSError:
    print("at once")
"""
SEND = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
    try:
        sending.sendto(b"hello", ("127.0.0.1", int(sys.argv[1])))
    except OSError:
        pass
"""


def serve(listener: socket.socket, heard: set[str]) -> None:
    """Answer every connection, and remember its address."""
    while True:
        connection, (address, _) = listener.accept()
        heard.add(address)
        connection.sendall(b"hub")
        connection.close()


def arrived(listener: socket.socket) -> bool:
    """Tell if a datagram has come."""
    try:
        return bool(listener.recv(9))
    except TimeoutError:
        return False


def say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def stay(folder: str) -> None:
    """Make the network, tell the processes that keep the hosts, and wait to be ended."""
    with Supervisor(Path(folder)) as supervisor:
        Network(supervisor).build()
        say({"pids": [process.pid for process in supervisor.processes]})
        time.sleep(60)


def main(folder: str) -> None:
    answering = socket.create_server(("127.0.0.1", 0))
    hearing = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    hearing.bind(answering.getsockname())
    hearing.settimeout(0.5)
    port = str(answering.getsockname()[1])
    heard: set[str] = set()
    with Supervisor(Path(folder)) as supervisor:
        network = Network(supervisor)
        network.build()
        threading.Thread(target=serve, args=(answering, heard), daemon=True).start()
        first, second, _ = HOSTS

        def do(host: Part, program: str) -> str:
            command = network.inside(host, [sys.executable, "-I", "-S", "-c", program, port])
            return subprocess.run(command, capture_output=True, text=True).stdout.strip()

        for fault in FAULTS:
            said: dict[str, object] = {"fault": fault, "before": do(first, ASK)}
            network.break_(first, fault)
            do(first, SEND)
            said |= {"arrived": arrived(hearing), "during": do(first, ASK)}
            said |= {"other": do(second, ASK)}
            network.mend(first, fault)
            say({**said, "after": do(first, ASK)})
    say({"fault": "none", "hosts": sorted(heard)})


if __name__ == "__main__":
    {"main": main, "stay": stay}[sys.argv[1]](sys.argv[2])
