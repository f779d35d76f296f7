"""The metadata file beside a chunk: archived with it, and no reason to lose the chunk."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from temporalio import activity

from activities.translate import to_application_error
from callvault.acs.chunk_metadata import ChunkMetadata, parse_chunk_metadata
from callvault.archive.names import metadata_object_name
from callvault.archive.store import Archive, put_bytes
from callvault.contracts.activity_io import ExportProgress
from callvault.contracts.base import shorten
from callvault.errors import BrokenContent, CallvaultError, ContentMissing, Unavailable

GIVEN_UP_AFTER = timedelta(minutes=15)
"""A metadata file that is denied, or not to be read, for this long is given up."""

LONGEST_WAIT = timedelta(minutes=1)
"""How long a last chance waits at most between two attempts, where no error asks for more."""

MARGIN = timedelta(seconds=30)
"""What an attempt may take beyond what the one before it took."""

Reader = Callable[[], bytes]


@dataclass(frozen=True)
class Archived:
    """What became of a metadata file."""

    object_name: str | None = None
    facts: ChunkMetadata = field(default_factory=ChunkMetadata)
    problem: str = ""
    """Why it is not archived, or does not tell everything; empty where nothing is amiss."""
    is_unreadable: bool = False


def export_metadata(
    read: Reader | None, archive: Archive, chunk_name: str, now: Callable[[], datetime]
) -> Archived:
    """Archive the metadata file byte for byte; older events announce none.

    Raises where it is to be tried again. What cannot be read as metadata is archived all the same
    in the end, and what cannot be had is done without: the media is verified. ``now`` is the
    server's clock, taken as the activity began.
    """
    if read is None:
        return Archived()
    name = metadata_object_name(chunk_name)
    if archive.stat(name) is not None:
        return _told(name, b"".join(archive.read(name)))
    try:
        content = read()
    except CallvaultError as error:
        _give_up_or_try_again(error, now())
        return Archived(problem=shorten(f"its metadata file is not archived: {error}"))
    told = _told(name, content)
    if told.is_unreadable:
        _give_up_or_try_again(BrokenContent(told.problem), now())
    put_bytes(archive, name, content, content_type="application/json", metadata={})
    return told


def _told(name: str, content: bytes) -> Archived:
    try:
        facts = parse_chunk_metadata(content)
    except BrokenContent as broken:
        return Archived(name, problem=shorten(str(broken)), is_unreadable=True)
    untold = sum(pause.duration is None for pause in facts.pause_resume_intervals)
    problem = f"its metadata file does not tell how long {untold} of its pauses were: left out"
    return Archived(name, facts, problem if untold else "")


def _give_up_or_try_again(error: CallvaultError, now: datetime) -> None:
    """Return once it has been tried for long enough.

    What may pass, or be mended, is tried for as long as there is time for another attempt.
    """
    info = activity.info()
    if not _has_time_for_another(error, info, now):
        return
    if not isinstance(error, ContentMissing | BrokenContent) or error.owner != "service":
        raise error
    noted = info.heartbeat_details
    before = ExportProgress.model_validate(noted[0]) if noted else ExportProgress(phase="waiting")
    since = before.no_metadata_since or info.started_time
    if info.started_time - since >= GIVEN_UP_AFTER:
        return
    activity.heartbeat(ExportProgress(phase="waiting", no_metadata_since=since))
    raise Unavailable(f"{error} The file itself is archived.") from error


def _has_time_for_another(error: CallvaultError, info: activity.Info, now: datetime) -> bool:
    """Whether another attempt, as long as this one, ends before the activity's time is over."""
    if not info.schedule_to_close_timeout:
        return True
    ends_at = info.scheduled_time + info.schedule_to_close_timeout
    wait = to_application_error(error, patient=True).next_retry_delay or LONGEST_WAIT
    return now + wait + (now - info.started_time) + MARGIN < ends_at
