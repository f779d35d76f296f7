"""The contents of an archive in a container, read with Azure's client and without Callvault."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from azure.storage.blob import ContainerClient

from callvault.archive.names import metadata_object_name
from callvault.local.azurite import Azurite
from callvault.local.stack_settings import CONTAINER

MAX_CONCURRENT_READS = 8


@dataclass(frozen=True)
class Object:
    """A media file in the archive, and its metadata file."""

    name: str
    document_id: str
    sha256: str
    metadata_sha256: str


def objects_in(azurite: Azurite) -> list[Object]:
    """Read every media file of the container, and the metadata file beside it."""
    with (
        ContainerClient.from_connection_string(azurite.connection_string, CONTAINER) as container,
        ThreadPoolExecutor(MAX_CONCURRENT_READS) as pool,
    ):
        blobs = {blob.name: blob for blob in container.list_blobs(include=["metadata"])}
        media = [name for name in blobs if not name.endswith((".json", ".pem"))]
        digests = dict(pool.map(lambda name: (name, _digest(container, name)), blobs))
        return [
            Object(
                name,
                (blobs[name].metadata or {}).get("document_id", ""),
                digests[name],
                digests.get(metadata_object_name(name), ""),
            )
            for name in media
        ]


def is_document(name: str) -> bool:
    """Tell if an object is a manifest, or a link of their chain."""
    file = name.rpartition("/")[2]
    is_manifest = file.startswith("manifest") and name.startswith("recordings/")
    return file.endswith(".json") and (is_manifest or name.startswith("manifests/"))


def json_in(azurite: Azurite) -> dict[str, bytes]:
    """Read every manifest, and every link of their chain."""
    with ContainerClient.from_connection_string(azurite.connection_string, CONTAINER) as container:
        names = [blob.name for blob in container.list_blobs() if is_document(blob.name)]
        return {name: container.download_blob(name).readall() for name in names}


def _digest(container: ContainerClient, name: str) -> str:
    return hashlib.sha256(container.download_blob(name).readall()).hexdigest()
