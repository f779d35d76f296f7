"""Checkpoints of an archive: made from its chain, published to a place, read from there.

A place is anything that stores objects like an archive, but is another's or out of the reach of
whoever can change the archive. A checkpoint is never overwritten there, and named by what it
tells: the same is published once, and two different links of one number stand side by side.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from callvault.archive.identity import find_identity
from callvault.archive.manifests.chain import head
from callvault.archive.manifests.documents import canonical_tree, read_document, signed
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.numbered import Numbered
from callvault.archive.manifests.seal import software
from callvault.archive.names import access_object_name, checkpoint_object_name
from callvault.archive.store import Archive, put_bytes, read_small
from callvault.contracts.checkpoints import Checkpoint
from callvault.errors import UNREADABLE, BrokenContent, ObjectExists

MAX_CHECKPOINT = 64 * 1024
"""Bytes of a checkpoint at most, with an envelope around it."""


class FoundCheckpoint(NamedTuple):
    """A checkpoint as it was read from a place."""

    object_name: str
    checkpoint: Checkpoint
    data: bytes
    """Its canonical JSON, which is what was signed."""


class UnreadCheckpoint(NamedTuple):
    """An object that lies where checkpoints lie, and is none."""

    object_name: str
    problem: str


def make_checkpoint(
    archive: Archive, signer: Signer | None, now: Callable[[], datetime]
) -> Checkpoint | None:
    """State where the archive's chain and access log end; None where nothing was ever sealed."""
    identity = find_identity(archive)
    access = Numbered(archive, access_object_name).head()
    newest = head(archive)
    if newest is None:
        return None
    checkpoint = Checkpoint(
        archive=archive.name,
        archive_id=identity.id if identity else "",
        head=newest,
        access=access,
        published_at=now(),
        software=software(),
        signature=None,
    )
    return read_document(Checkpoint, signed(checkpoint, signer))


def name_of(checkpoint: Checkpoint) -> str:
    """Return the name of a checkpoint in any place: the same for the same two ends."""
    return checkpoint_object_name(checkpoint.archive, checkpoint.head, checkpoint.access)


def put_checkpoint(place: Archive, checkpoint: Checkpoint) -> bool:
    """Publish a checkpoint; False where one of the same link is there already."""
    name = name_of(checkpoint)
    if place.stat(name) is not None:
        return False
    data = canonical_tree(checkpoint.model_dump(mode="json"))
    # another process was faster: its checkpoint tells the same link
    with suppress(ObjectExists):
        put_bytes(place, name, data, content_type="application/json", metadata={})
        return True
    return False


def read_checkpoints(place: Archive) -> Iterator[FoundCheckpoint | UnreadCheckpoint]:
    """Read every checkpoint of a place.

    A receiver of webhooks may have kept the CloudEvent around it, and its own layout of the JSON.
    """
    for name in sorted(place.names()):
        if name.endswith(".json"):
            try:
                data = _document(read_small(place, name, MAX_CHECKPOINT))
                yield FoundCheckpoint(name, read_document(Checkpoint, data), data)
            except UNREADABLE as error:
                yield UnreadCheckpoint(name, f"it is no checkpoint: {error}")


def _document(data: bytes) -> bytes:
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        raise BrokenContent("it is not JSON", owner="archive") from None
    if isinstance(tree, dict) and "specversion" in tree:
        tree = tree.get("data")
    return canonical_tree(tree)
