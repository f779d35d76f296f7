"""The route that finds a person's recordings, for callers with the role `privacy`."""

import asyncio
from functools import partial

import structlog
from fastapi import APIRouter, Request, Response

from callvault.archive.subjects.lookup import hashes_of
from callvault.archive.subjects.search import Days
from callvault.config.settings import Settings
from callvault.contracts.subjects import SubjectRecordings
from callvault.gateway.access import Access, Caller, caller_of
from callvault.gateway.archive_readers import ArchiveReaders
from callvault.gateway.control_answers import json_response
from callvault.gateway.messages import FindRequest, FoundPerson
from callvault.gateway.openapi import operations
from callvault.gateway.recordings_api import only_role, read_told
from callvault.rereading import Reread
from callvault.subject_search import search_person

FIND = "/v1/subjects:find"

log = structlog.get_logger(__name__)


class SubjectsApi:
    """Searches the indexes of all archives for a person."""

    def __init__(self, settings: Settings, archives: ArchiveReaders, max_body: int) -> None:
        self._archives = archives
        self._max_body = max_body
        self._keys = Reread(settings.participant_keys)

    async def find(self, request: Request) -> Response:
        """Find every recording that a person was in; every archive answers, or nothing does."""
        # In the body: an address stands in the logs of whatever lies between.
        asked = await read_told(request, FindRequest, self._max_body)
        keys, caller = self._keys.current(), caller_of(request)
        # Before any archive is asked: an id of the wrong form is the caller's error.
        hashes_of(asked.participant, keys)
        days = Days(asked.since, asked.until)
        search = partial(
            search_person,
            participant=asked.participant,
            keys=keys,
            by=asked.requested_by,
            authenticated_as=asked.authenticated_as,
            reason=asked.reason,
            days=days,
        )
        names = self._archives.chosen(asked.archives)
        found = await asyncio.gather(*(self._one(name, search) for name in names))
        for each in found:
            log.info("person searched", archive=each.archive, access_record=each.access_record)
        return json_response(FoundPerson(archives=[_seen_by(caller, each) for each in found]))

    async def _one(self, name: str, search: "partial[SubjectRecordings]") -> SubjectRecordings:
        opened = await self._archives.open(name)
        return await self._archives.run(lambda: search(opened))


def subjects_router(api: SubjectsApi, access: Access) -> APIRouter:
    """Return the route that finds people."""
    router = APIRouter(tags=["people"])
    router.add_api_route(
        FIND,
        api.find,
        methods=["POST"],
        dependencies=only_role(access, "privacy"),
        **operations.FIND,
    )
    return router


def _seen_by(caller: Caller, found: SubjectRecordings) -> SubjectRecordings:
    """Leave out the recordings of resources that are not for the caller."""
    seen = tuple(each for each in found.recordings if caller.sees(each.resource))
    return found.model_copy(update={"recordings": seen})
