"""The route that exports a person's recordings as a zip, for callers with the role `privacy`.

The package is written beside the gateway first, whole: what breaks off was never given out.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from callvault.archive.subjects.lookup import hashes_of
from callvault.archive.subjects.search import Days
from callvault.config.settings import Settings
from callvault.gateway.access import Access, caller_of
from callvault.gateway.archive_readers import ArchiveReaders
from callvault.gateway.long_work import LongWork
from callvault.gateway.openapi import privacy_operations
from callvault.gateway.privacy_messages import ExportRequest
from callvault.gateway.recordings_api import only_role, read_told
from callvault.logged_archives import LoggedArchive
from callvault.person_export import Asked, Limits, Outcome, export_person
from callvault.rereading import Reread

EXPORT = "/v1/subjects:export"

MAX_RECORDINGS = 100
MAX_SIZE = 512 * 1024 * 1024
"""Recordings, and bytes of media, of one export: it takes seconds, and a disk for as long."""

MAX_LOG = 20_000
"""Records of an access log that an export reads: on Azure Blob some fifteen seconds."""

LIMITS = Limits(
    MAX_RECORDINGS,
    MAX_SIZE,
    MAX_LOG,
    "export them month by month (since, until), or at a terminal by `callvault subjects export`",
)

PIECE = 256 * 1024
"""Bytes that are read at a time."""

log = structlog.get_logger(__name__)


class ExportsApi:
    """Writes packages, and sends them."""

    def __init__(
        self, settings: Settings, archives: ArchiveReaders, work: LongWork, max_body: int
    ) -> None:
        self._archives = archives
        self._work = work
        self._max_body = max_body
        self._keys = Reread(settings.participant_keys)

    async def export(self, request: Request) -> Response:
        """A zip with all recordings of a person, a cover page, and the proof; others are masked."""
        body, caller = await read_told(request, ExportRequest, self._max_body), caller_of(request)
        asked = Asked(
            body.participant,
            self._keys.current(),
            body.requested_by,
            body.authenticated_as,
            body.reason,
            Days(body.since, body.until),
            caller.sees,
            LIMITS,
        )
        # Before any archive is asked: an id of the wrong form is the caller's error.
        hashes_of(body.participant, asked.keys)
        names = self._archives.chosen(body.archives)
        opened = [await self._archives.open(name) for name in names]
        made = await self._work.run(lambda: _made(opened, asked))
        log.info("person exported", archives=names, authenticated_as=body.authenticated_as)
        return made


class _Package(StreamingResponse):
    """A zip that is sent once, from a file that has no name any more."""

    def __init__(self, file: BinaryIO, size: int, outcome: Outcome) -> None:
        headers = {
            "content-disposition": 'attachment; filename="export.zip"',
            "content-length": str(size),
            "callvault-left-out": str(len(outcome.left_out)),
            "callvault-problems": str(len(outcome.exported.problems)),
        }
        super().__init__(_pieces(file), 200, headers, "application/zip")


def exports_router(api: ExportsApi, access: Access) -> APIRouter:
    """Return the route that exports."""
    router = APIRouter(tags=["people"])
    router.add_api_route(
        EXPORT,
        api.export,
        methods=["POST"],
        dependencies=only_role(access, "privacy"),
        **privacy_operations.EXPORT,
    )
    return router


def _made(opened: list[LoggedArchive], asked: Asked) -> Response:
    folder = Path(tempfile.mkdtemp(prefix="callvault-export-"))
    try:
        target = folder / "export.zip"
        outcome = export_person(opened, asked, target)
        # Without a name it is gone with its last reader, whatever becomes of the gateway.
        return _Package(target.open("rb"), target.stat().st_size, outcome)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    try:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece
    finally:
        file.close()
