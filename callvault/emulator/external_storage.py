"""The files of a recording, written to a container of the customer ("bring your own storage")."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from callvault.emulator.model import BlobLocations, Recording
from callvault.emulator.storage import AnyFile, StoredChunk

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

_NO_IDENTITY = "managedIdentityNotEnabled"


class Exporter:
    """Writer to the customer's containers.

    ``account_key`` stands for the rights of the resource's managed identity.
    """

    def __init__(self, account_key: str) -> None:
        self._account_key = account_key

    def export(self, recording: Recording, now: datetime) -> None:
        """Copy every chunk and note its location on the recording, or the reason of a failure."""
        url = recording.options.container_url or ""
        credential = self._credential(url)
        if credential is None and "sig=" not in urlsplit(url).query:
            recording.export_error = _NO_IDENTITY
            return
        folder = _folder(recording, now)
        try:
            recording.exported = _copy_all(recording, url, credential, folder)
        except Exception as error:  # any error of the SDK: the service announces its own copy then
            recording.export_error = type(error).__name__

    def _credential(self, url: str) -> dict[str, str] | None:
        return (
            {"account_name": _account(url), "account_key": self._account_key}
            if self._account_key
            else None
        )


def _copy_all(
    recording: Recording, url: str, credential: dict[str, str] | None, folder: str
) -> tuple[BlobLocations, ...]:
    from azure.storage.blob import ContainerClient

    # No retries: the file event waits for the export.
    options: dict[str, Any] = {"credential": credential, "retry_total": 0}
    with ContainerClient.from_container_url(url, **options) as container:
        extension = recording.options.media.container
        return tuple(_copy(container, chunk, extension, folder) for chunk in recording.chunks)


def _copy(
    container: "ContainerClient", chunk: StoredChunk, extension: str, folder: str
) -> BlobLocations:
    view = f"{chunk.view}{extension}"
    content = f"{folder}/{chunk.index}-{view}.{chunk.document_id}.{extension}"
    metadata = f"{folder}/{chunk.index}-acsmetadata.{chunk.document_id}.json"
    return BlobLocations(
        _upload(container, content, chunk.content), _upload(container, metadata, chunk.metadata)
    )


def _upload(container: "ContainerClient", name: str, file: AnyFile) -> str:
    blob = container.upload_blob(name, file.blocks(0, file.size), length=file.size)
    return str(blob.url).partition("?")[0]


def _folder(recording: Recording, now: datetime) -> str:
    """Name the folder as documented: day, call, first 8 of the recording's id and a new UUID."""
    short = recording.recording_id[:8]
    return f"{now:%Y%m%d}/{recording.call.call_id}/{short}-{uuid4()}"


def _account(url: str) -> str:
    """Read the account from the host, or from the path where the host is an address (Azurite)."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ".blob." in host:
        return host.partition(".")[0]
    return parts.path.strip("/").partition("/")[0]
