"""One attempt at writing a blob: staged blocks, then the list that makes them a blob."""

import base64
import hashlib
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Self

from azure.core import MatchConditions
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobBlock, BlobClient, ContentSettings

from callvault.archive.blocks import (
    Block,
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
from callvault.errors import CallvaultError


class BlobUpload:
    """Satisfies `callvault.archive.store.Upload`.

    Blocks of an abandoned attempt are invisible and expire within a week.
    """

    def __init__(
        self,
        archive: Archive,
        object_name: str,
        blob: BlobClient,
        ledger: BlockLedger,
        token: str,
        *,
        sends_md5: bool,
        policy: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """``policy`` are options of the commit, as `Immutability.options` makes them."""
        self._archive = archive
        self._object_name = object_name
        self._blob = blob
        self._ledger = ledger
        self._token = token
        self._sends_md5 = sends_md5
        self._policy = policy
        self._ids: dict[int, str] = {}

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

    def commit(self, *, size: int, content_type: str, metadata: Mapping[str, str]) -> StoredObject:
        kept, digests = bounded(metadata), self._ledger.whole(size)
        blocks = [BlobBlock(block_id=self._ids[index]) for index in range(len(digests.sha256))]
        known = {SHA256: digests.whole} if digests.whole else {}
        try:
            with blob_errors(self._archive.name, f"committing {self._object_name}"):
                answer = self._blob.commit_block_list(
                    blocks,
                    content_settings=ContentSettings(content_type=content_type),
                    metadata=known | {k: quoted(v) for k, v in kept.items()},
                    match_condition=MatchConditions.IfMissing,
                    **self._policy,
                )
        except CallvaultError as error:
            # the commit of another attempt, or of this one with its answer lost, took the blocks
            if error.status not in (409, 412) and error.code != INVALID_BLOCK_LIST:
                raise
            return settle(self._archive, self._object_name, size=size, digests=digests)
        return StoredObject(self._object_name, size, digests.whole, str(answer["etag"]), kept)


def _md5(block: Block) -> dict[str, str]:
    digest = hashlib.md5(block, usedforsecurity=False).digest()
    return {"Content-MD5": base64.b64encode(digest).decode()}
