"""The work of `callvault recordings evidence --html`: find the recordings, write their page."""

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from callvault.archive.access_log.log import AccessLog
from callvault.archive.manifests.seal import software
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.subjects.lookup import hashes_of
from callvault.cli.actions.local_files import is_directory
from callvault.cli.actions.recordings import statuses, with_client
from callvault.cli.options import os_user
from callvault.cli.terminal import say, say_json
from callvault.config.settings import Settings, load_settings
from callvault.contracts.access import Access, AccessAction
from callvault.errors import InvalidRequest, NotDone
from callvault.evidence.document import evidence_page
from callvault.evidence.recording import RecordingFacts
from callvault.logged_archives import LoggedArchive, open_logged
from callvault.recorded_evidence import EvidenceReader, shown


@dataclass(frozen=True, slots=True)
class PageOrder:
    """A page that is asked for."""

    file: Path
    call: str
    """Any id of a call or a recording."""
    archive: str | None
    """The name or directory of the archive to take all of it from; None for those that Temporal
    tells."""
    participant: str | None
    """An id, or a hash, of somebody who is marked in it."""
    by: str
    is_revealed: bool = False
    """True to show the ids of participants."""


def reader_of(settings: Settings, archive: str | None = None) -> EvidenceReader:
    """Return a reader with the settings of this machine.

    ``archive`` is the name or directory of the archive to look into; None for those that a call
    names.
    """
    hashes = partial(hashes_of, keys=settings.participant_keys())
    return EvidenceReader(partial(_opened, settings), hashes, archive)


@contextmanager
def _opened(settings: Settings, name: str) -> Iterator[LoggedArchive]:
    path = Path(name)
    if name and name not in settings.archives and is_directory(path):
        with closing(DirectoryArchive(path.name or name, path)) as copy:
            yield LoggedArchive(copy, AccessLog(copy, None), is_configured=False)
        return
    with closing(open_logged(settings, name, None)) as opened:
        yield opened


def write_evidence(order: PageOrder, config: Path | None) -> list[RecordingFacts]:
    """Write the page of a call's recordings, all of it or nothing; return what it tells.

    It is in the access log before it is in the file.
    """
    settings = load_settings(config)
    reader, keys = reader_of(settings, order.archive), settings.participant_keys()
    subjects = hashes_of(order.participant, keys) if order.participant else []
    if order.archive is not None:
        found = reader.of_archive(order.call)
    else:
        found = reader.of_call(with_client(config, lambda client: statuses(client, order.call)))
    if not found:
        raise InvalidRequest("there is no recording in this call yet, so there is no evidence")
    drawn = [shown(each, subjects, is_revealed=order.is_revealed) for each in found]
    text = evidence_page(drawn, datetime.now(UTC), software())
    access = Access(
        action=AccessAction.EXPORTED,
        by=order.by,
        authenticated_as=f"cli:{os_user()}",
        participant=subjects[0] if subjects else None,
        reason="evidence page",
    )
    with whole_file(order.file) as target:
        target.write(text.encode())
        reader.note(access)
    return found


def tell(file: Path, recordings: Sequence[RecordingFacts], *, as_json: bool) -> bool:
    """Print where the page is, and every problem; return True if there is none."""
    problems = [
        f"{remark.location}: {remark.text}"
        for each in recordings
        if each.report
        for remark in each.report.problems
    ]
    if as_json:
        told = {"page": str(file), "recordings": len(recordings), "problems": problems}
        say_json(json.dumps(told, indent=2))
    else:
        say(f"The evidence is in {file}.")
    for each in problems:
        say(f"not as it was sealed: {each}", err=True)
    return not problems


@contextmanager
def whole_file(file: Path) -> Iterator[BinaryIO]:
    """Open a file that appears under its name as a whole, or not at all; only its owner reads it.

    Raises `NotDone` where it cannot be written.
    """
    draft = ""
    try:
        descriptor, draft = tempfile.mkstemp(prefix=f".{file.name[:100]}.", dir=file.parent)
        with os.fdopen(descriptor, "wb") as target:
            yield target
            target.flush()
            os.fsync(descriptor)
        Path(draft).replace(file)
    except OSError as error:
        raise NotDone(f"{file} cannot be written: {error.strerror}; nothing was left") from error
    finally:
        if draft:
            Path(draft).unlink(missing_ok=True)
