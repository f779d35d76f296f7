"""One attempt at writing a blob: in one request, or in blocks and the list that joins them."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType, TracebackType
from typing import Any, Self

from azure.core import MatchConditions
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobBlock, BlobClient, ContentSettings

from callvault.archive.blocks import (
    Block,
    BlockDigests,
    BlockLedger,
    Layout,
    block_id,
    sha256_in,
    staged_blocks,
)
from callvault.archive.object_metadata import SHA256, bounded, quoted
from callvault.archive.store import Archive, StoredObject, settle
from callvault.azure_storage.errors import (
    CONTAINER_NOT_FOUND,
    INVALID_BLOCK_LIST,
    blob_errors,
)
from callvault.azure_storage.put_blob import PutBlob
from callvault.errors import CallvaultError


class BlobUpload:
    """Satisfies `callvault.archive.store.Upload`.

    Blocks of an abandoned attempt are invisible and expire within a week.
    """

    def __init__(
        self,
        archive: Archive,
        object_name: str,
        open_blob: Callable[[], BlobClient],
        ledger: BlockLedger,
        token: str,
        *,
        sends_md5: bool,
        policy: Mapping[str, Any] = MappingProxyType({}),
        put_blob: PutBlob | None = None,
    ) -> None:
        """``policy`` are options of the commit, as `Immutability.options` makes them.

        ``put_blob`` is the short way for small blobs; without it they go the SDK's.
        """
        self._archive = archive
        self._object_name = object_name
        self._open_blob = open_blob
        self._put_blob = put_blob
        self._ledger = ledger
        self._token = token
        self._sends_md5 = sends_md5
        self._policy = policy
        self._ids: dict[int, str] = {}

    @cached_property
    def _blob(self) -> BlobClient:
        return self._open_blob()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave staged blocks: another attempt at the same object may be counting on them."""

    def resume(self, layout: Layout) -> Mapping[int, bytes]:
        """Ask the service for staged blocks: it tells their sizes, and their ids say the rest."""
        with blob_errors(self._archive.name, f"listing staged blocks of {self._object_name}"):
            try:
                _, staged = self._blob.get_block_list("uncommitted")
            except ResourceNotFoundError as error:
                if getattr(error, "error_code", None) == CONTAINER_NOT_FOUND:
                    raise
                return {}
        sizes = {block.id: block.size for block in staged}
        found = staged_blocks(sizes, layout)
        for index, staged_id in found.items():
            self._add(index, sizes[staged_id], staged_id)
        return {index: sha256_in(staged_id) or b"" for index, staged_id in found.items()}

    def put(self, index: int, block: Block, *, sha256: bytes | None = None) -> None:
        self._ledger.offset(index, len(block))
        digest = sha256 or hashlib.sha256(block).digest()
        new_id = block_id(self._token, index, digest)
        with blob_errors(self._archive.name, f"storing block {index} of {self._object_name}"):
            # the buffer itself, not a copy as `bytes`: that would double the memory of a copy.
            # Where the SDK tries again, it sends the same memory again
            self._blob.stage_block(
                new_id,
                block,  # type: ignore[arg-type]
                length=len(block),
                headers=_md5(block) if self._sends_md5 else {},
            )
        self._add(index, len(block), new_id)

    def _add(self, index: int, length: int, staged_id: str) -> None:
        self._ledger.add(index, length, sha256_in(staged_id) or b"")
        self._ids[index] = staged_id

    def write_whole(
        self,
        data: Block,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        sha256: bytes | None = None,
    ) -> StoredObject:
        size = len(data)
        self._ledger.offset(0, size)
        digests = BlockDigests(size, (sha256 or hashlib.sha256(data).digest(),))
        checks, kept = _md5(data) if self._sends_md5 else {}, bounded(metadata)
        # the SDK alone knows how to write a policy, and what became of an attempt that failed
        if self._put_blob is not None and not self._policy:
            named = {f"x-ms-meta-{k}": v for k, v in _properties(digests, kept).items()}
            headers = checks | {"x-ms-blob-content-type": content_type} | named
            if etag := self._put_blob.create(self._object_name, data, headers):
                return StoredObject(self._object_name, size, digests.whole, etag, kept)

        def upload_blob(**options: Any) -> dict[str, Any]:
            # it takes no other memory than `bytes`
            return self._blob.upload_blob(bytes(data), length=size, headers=checks, **options)

        return self._publish("storing", upload_blob, size, digests, content_type, metadata)

    def commit(self, *, size: int, content_type: str, metadata: Mapping[str, str]) -> StoredObject:
        digests = self._ledger.whole(size)
        blocks = [BlobBlock(block_id=self._ids[index]) for index in range(len(digests.sha256))]

        def put_block_list(**options: Any) -> dict[str, Any]:
            return self._blob.commit_block_list(blocks, **options)

        return self._publish("committing", put_block_list, size, digests, content_type, metadata)

    def _publish(
        self,
        action: str,
        send: Callable[..., dict[str, Any]],
        size: int,
        digests: BlockDigests,
        content_type: str,
        metadata: Mapping[str, str],
    ) -> StoredObject:
        """Send the request that makes the blob visible, under the conditions of every blob."""
        kept = bounded(metadata)
        try:
            with blob_errors(self._archive.name, f"{action} {self._object_name}"):
                answer = send(
                    content_settings=ContentSettings(content_type=content_type),
                    metadata=_properties(digests, kept),
                    match_condition=MatchConditions.IfMissing,
                    **self._policy,
                )
        except CallvaultError as error:
            # the commit of another attempt, or of this one with its answer lost, took the blocks
            if error.status not in (409, 412) and error.code != INVALID_BLOCK_LIST:
                raise
            return settle(self._archive, self._object_name, size=size, digests=digests)
        return StoredObject(self._object_name, size, digests.whole, str(answer["etag"]), kept)


def _properties(digests: BlockDigests, kept: Mapping[str, str]) -> dict[str, str]:
    """Write the metadata of a blob: what is kept with it, and its SHA-256 where that is known."""
    known = {SHA256: digests.whole} if digests.whole else {}
    return known | {key: quoted(value) for key, value in kept.items()}


def _md5(block: Block) -> dict[str, str]:
    digest = hashlib.md5(block, usedforsecurity=False).digest()
    return {"Content-MD5": base64.b64encode(digest).decode()}
