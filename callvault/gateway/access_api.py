"""The route that searches an archive's access log, for callers with the role `privacy`."""

from collections.abc import Sequence

import structlog
from fastapi import APIRouter, Request, Response

from callvault.archive.access_log.pages import FoldersOf, Page, read_page
from callvault.archive.access_log.search import Wanted
from callvault.archive.manifests.folders import find_folders
from callvault.archive.names import folder_of
from callvault.archive.subjects.lookup import hashes_of
from callvault.config.settings import Settings
from callvault.contracts.access import Access, AccessAction, AccessRecord
from callvault.errors import InvalidRequest
from callvault.gateway.access import Access as Callers
from callvault.gateway.access import Caller, caller_of
from callvault.gateway.archive_readers import ArchiveReaders
from callvault.gateway.control_answers import json_response
from callvault.gateway.openapi import privacy_operations
from callvault.gateway.privacy_messages import AccessRecords, AccessSearch
from callvault.gateway.recording_finder import RecordingFinder
from callvault.gateway.recordings_api import only_role, read_told
from callvault.logged_archives import LoggedArchive
from callvault.rereading import Reread

SEARCH = "/v1/access:search"

log = structlog.get_logger(__name__)


class AccessApi:
    """Reads access logs, and writes into each who has read it."""

    def __init__(
        self, settings: Settings, finder: RecordingFinder, archives: ArchiveReaders, max_body: int
    ) -> None:
        self._finder = finder
        self._archives = archives
        self._max_body = max_body
        self._key = Reread(settings.participant_key)

    async def search(self, request: Request) -> Response:
        """Who opened, exported, held or erased what: the newest first, page by page."""
        asked, caller = await read_told(request, AccessSearch, self._max_body), caller_of(request)
        wanted = Wanted(participant=self._participant(asked), action=asked.action, who=asked.who)
        own = await self._own_folders(caller, asked)
        opened = await self._archives.open(self._chosen(asked.archive))

        def read() -> Page:
            opened.log.record(_access(asked, wanted))
            folders = _folders(opened, asked.recording, own)
            return read_page(opened.log, wanted, folders, asked.before, asked.limit)

        page = await self._archives.run(read)
        log.info("access log read", archive=opened.archive.name, by=asked.authenticated_as)
        return json_response(
            AccessRecords(
                archive=opened.archive.name,
                records=[_cut(each, own) for each in page.records],
                problems=list(page.problems),
                next_before=page.next_before,
            )
        )

    def _participant(self, asked: AccessSearch) -> str | None:
        if asked.participant is None:
            return None
        return hashes_of(asked.participant, [self._key.current()])[0]

    def _chosen(self, name: str | None) -> str:
        names = self._archives.names()
        if name is None and len(names) == 1:
            return names[0]
        if name not in names:
            raise InvalidRequest(f"archive: name one of {', '.join(sorted(names)) or 'none'}")
        return name

    async def _own_folders(self, caller: Caller, asked: AccessSearch) -> frozenset[str] | None:
        """Find the folders of which alone a bound caller may read; None for all."""
        if caller.resources is None:
            return None
        if asked.recording is None:
            caller.require_every_resource(
                "the access log tells of all recordings: name one that is yours (recording)"
            )
        found = await self._finder.archived(caller, asked.recording or "", asked.recorded_on)
        return frozenset(place.folder for place in found)


def access_router(api: AccessApi, access: Callers) -> APIRouter:
    """Return the route that searches access logs."""
    router = APIRouter(tags=["people"])
    router.add_api_route(
        SEARCH,
        api.search,
        methods=["POST"],
        dependencies=only_role(access, "privacy"),
        **privacy_operations.SEARCH_ACCESS,
    )
    return router


def _folders(opened: LoggedArchive, recording: str | None, own: frozenset[str] | None) -> FoldersOf:
    if own is not None:
        return lambda named: own

    def meant(named: Sequence[str]) -> frozenset[str] | None:
        # Of those in the log, and not in the archive: what was erased is in the log all the same.
        return frozenset(find_folders(opened.archive, recording, named)) if recording else None

    return meant


def _access(asked: AccessSearch, wanted: Wanted) -> Access:
    return Access(
        action=AccessAction.READ,
        by=asked.requested_by,
        authenticated_as=asked.authenticated_as,
        participant=wanted.participant,
        reason=asked.reason,
    )


def _cut(record: AccessRecord, own: frozenset[str] | None) -> AccessRecord:
    """Leave out the recordings of others, where a bound caller reads."""
    if own is None:
        return record
    return record.model_copy(
        update={
            "recordings": tuple(each for each in record.recordings if each in own),
            "objects": tuple(each for each in record.objects if folder_of(each) in own),
        }
    )
