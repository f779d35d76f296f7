"""The route that opens recordings, for callers with the role `listen`.

Whoever may listen needs neither the archive's key nor a way to it: a link opens one file, for some
minutes, and the archive's access log has it before it goes out.
"""

from datetime import UTC, datetime, time, timedelta
from functools import partial

import structlog
from fastapi import APIRouter, Request, Response

from callvault.archive.access_log.log import Recorded
from callvault.archive.manifests.folders import find_folders
from callvault.archive.names import RECORDINGS_PREFIX, day_prefix
from callvault.archive.opening.files import RecordedFile, RecordedFiles, files_of
from callvault.archive.opening.opening import (
    Opened,
    Opener,
    asked_for,
    choose,
    open_files,
    terms_of,
    told,
)
from callvault.archive.opening.places import Place, places_in, the_one
from callvault.archive.verify.expectation import spelt
from callvault.config.gateway import MediaSettings
from callvault.errors import InvalidRequest, TryAgain
from callvault.gateway.access import Access, Caller, caller_of
from callvault.gateway.archive_readers import ArchiveReaders
from callvault.gateway.control_answers import json_response
from callvault.gateway.lists_api import find_seen
from callvault.gateway.media_links import MediaLinks
from callvault.gateway.messages import OpenedFile, OpenedRecording, OpenRequest
from callvault.gateway.openapi import operations
from callvault.gateway.recordings_api import PATH, only_role, read_told
from callvault.temporal.call_client import CallClient
from callvault.temporal.rpc_errors import unknown_call

OPEN = f"{PATH}:open"

log = structlog.get_logger(__name__)


class MediaApi:
    """Opens recordings, and says of those that cannot be opened what became of them."""

    def __init__(
        self,
        settings: MediaSettings,
        calls: CallClient,
        archives: ArchiveReaders,
        links: MediaLinks,
        max_body: int,
    ) -> None:
        self._settings = settings
        self._calls = calls
        self._archives = archives
        self._links = links
        self._max_body = max_body

    async def open(self, request: Request) -> Response:
        """Give out links to a recording's files, each for some minutes and one file alone."""
        asked = await read_told(request, OpenRequest, self._max_body)
        opener = self._opener(asked)
        place, recorded = await self._found(caller_of(request), asked)
        opened = await self._archives.open(place.archive)
        wanted = asked.chunk, asked.object_name_in(place.folder)
        files = choose(recorded, *wanted)
        with_links = self._settings.through == "storage"
        done = await self._archives.run(
            lambda: open_files(opened.archive, opened.log, files, opener, with_links=with_links)
        )
        _tell(place, done, opener)
        missing = [file for file in asked_for(recorded, *wanted) if file not in files]
        return json_response(self._answer(place, missing, done, opener))

    async def _found(self, caller: Caller, asked: OpenRequest) -> tuple[Place, RecordedFiles]:
        """Find the recording and its files, if its resource is for the caller."""
        found: dict[Place, RecordedFiles] = {}
        for place in await self._places(caller, asked):
            # What failed back is in two archives: the first one of the settings counts.
            if place.folder not in {each.folder for each in found}:
                archive = (await self._archives.open(place.archive)).archive
                recorded = await self._archives.run(partial(files_of, archive, place.folder))
                if recorded.files and caller.sees(recorded.resource):
                    found[place] = recorded
        if not found:
            raise unknown_call(asked.id)
        only = the_one(list(found), asked.id)
        return only, found[only]

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

    async def _places(self, caller: Caller, asked: OpenRequest) -> list[Place]:
        """Find the recording: by its workflow, or in the archives, where Temporal forgot it."""
        if asked.id.startswith(RECORDINGS_PREFIX):
            return await self._in_archives(asked, "")
        try:
            workflow_id = await find_seen(self._calls, caller, asked.id)
            status = await self._calls.status(workflow_id)
        except (InvalidRequest, TryAgain) as error:
            if asked.recorded_on is None:
                raise _advised(error) from error
            return await self._in_archives(asked, _day(asked))
        return places_in(status, asked.id)

    async def _in_archives(self, asked: OpenRequest, prefix: str) -> list[Place]:
        places: list[Place] = []
        for name in self._archives.names():
            archive = (await self._archives.open(name)).archive
            look = partial(find_folders, archive, asked.id, prefix=prefix)
            places += [Place(name, folder) for folder in await self._archives.run(look)]
        return places

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


def _day(asked: OpenRequest) -> str:
    day = asked.recorded_on
    return day_prefix(datetime.combine(day, time(), UTC)) if day is not None else ""


def _whole_seconds(moment: datetime) -> datetime:
    # A storage account's links know no fractions: none is told that does not hold.
    return moment.replace(microsecond=0) + timedelta(seconds=1)


def _advised(error: InvalidRequest | TryAgain) -> InvalidRequest | TryAgain:
    """Add to the error for a call that Temporal does not know how it is found all the same."""
    if error.code != "not_found":
        return error
    return InvalidRequest(
        f"{error}. If it was recorded long ago, say the day: recordedOn",
        status=error.status,
        code=error.code,
    )
