"""Places of a quarantine, of both kinds, as tests look into them past Callvault."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from azure.storage.blob import BlobBlock, ContainerClient

from callvault.config.gateway import GatewaySettings
from callvault.ingest.quarantine import Quarantine
from callvault.ingest.quarantine_directory import DELIVERED
from callvault.local.azurite import Azurite


class Place(Protocol):
    """A place that gateways share, or a directory of one."""

    table: dict[str, Any]
    """Its settings."""

    def names(self) -> set[str]:
        """Return the name of everything in it that is whole and waits, a gateway's or not."""

    def bytes_of(self, name: str) -> bytes: ...

    def plant(self, name: str, content: bytes) -> None:
        """Write as somebody else does, over what is there."""

    def plant_half(self, name: str) -> None:
        """Leave what a writer leaves who is killed within its work."""

    def take_away(self) -> None:
        """Delete the whole place, for good."""


@dataclass
class Directory:
    """A directory."""

    path: Path

    @property
    def table(self) -> dict[str, Any]:
        return {"kind": "directory", "path": str(self.path)}

    def names(self) -> set[str]:
        return {path.name for path in self.path.iterdir() if path.is_file()}

    def bytes_of(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def plant(self, name: str, content: bytes) -> None:
        self.path.mkdir(exist_ok=True)
        (self.path / name).write_bytes(content)

    def plant_half(self, name: str) -> None:
        self.plant(f".{name}.0a1b2c3d.partial", b'{"reason"')

    def take_away(self) -> None:
        for path in sorted(self.path.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        self.path.rmdir()
        # A file in the way: the directory itself a gateway would make anew.
        self.path.write_bytes(b"")


@dataclass
class Container:
    """A container of Azurite."""

    client: ContainerClient
    secret: Path

    @property
    def table(self) -> dict[str, Any]:
        return {
            "kind": "azure_blob",
            "container": self.client.container_name,
            "connection_string": f"file:{self.secret}",
        }

    def names(self) -> set[str]:
        return set(self.client.list_blob_names())

    def bytes_of(self, name: str) -> bytes:
        return self.client.download_blob(name).readall()

    def plant(self, name: str, content: bytes) -> None:
        self.client.upload_blob(name, content, overwrite=True)

    def plant_half(self, name: str) -> None:
        self.client.get_blob_client(name).stage_block("MDAwMQ==", b'{"reason"')
        # Committed in part, by another program: an empty list is a blob without bytes.
        self.client.get_blob_client("half").commit_block_list(list[BlobBlock]())

    def take_away(self) -> None:
        self.client.delete_container()


@contextmanager
def container(azurite: Azurite, home: Path) -> Iterator[Container]:
    """Make a container of its own."""
    secret = home / "quarantine-secret"
    secret.write_text(azurite.connection_string)
    name = f"quarantine-{uuid.uuid4().hex[:12]}"
    with ContainerClient.from_connection_string(azurite.connection_string, name) as client:
        client.create_container()
        yield Container(client, secret)


def opened(place: Place) -> Quarantine:
    """Open a quarantine there, as a gateway does."""
    return Quarantine.open(GatewaySettings.model_validate({"quarantine": place.table}).quarantine)


def still_waiting(place: Place, quarantine: Quarantine) -> set[str]:
    """Return the names of what was not delivered; nothing that was delivered may be gone."""
    if isinstance(place, Directory):
        moved = place.path / DELIVERED
        assert not moved.exists() or all(each.stat().st_size for each in moved.iterdir())
    return {each.name for each in quarantine.pending()}
