"""The settings of a cluster, as the environment variables of its processes."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from callvault.local.stack_settings import ARCHIVE, RESOURCE

DEAD_LETTERS = "dead-letters"
RESULT_API = "2024-09-01-preview"
SIGNING_KEY = "signing-key.pem"
"""File that `callvault.local.stack` writes."""
PUBLIC_KEYS = "public-keys.pem"
WEBHOOK_SECRET = "webhook-secret"


@dataclass(frozen=True)
class ClusterConfig:
    """The settings of a cluster."""

    seed: int
    export_window: float
    """Seconds."""
    event_expected_within: float
    """Seconds."""
    state_poll_interval: float
    """Seconds."""
    polls_result: bool
    escalation_schedule: tuple[float, ...]
    """Seconds."""
    proxy: str
    """Base URL of the proxy for events and alarms."""
    webhook_secret: str
    """First key that signs alarms; it is rotated."""
    has_directory: bool
    """True for an archive in a directory, whose sources are deleted; else it is a container."""
    mutation: str = ""
    """Name of the mutation: a promise that is broken on purpose, for a test of the checker."""


def settings_of(
    plan: ClusterConfig,
    *,
    content_port: int,
    gateway_port: int,
    dead_letters: str,
    home: Path,
) -> dict[str, str]:
    """Write the settings; ``dead_letters`` is the URL of Event Grid's container."""
    return {
        **_resource(plan, content_port),
        "CALLVAULT_GATEWAY__PORT": str(gateway_port),
        "CALLVAULT_ALARMS__WEBHOOK_URL": "env:ALARMS",
        "CALLVAULT_ALARMS__WEBHOOK_SECRET": f"file:{home / WEBHOOK_SECRET}",
        f"CALLVAULT_ARCHIVES__{ARCHIVE.upper()}__PUBLIC_KEYS": str(home / PUBLIC_KEYS),
        "CALLVAULT_ALARMS__GROUP_INTERVAL": "3s",
        "ALARMS": f"{plan.proxy}/alarms",
        "CALLVAULT_DEAD_LETTERS__GRID__SAS_URL": "env:DEAD_LETTERS",
        "CALLVAULT_DEAD_LETTERS__GRID__CONTAINER": DEAD_LETTERS,
        "DEAD_LETTERS": dead_letters,
    }


def _resource(plan: ClusterConfig, content_port: int) -> dict[str, str]:
    settings = {
        "EXPORT_WINDOW": f"{plan.export_window:g}s",
        "EVENT_EXPECTED_WITHIN": f"{plan.event_expected_within:g}s",
        "ESCALATION_SCHEDULE": ",".join(f"{step:g}s" for step in plan.escalation_schedule),
        "STATE_POLL_INTERVAL": f"{plan.state_poll_interval:g}s",
        # An empty variable counts as not set.
        "RESULT_API_VERSION": RESULT_API if plan.polls_result else "",
        "CONTENT_HOSTS": f"127.0.0.1:{content_port}",
        "DELETE_SOURCE": str(plan.has_directory).lower(),
    }
    prefix = f"CALLVAULT_RESOURCES__{RESOURCE.upper()}__"
    return {f"{prefix}{name}": value for name, value in settings.items()}


def write_secret(file: Path, value: str) -> None:
    """Replace a secret at once, so that no process reads half of it."""
    new = file.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(value, encoding="utf-8")
    new.replace(file)


def list_public_key(home: Path, key: PublicKeyTypes) -> None:
    """Add a signing key to those that are believed, as the runbook says: before it signs."""
    with (home / PUBLIC_KEYS).open("ab") as known:
        known.write(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
