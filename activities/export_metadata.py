"""The metadata file beside a chunk: archived with it, and no reason to lose the chunk."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from temporalio import activity

from activities.heartbeat import denied_since
from activities.translate import to_application_error
from callvault.acs.client import MAX_METADATA
from callvault.archive.names import metadata_object_name
from callvault.archive.store import Archive, put_bytes, read_small
from callvault.contracts.activity_io import ExportProgress, RecordedPause
from callvault.contracts.base import shorten
from callvault.contracts.chunk_metadata import ChunkMetadata, parse_chunk_metadata
from callvault.errors import BrokenContent, CallvaultError, ContentMissing, Unavailable

GIVE_UP_AFTER = timedelta(minutes=15)
"""Time for which a metadata file must be denied, or unreadable, before it is given up."""

MAX_WAIT = timedelta(minutes=1)
"""Longest wait between two attempts of a last chance, where no error asks for more."""

MARGIN = timedelta(seconds=30)
"""Time that an attempt may take beyond what the one before took."""

_MAX_NAMED = 5
"""Fields that are named one by one."""

Reader = Callable[[], bytes]


@dataclass(frozen=True)
class Archived:
    """The metadata file as it was archived, or the reason why it is not."""

    object_name: str | None = None
    facts: ChunkMetadata = field(default_factory=ChunkMetadata)
    problem: str = ""
    """The reason why it is not archived, or is incomplete; empty where nothing is amiss."""
    is_unreadable: bool = False

    @property
    def pauses(self) -> tuple[RecordedPause, ...]:
        """The service's own account of its pauses; those whose length it does not tell are out."""
        return tuple(
            RecordedPause(start_time=pause.start_time, duration_ms=pause.duration)
            for pause in self.facts.pause_resume_intervals
            if pause.duration is not None
        )


def export_metadata(
    read: Reader | None,
    archive: Archive,
    chunk_name: str,
    now: Callable[[], datetime],
    *,
    may_wait: bool = True,
) -> Archived:
    """Archive the metadata file byte for byte.

    Raises where another attempt is due. In the end a file that is no metadata is archived all the
    same, and one that cannot be had, or is empty, is done without: the media is verified. ``now``
    is the server's clock, taken as the activity began. Without ``may_wait`` there is one attempt.
    """
    if read is None:  # older events announce none
        return Archived()
    name = metadata_object_name(chunk_name)
    # By an earlier attempt; the service may have deleted its file since.
    if (earlier := archived_metadata(archive, chunk_name)).object_name is not None:
        return earlier
    try:
        content = read()
    except CallvaultError as error:
        if may_wait:
            _give_up_or_try_again(error, now())
        return Archived(problem=shorten(f"its metadata file is not archived: {error}"))
    parsed = _parsed(name, content)
    if parsed.is_unreadable and may_wait:
        _give_up_or_try_again(BrokenContent(parsed.problem), now())
    if not content:  # no archive takes an object without a byte
        return Archived(problem="its metadata file is not archived: it is empty")
    put_bytes(archive, name, content, content_type="application/json", metadata={})
    return parsed


def archived_metadata(archive: Archive, chunk_name: str) -> Archived:
    """Read the metadata file beside a chunk that the archive holds, if there is one."""
    name = metadata_object_name(chunk_name)
    return Archived() if archive.stat(name) is None else _read_back(archive, name)


def reader_of(storage: Archive, name: str | None) -> Reader | None:
    """Return how to read a metadata file that lies in a container; None where there is none."""
    if name is None:
        return None

    def read() -> bytes:
        try:
            return read_small(storage, name, MAX_METADATA)
        except BrokenContent as error:
            # It is the source here: no reason to give up the archive that it is copied to.
            raise BrokenContent(str(error)) from error

    return read


def _read_back(archive: Archive, name: str) -> Archived:
    try:
        return _parsed(name, read_small(archive, name))
    except BrokenContent as broken:
        return Archived(name, problem=shorten(str(broken)), is_unreadable=True)


def _parsed(name: str, content: bytes) -> Archived:
    try:
        facts = parse_chunk_metadata(content)
    except BrokenContent as broken:
        return Archived(name, problem=shorten(str(broken)), is_unreadable=True)
    return Archived(name, facts, shorten("; ".join(_problems(facts))))


def _problems(facts: ChunkMetadata) -> Iterator[str]:
    if unknown := sum(pause.duration is None for pause in facts.pause_resume_intervals):
        yield f"its metadata file does not tell how long {unknown} of its pauses were: left out"
    if facts.unread:
        named = ", ".join(facts.unread[:_MAX_NAMED])
        more = len(facts.unread) - _MAX_NAMED
        yield (
            f"fields of its metadata file cannot be read: {named}"
            + (f" and {more} more" if more > 0 else "")
            + ": left out"
        )


def _give_up_or_try_again(error: CallvaultError, now: datetime) -> None:
    """Return once there is no use in another attempt; else raise for one.

    An error that may pass, or be mended, is worth an attempt for as long as there is time for one.
    """
    info = activity.info()
    if not _has_time_for_another(error, info, now):
        return
    if not isinstance(error, ContentMissing | BrokenContent) or error.owner != "service":
        raise error
    note = ExportProgress(phase="waiting")
    if denied_since(note, "no_metadata_since", GIVE_UP_AFTER) is None:
        raise Unavailable(f"{error} The file itself is archived.") from error


def _has_time_for_another(error: CallvaultError, info: activity.Info, now: datetime) -> bool:
    """Return True if another attempt, as long as this one, ends within the activity's time."""
    if not info.schedule_to_close_timeout:
        return True
    ends_at = info.scheduled_time + info.schedule_to_close_timeout
    wait = to_application_error(error, retry_permanent=True).next_retry_delay or MAX_WAIT
    return now + wait + (now - info.started_time) + MARGIN < ends_at
