"""The whole stack on one laptop: Temporal, emulator, archive, and Callvault's own processes."""

import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from callvault.archive.manifests.keys import Signer
from callvault.contracts.names import EVENTS_PATH
from callvault.errors import Unavailable
from callvault.local.azurite import Azurite, start_azurite
from callvault.local.processes import Process, Supervisor
from callvault.local.temporal import TemporalServer, start_temporal

RESOURCE = "default"
ARCHIVE = "local"
CONTAINER = "recordings"
CALLBACK_URL = f"CALLVAULT_RESOURCES__{RESOURCE.upper()}__CALLBACK_URL"
CALLVAULT = (sys.executable, "-m", "callvault")

# Set by the stack alone: settings of the shell must not lead to another Temporal or archive.
_OURS = ("CALLVAULT_", "TEMPORAL_")


@dataclass(frozen=True)
class LocalEmulator:
    """A running ACS emulator, as it announced itself."""

    endpoint: str
    control: str
    """Base URL of its control API: calls, participants, subscriptions."""
    topic: str
    connection_string: str = field(repr=False)


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
    settings: Mapping[str, str] | None = None,
) -> Stack:
    """Start everything and return when a call can be made.

    Settings and secrets are written to ``home``. Recordings go to the directory ``archive``, or to
    an Azurite of our own where there is none. ``emulator_options`` go to `callvault emulator`,
    each of ``workers`` to a `callvault worker` of its own. Temporal keeps its histories in the file
    ``database``, or in memory. ``settings`` are variables for the gateway and the workers alone.

    Raises `Unavailable` when a part does not start, `ConfigurationError` when one is not installed.
    """
    home = home.absolute()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Started first and waited for last: it starts while Temporal and Azurite do.
    emulating = supervisor.start(
        "emulator",
        [*CALLVAULT, "emulator", "--port", "0", *emulator_options],
        environment=environment_of(),
    )
    temporal = start_temporal(supervisor, database=database)
    store = archive or start_azurite(supervisor)
    emulator = announced_by(emulating)
    environment = environment_of(write_settings(home, emulator, store), temporal)
    supervisor.run("setup", [*CALLVAULT, "setup"], environment=environment)
    gateway = _start_gateway_and_workers(supervisor, {**environment, **(settings or {})}, workers)
    # Last: Event Grid asks the webhook for a handshake at once, which the gateway must answer.
    subscribe(emulating, emulator.control, gateway + EVENTS_PATH)
    return Stack(temporal, emulator, gateway, store, environment)


def write_settings(home: Path, emulator: LocalEmulator, archive: Path | Azurite) -> Path:
    """Write the settings of a stack; secrets go to files beside, which only we can read."""
    credential = _secret(home / "acs-connection-string", emulator.connection_string)
    settings = home / "callvault.toml"
    settings.write_text(
        f"""\
# Written anew at each start. Any `callvault` command can use it: CALLVAULT_CONFIG={settings}

[resources.{RESOURCE}]
endpoint = {_text(emulator.endpoint)}
topic = {_text(emulator.topic)}
credential.connection_string = {_text(credential)}

[archives.{ARCHIVE}]
signing_key = {_text(_signing_key(home))}
{_archive(home, archive)}
[participants]
key = {_text(_participant_key(home))}

[gateway]
port = 0
quarantine.kind = "directory"
quarantine.path = {_text(home / "quarantine")}

[log]
format = "console"
""",
        encoding="utf-8",
    )
    return settings


def _archive(home: Path, archive: Path | Azurite) -> str:
    if isinstance(archive, Path):
        return f'kind = "directory"\npath = {_text(archive.absolute())}\n'
    secret = _secret(home / "azurite-connection-string", archive.connection_string)
    return (
        f'kind = "azure_blob"\ncontainer = {_text(CONTAINER)}\n'
        f"connection_string = {_text(secret)}\n"
    )


def _signing_key(home: Path) -> str:
    """Return the reference to the key for manifests, made at the first start."""
    # Kept between starts, as the archive may be kept, too.
    file = home / "signing-key.pem"
    if file.exists():
        return f"file:{file}"
    return _secret(file, Signer.generate().pem().decode())


def _participant_key(home: Path) -> str:
    """Return the reference to the key for participants' hashes, made at the first start."""
    # Kept between starts, so that the hashes stay the same.
    file = home / "participant-key"
    return f"file:{file}" if file.exists() else _secret(file, secrets.token_urlsafe())


def _secret(file: Path, value: str) -> str:
    """Keep a secret in a file and return the reference to it."""
    # `touch` leaves the mode of an existing file as it is.
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(value, encoding="utf-8")
    return f"file:{file}"


def _text(value: str | Path) -> str:
    """Quote a TOML string."""
    # JSON's escapes are a part of TOML's.
    return json.dumps(str(value), ensure_ascii=False)


def environment_of(
    settings: Path | None = None, temporal: TemporalServer | None = None
) -> dict[str, str]:
    """Build the environment of a Callvault process that uses these settings and this server."""
    inherited = {key: text for key, text in os.environ.items() if not key.startswith(_OURS)}
    if settings:
        inherited["CALLVAULT_CONFIG"] = str(settings)
    if temporal:
        inherited["TEMPORAL_ADDRESS"] = temporal.address
        inherited["TEMPORAL_NAMESPACE"] = temporal.namespace
    # A profile in the user's own Temporal configuration must not be mixed in.
    return {**inherited, "TEMPORAL_CONFIG_FILE": os.devnull}


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


def _delivers(client: httpx.Client, webhook: str) -> bool | None:
    known = client.get("/subscriptions").json()["subscriptions"]
    state = next(each["state"] for each in known if each["endpoint"] == webhook)
    if state == "failed":
        raise Unavailable(
            f"the gateway did not answer the emulator's handshake at {webhook}: see both logs",
            owner="callvault",
        )
    return state == "active" or None
