"""The whole stack on one laptop: Temporal, emulator, archive, and Callvault's own processes."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from callvault.config.sources import merged
from callvault.contracts.names import EVENTS_PATH
from callvault.errors import Unavailable
from callvault.local.azurite import Azurite, start_azurite
from callvault.local.ports import ANY_PORTS, Ports
from callvault.local.processes import Process, Supervisor
from callvault.local.receiver import LocalReceiver
from callvault.local.stack_settings import (
    RESOURCE,
    LocalEmulator,
    Tree,
    as_variables,
    environment_of,
    own_settings,
    receiver_settings,
    write_settings,
)
from callvault.local.temporal import TemporalServer, start_temporal

CALLBACK_URL = f"CALLVAULT_RESOURCES__{RESOURCE.upper()}__CALLBACK_URL"
CALLVAULT = (sys.executable, "-m", "callvault")


@dataclass(frozen=True)
class Stack:
    """The running parts, and their addresses."""

    temporal: TemporalServer
    emulator: LocalEmulator
    gateway: str
    """Base URL."""
    archive: Path | Azurite
    environment: Mapping[str, str] = field(repr=False)
    """Makes any `callvault` command talk to this stack."""


def start_stack(
    supervisor: Supervisor,
    home: Path,
    *,
    archive: Path | None = None,
    emulator_options: Sequence[str] = (),
    workers: Sequence[Sequence[str]] = ((),),
    database: Path | None = None,
    dynamic_config: Mapping[str, Any] | None = None,
    azurite_data: Path | None = None,
    ports: Ports = ANY_PORTS,
    settings: Mapping[str, str] | None = None,
    settings_file: Path | None = None,
    receiver: LocalReceiver | None = None,
) -> Stack:
    """Start everything and return when a call can be made.

    Settings and secrets are written to ``home``. Recordings go to the directory ``archive``, or to
    an Azurite of our own where there is none. ``emulator_options`` go to `callvault emulator`,
    each of ``workers`` to a `callvault worker` of its own. Temporal keeps its histories in the file
    ``database``, and Azurite its blobs in ``azurite_data``, or both in memory. ``settings`` are
    variables for the gateway and the workers alone; ``settings_file`` has settings beside ours.
    Events and alarms go to ``receiver``, unless that file sends them elsewhere.

    Raises `Unavailable` when a part does not start, `ConfigurationError` when one is not installed.
    """
    home = home.absolute()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Started first and waited for last: it starts while Temporal and Azurite do.
    listen = ("--port", str(ports.emulator), "--content-port", str(ports.emulator_content))
    emulating = supervisor.start(
        "emulator",
        [*CALLVAULT, "emulator", *listen, *emulator_options],
        environment=environment_of(),
    )
    temporal = start_temporal(
        supervisor,
        database=database,
        dynamic_config=dynamic_config,
        port=ports.temporal,
        ui_port=ports.temporal_ui,
    )
    store = archive or start_azurite(supervisor, data_directory=azurite_data, port=ports.azurite)
    emulator = announced_by(emulating)
    more: Tree = {"web_ui": {"url": temporal.ui_url}}
    if receiver:
        more |= receiver_settings(home, receiver, settings_file)
    environment = _environment(home, emulator, store, ports.gateway, temporal, settings_file, more)
    supervisor.run("setup", [*CALLVAULT, "setup"], environment=environment)
    gateway = _start_gateway_and_workers(supervisor, {**environment, **(settings or {})}, workers)
    # Last: Event Grid asks the webhook for a handshake at once, which the gateway must answer.
    subscribe(emulating, emulator.control, gateway + EVENTS_PATH)
    return Stack(temporal, emulator, gateway, store, environment)


def _environment(
    home: Path,
    emulator: LocalEmulator,
    store: Path | Azurite,
    gateway_port: int,
    temporal: TemporalServer,
    file: Path | None,
    more: Tree,
) -> dict[str, str]:
    if file is None:
        written = write_settings(home, emulator, store, gateway_port, more)
        return environment_of(written, temporal)
    ours = merged(own_settings(home, emulator, store, gateway_port), more)
    return environment_of(file.absolute(), temporal) | as_variables(ours)


def announced_by(process: Process) -> LocalEmulator:
    """Wait until an emulator has printed its addresses."""
    said = process.wait_for(lambda: process.announcement("connectionString"))
    return LocalEmulator(said["endpoint"], said["control"], said["topic"], said["connectionString"])


def _start_gateway_and_workers(
    supervisor: Supervisor, environment: Mapping[str, str], workers: Sequence[Sequence[str]]
) -> str:
    """Start gateway and workers, wait for all, and return the gateway's base URL."""
    # Without the setting the gateway has no route for callbacks; its port is not known yet, and it
    # reads no more of the URL than that there is one.
    receiving = {**environment, CALLBACK_URL: "http://127.0.0.1"}
    gateway = supervisor.start("gateway", [*CALLVAULT, "gateway"], environment=receiving)
    endpoint: str = gateway.wait_for(lambda: gateway.announcement("endpoint"))["endpoint"]
    # The workers come second: they give ACS the gateway's address for callbacks.
    environment = {**environment, CALLBACK_URL: endpoint}
    working = [
        supervisor.start(
            "-".join(["worker", *options[-1:]]),
            [*CALLVAULT, "worker", *options],
            environment=environment,
        )
        for options in workers
    ]
    for worker in working:
        _wait_until_ready(worker)
    return endpoint


def _wait_until_ready(worker: Process) -> None:
    worker.wait_for(lambda: worker.announcement("ready"))


def subscribe(
    process: Process, control: str, webhook: str, event_types: Sequence[str] = ()
) -> None:
    """Let the emulator deliver its events to the gateway; wait for Event Grid's handshake."""
    # A proxy of the environment cannot reach this machine's loopback.
    with httpx.Client(base_url=control, trust_env=False) as client:
        wanted = {"endpoint": webhook, "includedEventTypes": list(event_types)}
        client.post("/subscriptions", json=wanted).raise_for_status()
        process.wait_for(lambda: _delivers(client, webhook))


def subscribe_again(control: str, webhook: str) -> None:
    """Let an emulator that has lost its subscriptions deliver its events; wait for nothing."""
    with httpx.Client(base_url=control, trust_env=False) as client:
        known = client.get("/subscriptions").json()["subscriptions"]
        if not any(s["endpoint"] == webhook and s["state"] != "failed" for s in known):
            client.post("/subscriptions", json={"endpoint": webhook}).raise_for_status()


def _delivers(client: httpx.Client, webhook: str) -> bool | None:
    known = client.get("/subscriptions").json()["subscriptions"]
    state = next(each["state"] for each in known if each["endpoint"] == webhook)
    if state == "failed":
        raise Unavailable(
            f"the gateway did not answer the emulator's handshake at {webhook}: see both logs",
            owner="callvault",
        )
    return state == "active" or None
