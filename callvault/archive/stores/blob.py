"""An archive in an Azure Blob container, real or Azurite's."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self
from urllib.parse import urlsplit

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import (
    BlobClient,
    BlobProperties,
    ContainerClient,
    LinearRetry,
)

from callvault.archive.blocks import BlockDigests, BlockLedger, block_id, sha256_in
from callvault.archive.identity import read_identity
from callvault.archive.names import check_object_name
from callvault.archive.object_metadata import SHA256, unquoted
from callvault.archive.store import LinkTerms, StoredObject, protection
from callvault.archive.stores.blob_deletion import (
    delete_current,
    delete_versions,
    deletion_errors,
)
from callvault.archive.stores.blob_immutability import (
    Immutability,
    immutable_until,
)
from callvault.archive.stores.blob_links import BlobLinks
from callvault.archive.stores.blob_upload import BlobUpload
from callvault.azure_storage.clients import (
    StorageAccess,
    blob_service_client,
    container_client,
)
from callvault.azure_storage.errors import CONTAINER_NOT_FOUND, blob_error, blob_errors
from callvault.azure_storage.folders import is_folder
from callvault.azure_storage.put_blob import PutBlob
from callvault.azure_storage.transport import bounded_transport
from callvault.errors import ConfigurationError, StateConflict

_CONNECT_TIMEOUT = 10
_READ_TIMEOUT = 60
"""Seconds of silence on a connection; the caller limits the whole of a copy."""

_MAX_CONNECTIONS = 128
"""Limit of those kept alive; with the SDK's ten, copies would open new ones all the time."""

_READ_SIZE = 4 * 1024 * 1024
"""Bytes held in memory while reading; each is one ranged request, tied to the first one's ETag."""

_PROBE = ".callvault-check"


class BlobArchive:
    """Satisfies `callvault.archive.store.Archive`."""

    def __init__(
        self,
        name: str,
        container: ContainerClient,
        *,
        content_md5: bool | None = None,
        links: BlobLinks | None = None,
        immutability: Immutability | None = None,
        legal_holds: bool = False,
    ) -> None:
        """Use `open`, which sets retries and time-outs.

        ``content_md5`` has the service check every block against a second digest; by default,
        only where no TLS protects the connection.
        """
        # not always: the MD5 costs more than all the rest of a copy
        self._name = name
        self._container = container
        self._links = links
        self._immutability = immutability
        self._legal_holds = legal_holds
        is_plain = urlsplit(container.url).scheme == "http"
        self._put_blob = PutBlob(container, connect=_CONNECT_TIMEOUT, read_timeout=_READ_TIMEOUT)
        self._sends_md5 = is_plain if content_md5 is None else content_md5

    @classmethod
    def open(
        cls,
        name: str,
        access: StorageAccess,
        container: str,
        *,
        content_md5: bool | None = None,
        immutability: Immutability | None = None,
        legal_holds: bool = False,
    ) -> Self:
        """Open without asking the service; `ConfigurationError` for an access that cannot be used.

        It must allow to read, add, create, write and list, and for erasures to delete blobs and
        versions of them: a SAS by its permissions, an identity by the role Storage Blob Data
        Contributor. With ``legal_holds`` the account's own are set.
        """
        try:
            client = container_client(access, container, **_client_options())
            service = blob_service_client(access, **_client_options())
        except ValueError as error:
            raise ConfigurationError(
                f"archive {name}: the {_named(access)} cannot be used: {error}; correct it"
            ) from None
        links = BlobLinks(service) if service is not None else None
        return cls(
            name,
            client,
            content_md5=content_md5,
            links=links,
            immutability=immutability,
            legal_holds=legal_holds,
        )

    @property
    def name(self) -> str:
        return self._name

    def stat(self, object_name: str) -> StoredObject | None:
        with blob_errors(self._name, f"looking at {object_name}"):
            try:
                found = self._blob(object_name).get_blob_properties()
            except ResourceNotFoundError as error:
                if getattr(error, "error_code", None) == CONTAINER_NOT_FOUND:
                    raise
                return None
        return None if is_folder(found.size, found.metadata) else _stored(object_name, found)

    def recover(self, object_name: str) -> StoredObject | None:
        return self.stat(object_name)

    def begin(self, object_name: str, *, block_size: int, token: str = "") -> BlobUpload:
        ledger = BlockLedger(object_name, block_size)
        policy = self._immutability.options(object_name) if self._immutability else {}
        return BlobUpload(
            self,
            object_name,
            partial(self._blob, check_object_name(object_name)),
            ledger,
            token,
            sends_md5=self._sends_md5,
            policy=policy,
            put_blob=self._put_blob,
        )

    def digests(self, object_name: str) -> BlockDigests | None:
        with blob_errors(self._name, f"listing the blocks of {object_name}"):
            try:
                committed, _ = self._blob(object_name).get_block_list("committed")
            except HttpResponseError as error:
                # an append or a page blob: it has no blocks, and none that Callvault wrote is one
                if getattr(error, "error_code", None) == "InvalidBlobType":
                    return None
                raise
        if not committed:
            # written in one request: what was its only block's digest stands with its metadata
            found = self.stat(object_name)
            return BlockDigests.of_whole(found.size, found.sha256) if found else None
        digests = [sha256_in(block.id) for block in committed]
        if None in digests:
            return None
        # a block of the usual size comes first; of a single one the size does not matter
        return BlockDigests(committed[0].size, tuple(filter(None, digests)))

    def read(
        self, object_name: str, *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        if length == 0:
            return
        with blob_errors(self._name, f"reading {object_name}"):
            try:
                stream = self._blob(object_name).download_blob(offset=offset, length=length)
            except HttpResponseError as error:
                if error.status_code == 416:  # nothing at or after the end
                    return
                raise
            yield from stream.chunks()

    def names(self, prefix: str = "") -> Iterator[str]:
        with blob_errors(self._name, "listing objects"):
            listed = self._container.list_blobs(
                name_starts_with=prefix or None, include=["metadata"]
            )
            for blob in listed:
                if not is_folder(blob.size, blob.metadata):
                    yield str(blob.name)

    def delete(self, object_name: str, *, etag: str) -> bool:
        found = self.stat(object_name)
        # Asked first: without its current version a blob would look deleted, and is not.
        if found is not None and (reason := protection(found, datetime.now(UTC))):
            raise StateConflict(
                f"{self.location(object_name)} cannot be deleted: {reason}", owner="archive"
            )
        with deletion_errors(self._name, object_name):
            if found is not None:
                delete_current(self._container, object_name, etag)
            # After it: an account that keeps versions makes a former one of the current one.
            delete_versions(self._container, object_name)
        return found is not None

    @property
    def sets_legal_holds(self) -> bool:
        return self._legal_holds

    def set_legal_hold(self, object_name: str, *, held: bool) -> None:
        with blob_errors(self._name, f"setting the legal hold on {object_name}"):
            try:
                self._blob(object_name).set_legal_hold(held)
            except ResourceNotFoundError as error:
                if getattr(error, "error_code", None) == CONTAINER_NOT_FOUND:
                    raise

    def location(self, object_name: str) -> str:
        container = urlsplit(self._container.url)._replace(query="").geturl()
        return f"{container}/{check_object_name(object_name)}"

    def link(self, object_name: str, terms: LinkTerms) -> str | None:
        if self._links is None:
            return None
        with blob_errors(self._name, f"making a link to {object_name}"):
            return self._links.link(self._blob(object_name), terms)

    def prove(self) -> str:
        return read_identity(self)

    def check(self) -> None:
        self._probe()

    def make(self) -> None:
        try:
            self._probe()
        except ConfigurationError as error:
            if error.code != CONTAINER_NOT_FOUND:
                raise
            self._create_container()
            self._probe()

    def close(self) -> None:
        self._container.close()
        self._put_blob.close()
        if self._links is not None:
            self._links.close()

    def _blob(self, object_name: str) -> BlobClient:
        return self._container.get_blob_client(check_object_name(object_name))

    def _probe(self) -> None:
        """Stage a block that is never committed: it proves the right to write, and leaves nothing.

        A request for the container's properties proves less, and a container SAS forbids it.
        """
        probe = self._container.get_blob_client(_PROBE)
        with blob_errors(self._name, "checking that objects can be written"):
            probe.stage_block(block_id("", 0, hashlib.sha256(b"check").digest()), b"check")
            probe.exists()

    def _create_container(self) -> None:
        with blob_errors(self._name, "creating the container"):
            try:
                self._container.create_container()
            except ResourceExistsError as error:
                # another process was faster, unless the container is still being deleted
                if blob_error(error, self._name, "").code != "ContainerAlreadyExists":
                    raise


def _stored(object_name: str, properties: BlobProperties) -> StoredObject:
    metadata = {key.lower(): unquoted(value) for key, value in properties.metadata.items()}
    sha256 = metadata.pop(SHA256, None)
    return StoredObject(
        object_name,
        properties.size,
        sha256,
        str(properties.etag),
        metadata,
        immutable_until(properties),
        bool(properties.has_legal_hold),
    )


def _client_options() -> dict[str, Any]:
    timeouts = {"connection_timeout": _CONNECT_TIMEOUT, "read_timeout": _READ_TIMEOUT}
    return {
        "transport": bounded_transport(_MAX_CONNECTIONS, **timeouts),
        "retry_policy": LinearRetry(backoff=1, retry_total=1, random_jitter_range=1),
        "max_single_get_size": _READ_SIZE,
        "max_chunk_get_size": _READ_SIZE,
        "connection_data_block_size": _READ_SIZE // 4,  # a third of the SDK default's CPU time
    }


def _named(access: StorageAccess) -> str:
    if access.connection_string is not None:
        return "connection string"
    return "container URL" if access.sas_url is not None else "account URL"
