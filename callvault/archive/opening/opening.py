"""The opening of recordings: links to their files, or the files, once the access log has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from callvault.archive.access_log.log import AccessLog, Recorded
from callvault.archive.names import folder_of
from callvault.archive.opening.files import FileState, RecordedFile, RecordedFiles
from callvault.archive.store import Archive, LinkTerms
from callvault.contracts.access import Access, AccessAction
from callvault.errors import InvalidRequest

_MAX_READABLE = 80

_REFUSALS: dict[FileState, tuple[int, str]] = {
    FileState.LOST: (410, "lost"),
    FileState.ERASED: (410, "erased"),
    FileState.MISSING: (404, "file_missing"),
}
"""Status and code where no file can be opened, by the state of the first one."""


@dataclass(frozen=True, slots=True)
class Opener:
    """Who opens something, and on which terms."""

    by: str
    authenticated_as: str
    reason: str
    expires_at: datetime
    """End of the links."""
    is_download: bool = False
    """Browsers store the file instead of playing it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Files that may be given out now."""

    files: tuple[RecordedFile, ...]
    links: tuple[str | None, ...]
    """A URL for each; None where its bytes must be sent instead."""
    recorded: Recorded
    """The record of it in the access log."""


def choose(
    recorded: RecordedFiles, chunk: int | None, object_name: str | None = None
) -> tuple[RecordedFile, ...]:
    """Return the files that are there: all of them, those of one chunk, or the one of a name.

    Raises `InvalidRequest` with 404 or 410 where none is, and says what became of them.
    """
    wanted = asked_for(recorded, chunk, object_name)
    there = tuple(file for file in wanted if file.state is FileState.THERE)
    if there:
        return there
    if not wanted:
        known = ", ".join(str(file.index) for file in recorded.files) or "none"
        raise InvalidRequest(
            f"{recorded.folder} has no such file: its chunks are {known}",
            status=404,
            code="not_found",
        )
    status, code = _REFUSALS[wanted[0].state]
    said = "; ".join(dict.fromkeys(map(told, wanted)))
    raise InvalidRequest(
        f"nothing of {recorded.folder} can be opened: {said}", status=status, code=code
    )


def told(file: RecordedFile) -> str:
    """Say of a file why it cannot be opened."""
    return file.problem if file.is_whole else f"chunk {file.index}: {file.problem}"


def asked_for(
    recorded: RecordedFiles, chunk: int | None, object_name: str | None
) -> list[RecordedFile]:
    """Return the files that are asked for, whether or not they are there."""
    return [
        file
        for file in recorded.files
        if file.is_whole
        or (chunk in (None, file.index) and object_name in (None, file.object_name))
    ]


def open_files(
    archive: Archive,
    log: AccessLog,
    files: Sequence[RecordedFile],
    opener: Opener,
    *,
    with_links: bool = True,
) -> Opened:
    """Write the opening into the access log, and then return it.

    Raises `Unavailable` where the log cannot be written. Without ``with_links`` no links are made.
    """
    # Before the record: links that cannot be made are not given out, and so not recorded.
    links = [
        archive.link(f.object_name, terms_of(f, opener)) if with_links else None for f in files
    ]
    recorded = log.record(
        Access(
            action=AccessAction.OPENED,
            by=opener.by,
            authenticated_as=opener.authenticated_as,
            objects=tuple(file.object_name for file in files),
            reason=opener.reason,
            expires_at=opener.expires_at,
        )
    )
    return Opened(tuple(files), tuple(links), recorded)


def terms_of(file: RecordedFile, opener: Opener) -> LinkTerms:
    """Return the terms of a link to a file."""
    kind = "attachment" if opener.is_download else "inline"
    return LinkTerms(
        opener.expires_at, file.content_type, f'{kind}; filename="{file_name(file.object_name)}"'
    )


def file_name(object_name: str) -> str:
    """Return a name for a copy of an object, safe in a header and on any file system."""
    # Components of names have no other characters than those.
    recording = folder_of(object_name).rpartition("/")[2][:_MAX_READABLE]
    stem, _, extension = object_name.rpartition("/")[2].rpartition(".")
    return f"{recording}-{stem[:_MAX_READABLE]}.{extension}"
