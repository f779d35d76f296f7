"""Temporal's own server on PostgreSQL: a frontend, matching, worker and two history hosts.

The server is a published version of ``go.temporal.io/server``, which `make` installs with
``go install``: processes of their own, as in production, in place of the development server.
"""

import json
import random
import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from bench.chaos.cluster import Cluster
from bench.chaos.parts import HISTORY, Part
from bench.cluster.hosts import HostCluster
from bench.cluster.postgresql import USER, program, start_postgresql
from callvault.local.processes import Process
from callvault.local.temporal import TemporalServer, free_ports, temporal_binary

INSTALLED = Path(__file__).parents[2] / ".sdk" / "temporal-server"
"""The folder of ``go install``'s programs."""
SERVICES = ("frontend", "matching", "worker")
DATABASES = {"temporal": "temporal", "temporal_visibility": "visibility"}
"""Databases, and the folders of their schemas."""
SHARDS = 16
LOW_PORTS = range(20_000, 32_000)
"""Below those that the system gives to who asks for any."""
NAMESPACE = "default"
COMMAND_TIMEOUT = 120.0
DYNAMIC_CONFIG = {"system.enableActivityEagerExecution": [{"value": True}]}
"""As `callvault dev` has it."""


def not_installed() -> str:
    """Say in a sentence what is missing; empty where nothing is."""
    if not all((INSTALLED / name).exists() for name in ("server", "sql")):
        return (
            f"Temporal's server is missing in {INSTALLED}: `make cluster SERVER=postgresql`"
            " installs it, where Go is"
        )
    if program("initdb") is None:
        return "PostgreSQL's server is missing: apt-get install postgresql"
    return ""


class OnPostgresql(Cluster):
    """A cluster whose Temporal server is a cluster, too."""

    def _start_temporal(self) -> None:
        self._folder = self.home / "temporal"
        self._folder.mkdir()
        (self._folder / "dynamic.yaml").write_text(json.dumps(DYNAMIC_CONFIG))
        self._choose_ports()
        start_postgresql(self.supervisor, self.home / "postgresql", self._database_port)
        _make_schemas(self._database_port)
        for part in HISTORY:
            self._start_history(part)
        frontend, *_ = [self._start_member(name, name) for name in SERVICES]
        self._running[Part.TEMPORAL] = frontend
        frontend.wait_for(partial(_has_namespace, self._frontend))
        self.temporal = TemporalServer(self._frontend, ui_url=None, namespace=NAMESPACE)

    def _choose_ports(self) -> None:
        """Choose the ports of each member: for its service, and for the others of the cluster."""
        names = (*SERVICES, *HISTORY)
        self._database_port, *ports = free_ports(1 + len(names))
        # Where the line of a worker leads to.
        ports[names.index("frontend")] = self._ports[Part.TEMPORAL]
        members = zip(ports, _low_ports(len(names)), strict=True)
        self._members = dict(zip(names, members, strict=True))

    @property
    def _frontend(self) -> str:
        return f"127.0.0.1:{self._ports[Part.TEMPORAL]}"

    def _starters(self) -> dict[Part, Callable[[], None]]:
        return super()._starters() | {part: partial(self._start_history, part) for part in HISTORY}

    def _start_history(self, part: Part) -> None:
        self._running[part] = self._start_member(part, "history", self._next_name(part))

    def _start_member(self, member: str, service: str, name: str = "") -> Process:
        file = self._folder / f"{member}.yaml"
        # JSON is YAML, too.
        file.write_text(json.dumps(self._config(member, service)))
        options = ("--config-file", str(file), "--allow-no-auth")
        command = [str(INSTALLED / "server"), *options, "start", "--service", service]
        return self.supervisor.start(name or member, command)

    def _config(self, member: str, service: str) -> dict[str, Any]:
        # Each member looks for those of every service that it knows; a member tells its own port.
        members = {**{name: name for name in SERVICES}, "history": HISTORY[0], service: member}
        return {
            "log": {"stdout": True, "level": "warn"},
            "persistence": {
                "defaultStore": "temporal",
                "visibilityStore": "temporal_visibility",
                "numHistoryShards": SHARDS,
                "datastores": {name: self._store(name) for name in DATABASES},
            },
            "global": {"membership": {"maxJoinDuration": "30s", "broadcastAddress": "127.0.0.1"}},
            "services": {each: {"rpc": self._rpc(name)} for each, name in members.items()},
            "clusterMetadata": {
                "failoverVersionIncrement": 10,
                "masterClusterName": "active",
                "currentClusterName": "active",
                "clusterInformation": {
                    "active": {
                        "enabled": True,
                        "initialFailoverVersion": 1,
                        "rpcName": "frontend",
                        "rpcAddress": self._frontend,
                    }
                },
            },
            "publicClient": {"hostPort": self._frontend},
            "dynamicConfigClient": {
                "filepath": str(self._folder / "dynamic.yaml"),
                "pollInterval": "10s",
            },
        }

    def _rpc(self, member: str) -> dict[str, Any]:
        grpc, membership = self._members[member]
        return {"grpcPort": grpc, "membershipPort": membership, "bindOnLocalHost": True}

    def _store(self, database: str) -> dict[str, Any]:
        return {
            "sql": {
                "pluginName": "postgres12",
                "databaseName": database,
                "connectAddr": f"127.0.0.1:{self._database_port}",
                "connectProtocol": "tcp",
                "user": USER,
                "password": "",
                "maxConns": 8,
                "maxIdleConns": 8,
            }
        }


class HostsOnPostgresql(OnPostgresql, HostCluster):
    """A cluster of hosts on that server."""


def _low_ports(count: int) -> list[int]:
    """Return free ports that Temporal's schema for PostgreSQL has room for: 15 bits."""
    with ExitStack() as held:
        found: list[int] = []
        for port in random.sample(LOW_PORTS, len(LOW_PORTS)):
            with suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
            if len(found) == count:
                break
    return found


def _make_schemas(port: int) -> None:
    for database, folder in DATABASES.items():
        sql = [
            *(str(INSTALLED / "sql"), "--plugin", "postgres12", "--endpoint", "127.0.0.1"),
            *("--port", str(port), "--user", USER, "--database", database),
        ]
        _run(*sql, "create-database", "--defaultdb", "postgres")
        _run(*sql, "setup-schema", "--version", "0.0")
        _run(*sql, "update-schema", "--schema-name", f"postgresql/v12/{folder}")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {(done.stdout + done.stderr)[-2000:]}")


def _has_namespace(address: str) -> bool | None:
    """Create the namespace, until the server has found its members and does it."""
    create = ("operator", "namespace", "create", "--retention", "1d", "--namespace", NAMESPACE)
    command = [str(temporal_binary()), *create, "--address", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT)
    return done.returncode == 0 or "already" in done.stderr or None
