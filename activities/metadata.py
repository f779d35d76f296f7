"""The metadata file beside a chunk: archived with it, and no reason to lose the chunk."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from temporalio import activity

from activities.clock import server_clock
from callvault.acs.chunk_metadata import ChunkMetadata, parse_chunk_metadata
from callvault.archive import copier
from callvault.archive.names import metadata_object_name
from callvault.archive.store import Archive
from callvault.contracts.orders import ExportProgress
from callvault.contracts.wire import shorten
from callvault.errors import BrokenContent, ContentMissing, Unavailable

GIVEN_UP_AFTER = timedelta(minutes=15)
"""A metadata file that is denied, or not to be read, for this long is given up."""

LAST_ATTEMPTS = 5
"""So many attempts are made at it once the chunk itself may be deleted."""

Reader = Callable[[], bytes]


@dataclass(frozen=True)
class Archived:
    """What became of a metadata file."""

    object_name: str | None = None
    facts: ChunkMetadata = field(default_factory=ChunkMetadata)
    problem: str = ""
    """Why there are no facts, though the service has announced the file."""


def export_metadata(
    read: Reader | None, archive: Archive, chunk_name: str, expires_at: datetime
) -> Archived:
    """Archive the metadata file byte for byte; older events announce none.

    Raises `Unavailable` where it is to be tried again. What cannot be read as metadata is archived
    all the same in the end, and what the service denies is done without: the media is verified.
    """
    if read is None:
        return Archived()
    name = metadata_object_name(chunk_name)
    try:
        content = b"".join(archive.read(name)) if archive.stat(name) is not None else read()
    except ContentMissing as missing:
        if missing.owner == "archive":
            raise
        _give_up_or_try_again(missing, expires_at)
        return Archived(problem=shorten(f"its metadata file is missing: {missing}"))
    facts, problem = _facts_of(content, expires_at)
    copier.put_bytes(archive, name, content, content_type="application/json", metadata={})
    return Archived(name, facts, problem)


def _facts_of(content: bytes, expires_at: datetime) -> tuple[ChunkMetadata, str]:
    try:
        return parse_chunk_metadata(content), ""
    except BrokenContent as broken:
        _give_up_or_try_again(broken, expires_at)
        return ChunkMetadata(), shorten(str(broken))


def _give_up_or_try_again(error: ContentMissing | BrokenContent, expires_at: datetime) -> None:
    """Return once it has been tried for long enough."""
    info, now = activity.info(), server_clock()()
    noted = info.heartbeat_details
    before = ExportProgress.model_validate(noted[0]) if noted else ExportProgress(phase="waiting")
    since = before.no_metadata_since or info.started_time
    if info.started_time - since >= GIVEN_UP_AFTER:
        return
    if now >= expires_at and info.attempt >= LAST_ATTEMPTS:
        return
    activity.heartbeat(ExportProgress(phase="waiting", no_metadata_since=since))
    raise Unavailable(f"{error} The file itself is archived.") from error
