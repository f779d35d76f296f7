"""The rotation of keys, in files, while all runs: of ACS, storage, alarms and manifests."""

import hashlib
import time
from dataclasses import dataclass, replace

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.chaos.alarm_receiver import AlarmReceiver
from bench.chaos.cluster import Cluster
from bench.chaos.cluster_settings import (
    SIGNING_KEY,
    WEBHOOK_SECRET,
    list_public_key,
    write_secret,
)
from bench.chaos.parts import Fault, Part
from callvault.local.azurite import replace_key

ACS_SECRET = "acs-connection-string"
STORAGE_SECRET = "azurite-connection-string"
"""Files that `callvault.local.stack` writes."""


@dataclass(frozen=True)
class SigningKey:
    """A key that signs manifests, from a time on."""

    key_id: str
    since: float
    """Seconds since the epoch."""


def rotate(cluster: Cluster, receiver: AlarmReceiver) -> SigningKey:
    """Replace every key; the old ones are dead at once, but for that of alarms."""
    write_secret(cluster.home / WEBHOOK_SECRET, receiver.replace_key())
    key = Ed25519PrivateKey.generate()
    list_public_key(cluster.home, key.public_key())
    # Before it is written: a worker may read it and sign with it at once.
    since = time.time()
    write_secret(cluster.home / SIGNING_KEY, _pem(key))
    _rotate_acs(cluster)
    _rotate_storage(cluster)
    return SigningKey(_key_id(key), since)


def _rotate_acs(cluster: Cluster) -> None:
    try:
        answer = httpx.post(
            f"{cluster.emulator.control}/keys/rotate", json={"which": "primary"}, trust_env=False
        )
        key = answer.raise_for_status().json()["primaryKey"]
    except httpx.HTTPError:
        return  # the emulator is down, and keeps its key
    endpoint = cluster.emulator.connection_string.partition("accesskey=")[0]
    cluster.emulator = replace(cluster.emulator, connection_string=f"{endpoint}accesskey={key}")
    write_secret(cluster.home / ACS_SECRET, cluster.emulator.connection_string)


def _rotate_storage(cluster: Cluster) -> None:
    """Replace the key of the storage account; Azurite must be started again for that."""
    is_down = any(each.part is Part.AZURITE and each.ended is None for each in cluster.outages)
    if is_down or cluster.plan.has_directory:
        return
    outage = cluster.inject(Part.AZURITE, Fault.END)
    replace_key(cluster.home / "azurite")
    cluster.heal(outage)
    write_secret(cluster.home / STORAGE_SECRET, cluster.azurite.connection_string)


def _pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _key_id(key: Ed25519PrivateKey) -> str:
    """Compute the id of a key as docs/manifest.md has it."""
    return hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()[:16]
