"""The routes for the evidence of recordings, for callers with the role `privacy`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial

import structlog
from fastapi import APIRouter, Request, Response

from callvault.archive.manifests.seal import software
from callvault.archive.opening.places import places_in, the_one
from callvault.archive.subjects.lookup import hashes_of
from callvault.config.settings import Settings
from callvault.contracts.access import Access, AccessAction
from callvault.contracts.status import CallStatus
from callvault.errors import InvalidRequest
from callvault.evidence.account import evidence_of
from callvault.evidence.document import evidence_page
from callvault.evidence.recording import RecordingFacts
from callvault.gateway.access import Access as Callers
from callvault.gateway.access import Caller, caller_of
from callvault.gateway.archive_readers import ArchiveReaders
from callvault.gateway.control_answers import json_response
from callvault.gateway.long_work import LongWork
from callvault.gateway.openapi import privacy_operations
from callvault.gateway.privacy_messages import Evidence, EvidenceRequest
from callvault.gateway.recording_finder import RecordingFinder
from callvault.gateway.recordings_api import PATH, only_role, read_told
from callvault.logged_archives import LoggedArchive
from callvault.recorded_evidence import EvidenceLimit, EvidenceReader, Open, shown
from callvault.rereading import Reread
from callvault.temporal.call_client import CallClient
from callvault.temporal.rpc_errors import unknown_call

EVIDENCE = f"{PATH}:evidence"
PAGE = f"{PATH}:evidence-page"

MAX_PAGE_MEDIA = 1024 * 1024 * 1024
"""Bytes of media of the recordings of one page: to read and to hash so much takes ten seconds."""

LIMIT = EvidenceLimit(
    MAX_PAGE_MEDIA, "make it at a terminal, by `callvault recordings evidence --html`"
)

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""The page loads nothing by itself; here it may not either, on the gateway's own origin."""

Gather = Callable[[], list[RecordingFacts]]

log = structlog.get_logger(__name__)


class EvidenceApi:
    """Tells what is proven of recordings, and writes into access logs who was told."""

    def __init__(
        self,
        settings: Settings,
        calls: CallClient,
        finder: RecordingFinder,
        archives: ArchiveReaders,
        work: LongWork,
        max_body: int,
    ) -> None:
        self._calls = calls
        self._finder = finder
        self._archives = archives
        self._work = work
        self._max_body = max_body
        self._keys = Reread(settings.participant_keys)

    async def account(self, request: Request) -> Response:
        """Each request, what ACS confirmed, each pause beside the files, and each consent."""
        asked, caller = await self._read(request)
        subjects = self._subjects(asked)
        workflow_id = await self._finder.workflow(caller, asked.id)
        if workflow_id is None:
            raise InvalidRequest(
                f"{unknown_call(asked.id)}: of one that Temporal has forgotten the archive has all"
                f" that is proven, so ask for its page: POST {PAGE}",
                status=404,
                code="not_found",
            )
        status = await self._calls.status(workflow_id)
        for name, folders in _folders(status).items():
            opened = await self._archives.open(name)
            access = _access(asked, subjects).model_copy(update={"recordings": tuple(folders)})
            await self._archives.run(partial(opened.log.record, access))
        told = evidence_of(status, participant=next(iter(subjects), None), moment=asked.at)
        return json_response(Evidence(recordings=list(told)))

    async def page(self, request: Request) -> Response:
        """The page of an auditor as one HTML file: all of it with the proof, read byte by byte."""
        asked, caller = await self._read(request)
        if asked.at is not None:
            raise InvalidRequest("at: a page tells of all times, so leave it out")
        subjects, keys = self._subjects(asked), self._keys.current()
        gather, reader = await self._gathering(caller, asked, keys)
        text = await self._work.run(lambda: _page(reader, gather(), asked, subjects))
        return Response(text, headers={"content-security-policy": POLICY}, media_type="text/html")

    async def _gathering(
        self, caller: Caller, asked: EvidenceRequest, keys: Sequence[str]
    ) -> tuple[Gather, EvidenceReader]:
        """Find the recordings: by their workflow, or in an archive, where Temporal forgot it."""
        hashes = partial(hashes_of, keys=keys)
        workflow_id = await self._finder.workflow(caller, asked.id)
        if workflow_id is not None:
            status = await self._calls.status(workflow_id)
            names = {each.sealed.archive for each in status.recordings if each.sealed}
            reader = EvidenceReader(await self._opening(names), hashes, limit=LIMIT)
            return partial(reader.of_call, [status]), reader
        found = await self._finder.archived(caller, asked.id, asked.recorded_on)
        place = the_one(list(found), asked.id)
        opening = await self._opening({place.archive})
        reader = EvidenceReader(opening, hashes, place.archive, LIMIT)
        return partial(reader.of_archive, place.folder), reader

    async def _opening(self, names: set[str]) -> Open:
        opened = {name: await self._archives.open(name) for name in sorted(names)}

        @contextmanager
        def lend(name: str) -> Iterator[LoggedArchive]:
            yield opened[name]  # shared with other requests, so it is not closed

        return lend

    async def _read(self, request: Request) -> tuple[EvidenceRequest, Caller]:
        return await read_told(request, EvidenceRequest, self._max_body), caller_of(request)

    def _subjects(self, asked: EvidenceRequest) -> list[str]:
        if asked.participant is None:
            return []
        return hashes_of(asked.participant, self._keys.current())


def evidence_router(api: EvidenceApi, access: Callers) -> APIRouter:
    """Return the routes for evidence."""
    router, role = APIRouter(tags=["people"]), only_role(access, "privacy")
    router.add_api_route(
        EVIDENCE, api.account, methods=["POST"], dependencies=role, **privacy_operations.EVIDENCE
    )
    router.add_api_route(
        PAGE, api.page, methods=["POST"], dependencies=role, **privacy_operations.EVIDENCE_PAGE
    )
    return router


def _page(
    reader: EvidenceReader,
    found: Sequence[RecordingFacts],
    asked: EvidenceRequest,
    subjects: Sequence[str],
) -> str:
    if not found:
        raise InvalidRequest(
            "there is no recording in this call yet, so there is no evidence",
            status=404,
            code="not_recorded",
        )
    drawn = [shown(each, subjects, is_revealed=asked.reveal) for each in found]
    text = evidence_page(drawn, datetime.now(UTC), software())
    reader.note(_access(asked, subjects))
    log.info("evidence given", recordings=len(found), authenticated_as=asked.authenticated_as)
    return text


def _access(asked: EvidenceRequest, subjects: Sequence[str]) -> Access:
    return Access(
        action=AccessAction.EXPORTED,
        by=asked.requested_by,
        authenticated_as=asked.authenticated_as,
        participant=next(iter(subjects), None),
        reason=asked.reason or "evidence",
    )


def _folders(status: CallStatus) -> dict[str, list[str]]:
    """Return the folders of what is archived of a call, by archive."""
    found: dict[str, list[str]] = {}
    with suppress(InvalidRequest):  # nothing is archived yet
        for place in places_in(status, status.server_call_id):
            found.setdefault(place.archive, []).append(place.folder)
    return found
