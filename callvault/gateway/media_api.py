"""The route that opens recordings, for callers with the role `listen`.

Whoever may listen needs neither the archive's key nor a way to it: a link opens one file, for some
minutes, and the archive's access log has it before it goes out.
"""

from datetime import UTC, datetime, timedelta

import structlog
from fastapi import APIRouter, Request, Response

from callvault.archive.access_log.log import Recorded
from callvault.archive.opening.files import RecordedFile
from callvault.archive.opening.opening import (
    Opened,
    Opener,
    asked_for,
    choose,
    open_files,
    terms_of,
    told,
)
from callvault.archive.opening.places import Place, the_one
from callvault.archive.verify.expectation import spelt
from callvault.config.gateway import MediaSettings
from callvault.errors import InvalidRequest
from callvault.gateway.access import Access, caller_of
from callvault.gateway.archive_readers import ArchiveReaders
from callvault.gateway.control_answers import json_response
from callvault.gateway.media_links import MediaLinks
from callvault.gateway.messages import OpenedFile, OpenedRecording, OpenRequest
from callvault.gateway.openapi import operations
from callvault.gateway.recording_finder import RecordingFinder
from callvault.gateway.recordings_api import PATH, only_role, read_told

OPEN = f"{PATH}:open"

log = structlog.get_logger(__name__)


class MediaApi:
    """Opens recordings, and says of those that cannot be opened what became of them."""

    def __init__(
        self,
        settings: MediaSettings,
        finder: RecordingFinder,
        archives: ArchiveReaders,
        links: MediaLinks,
        max_body: int,
    ) -> None:
        self._settings = settings
        self._finder = finder
        self._archives = archives
        self._links = links
        self._max_body = max_body

    async def open(self, request: Request) -> Response:
        """Give out links to a recording's files, each for some minutes and one file alone."""
        asked = await read_told(request, OpenRequest, self._max_body)
        opener = self._opener(asked)
        found = await self._finder.archived(caller_of(request), asked.id, asked.recorded_on)
        place = the_one(list(found), asked.id)
        opened = await self._archives.open(place.archive)
        wanted = asked.chunk, asked.object_name_in(place.folder)
        files = choose(found[place], *wanted)
        with_links = self._settings.through == "storage"
        done = await self._archives.run(
            lambda: open_files(opened.archive, opened.log, files, opener, with_links=with_links)
        )
        _tell(place, done, opener)
        missing = [file for file in asked_for(found[place], *wanted) if file not in files]
        return json_response(self._answer(place, missing, done, opener))

    def _opener(self, asked: OpenRequest) -> Opener:
        """Check the terms that are asked for; `InvalidRequest` where they are not granted."""
        longest = self._settings.link_lifetime
        if self._settings.demands_reason and not asked.reason.strip():
            raise InvalidRequest("reason: say why it is opened: it goes into the access log")
        if asked.lifetime is not None and asked.lifetime > longest:
            raise InvalidRequest(f"lifetime: at most {longest} (gateway.media.link_lifetime)")
        return Opener(
            by=asked.requested_by,
            authenticated_as=asked.authenticated_as,
            reason=asked.reason,
            expires_at=_whole_seconds(datetime.now(UTC) + (asked.lifetime or longest)),
            is_download=asked.download,
        )

    def _answer(
        self, place: Place, missing: list[RecordedFile], done: Opened, opener: Opener
    ) -> OpenedRecording:
        return OpenedRecording(
            archive=place.archive,
            folder=place.folder,
            files=[
                self._file(place.archive, file, link, opener)
                for file, link in zip(done.files, done.links, strict=True)
            ],
            missing=list(map(told, missing)),
            expires_at=opener.expires_at,
            access_record=spelt(done.recorded.link),
        )

    def _file(
        self, archive: str, file: RecordedFile, link: str | None, opener: Opener
    ) -> OpenedFile:
        terms = terms_of(file, opener)
        return OpenedFile(
            chunk=file.index,
            object_name=file.object_name,
            content_type=file.content_type,
            size=file.size,
            sha256=file.sha256,
            url=link or self._links.write(archive, file.object_name, terms),
        )


def media_router(api: MediaApi, access: Access) -> APIRouter:
    """Return the route that opens recordings."""
    router = APIRouter(tags=["recordings"])
    router.add_api_route(
        OPEN,
        api.open,
        methods=["POST"],
        dependencies=only_role(access, "listen"),
        **operations.OPEN,
    )
    return router


def _tell(place: Place, done: Opened, opener: Opener) -> None:
    """Log what was opened: the log lies elsewhere than the archive, and names the record in it."""
    recorded: Recorded = done.recorded
    log.info(
        "recording opened",
        archive=place.archive,
        folder=place.folder,
        files=len(done.files),
        authenticated_as=opener.authenticated_as,
        access_record=spelt(recorded.link),
    )


def _whole_seconds(moment: datetime) -> datetime:
    # A storage account's links know no fractions: none is told that does not hold.
    return moment.replace(microsecond=0) + timedelta(seconds=1)
