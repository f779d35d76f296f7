"""The settings with which the parts of a local stack find each other, and their secrets."""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callvault.archive.manifests.keys import Signer
from callvault.config.sources import merged, read_toml
from callvault.local.azurite import Azurite
from callvault.local.receiver import LocalReceiver
from callvault.local.temporal import TemporalServer

RESOURCE = "default"
ARCHIVE = "local"
CONTAINER = "recordings"

# Set by the stack alone: settings of the shell must not lead to another Temporal or archive.
OURS = ("CALLVAULT_", "TEMPORAL_")

Tree = dict[str, Any]
"""Settings in tables, as TOML has them."""


@dataclass(frozen=True)
class LocalEmulator:
    """A running ACS emulator, as it announced itself."""

    endpoint: str
    control: str
    """Base URL of its control API: calls, participants, subscriptions."""
    topic: str
    connection_string: str = field(repr=False)


def write_settings(
    home: Path,
    emulator: LocalEmulator,
    archive: Path | Azurite,
    gateway_port: int = 0,
    more: Mapping[str, Any] | None = None,
) -> Path:
    """Write the settings of a stack, and ``more``; secrets go to files which only we can read."""
    settings = home / "callvault.toml"
    own = own_settings(home, emulator, archive, gateway_port) | {"log": {"format": "console"}}
    own = merged(own, dict(more or {}))
    note = (
        "# Written anew at each start. Any `callvault` command can use it:"
        f" CALLVAULT_CONFIG={settings}\n"
    )
    settings.write_text(note + "".join(_tables(own)), encoding="utf-8")
    return settings


def own_settings(
    home: Path, emulator: LocalEmulator, archive: Path | Azurite, gateway_port: int = 0
) -> Tree:
    """Return the settings without which the parts do not find each other; write their secrets."""
    connection_string = _secret(home / "acs-connection-string", emulator.connection_string)
    resource = {
        "endpoint": emulator.endpoint,
        "topic": emulator.topic,
        "archive": ARCHIVE,
        "credential": {"connection_string": connection_string},
    }
    return {
        "resources": {RESOURCE: resource},
        "archives": {ARCHIVE: {"signing_key": _signing_key(home), **_archive(home, archive)}},
        "participants": {"key": _participant_key(home)},
        "gateway": {
            "port": gateway_port,
            "quarantine": {"kind": "directory", "path": str(home / "quarantine")},
        },
    }


def receiver_settings(home: Path, receiver: LocalReceiver, file: Path | None) -> Tree:
    """Return the settings that send events and alarms to a receiver; write its secrets.

    What ``file`` sends elsewhere, with secrets of its own, is left to it.
    """
    url = _secret(home / "webhook-url", receiver.url)
    secret = _secret(home / "webhook-secret", receiver.secret)
    alarms = {"webhook_url": url, "webhook_secret": secret}
    events = {"webhook_url": url, "webhook_secrets": secret}
    theirs = read_toml(file) if file else {}
    settings: Tree = {}
    if not _has_webhook(theirs, "alarms"):
        settings["alarms"] = alarms
    if not _has_webhook(theirs, "resources", RESOURCE):
        settings["resources"] = {RESOURCE: events}
    return settings


def _has_webhook(settings: Tree, *path: str) -> bool:
    table: Any = settings
    for name in path:
        # Anything else than a table is refused once the settings are read.
        table = table.get(name) if isinstance(table, dict) else None
    return isinstance(table, dict) and any(key.startswith("webhook_") for key in table)


def as_variables(settings: Tree, prefix: str = "CALLVAULT_") -> dict[str, str]:
    """Return settings as environment variables, which count before those of any file."""
    variables: dict[str, str] = {}
    for key, value in settings.items():
        name = f"{prefix}{key.upper()}"
        if isinstance(value, dict):
            variables |= as_variables(value, f"{name}__")
        else:
            variables[name] = str(value)
    return variables


def environment_of(
    settings: Path | None = None, temporal: TemporalServer | None = None
) -> dict[str, str]:
    """Build the environment of a Callvault process that uses these settings and this server."""
    inherited = {key: text for key, text in os.environ.items() if not key.startswith(OURS)}
    if settings:
        inherited["CALLVAULT_CONFIG"] = str(settings)
    if temporal:
        inherited["TEMPORAL_ADDRESS"] = temporal.address
        inherited["TEMPORAL_NAMESPACE"] = temporal.namespace
    # A profile in the user's own Temporal configuration must not be mixed in.
    return {**inherited, "TEMPORAL_CONFIG_FILE": os.devnull}


def _archive(home: Path, archive: Path | Azurite) -> Tree:
    if isinstance(archive, Path):
        return {"kind": "directory", "path": str(archive.absolute())}
    secret = _secret(home / "azurite-connection-string", archive.connection_string)
    return {"kind": "azure_blob", "container": CONTAINER, "connection_string": secret}


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


def _tables(settings: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the text of each TOML table, those within it behind it."""
    plain = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    if plain:
        yield f"\n[{'.'.join(path)}]\n"
        # JSON's escapes are a part of TOML's.
        yield "".join(f"{k} = {json.dumps(v, ensure_ascii=False)}\n" for k, v in plain.items())
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _tables(value, (*path, key))
