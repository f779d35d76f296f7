"""The routes for legal holds, for callers with the role `hold`.

A hold is a signed record in every archive, so it counts from the moment of the answer, whatever
becomes of Temporal. The call's workflow is told as well, where it is open.
"""

import asyncio
from contextlib import suppress
from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Query, Request, Response

from callvault import legal_holds
from callvault.archive.manifests.holds import Hold, find_holds
from callvault.archive.names import HOLDS_PREFIX
from callvault.contracts import names
from callvault.contracts.access import Access, AccessAction
from callvault.contracts.base import Message
from callvault.contracts.hold_messages import (
    HoldRequest,
    HoldTarget,
    ReleaseRequest,
)
from callvault.contracts.holds import HoldRecord
from callvault.errors import CallvaultError, InvalidRequest
from callvault.gateway.access import Access as Callers
from callvault.gateway.access import Caller, caller_of
from callvault.gateway.archive_readers import ArchiveReaders
from callvault.gateway.control_answers import json_response
from callvault.gateway.lists_api import ParametersOf
from callvault.gateway.methods import add_read
from callvault.gateway.openapi import privacy_operations
from callvault.gateway.path_parts import CALL
from callvault.gateway.privacy_messages import (
    HoldList,
    HoldRecords,
    ListedHold,
    PlaceHold,
    ReleaseHold,
)
from callvault.gateway.recording_finder import RecordingFinder
from callvault.gateway.recordings_api import only_role, read_told
from callvault.logged_archives import LoggedArchive
from callvault.temporal.call_client import CallClient

HOLDS = "/v1/holds"

MAX_HOLD_RECORDS = 2_000
"""Records of holds of one archive that a list reads: a request must end within seconds."""

HoldPath = Annotated[str, Path(description="The hold's `id`.")]

log = structlog.get_logger(__name__)


class HoldsQuery(ParametersOf):
    """The filter of the list."""

    released: bool = False
    """True: the released ones, too."""


class HoldsApi:
    """Places, releases and lists legal holds."""

    def __init__(
        self, finder: RecordingFinder, calls: CallClient, archives: ArchiveReaders, max_body: int
    ) -> None:
        self._finder = finder
        self._calls = calls
        self._archives = archives
        self._max_body = max_body

    async def place(self, request: Request) -> Response:
        """Nothing erases what is held. The same hold again changes nothing."""
        asked = await read_told(request, PlaceHold, self._max_body)
        caller = caller_of(request)
        target = legal_holds.read_target(asked.server_call_id, asked.recording_id)
        workflow_id, resource = await self._finder.held(caller, target, asked.recorded_on)
        said = legal_holds.said(
            asked.requested_by or "unknown", asked.authenticated_as, asked.reason
        )
        archives = await self._all()
        records = await self._archives.run(
            lambda: legal_holds.place(archives, target, said, resource=resource)
        )
        told = HoldRequest(
            recording_id=target.recording_id,
            requested_by=said.requested_by,
            authenticated_as=said.authenticated_as,
            reason=said.reason,
            hold=records[0].id,
        )
        is_open = await self._tell(workflow_id, names.PLACE_HOLD, told)
        return _answer("hold placed", records, workflow_id if is_open else None)

    async def release(self, request: Request, hold_id: HoldPath) -> Response:
        """The hold ends, for good, in every archive that has it."""
        asked = await read_told(request, ReleaseHold, self._max_body)
        caller = caller_of(request)
        said = legal_holds.said(
            asked.requested_by or "unknown", asked.authenticated_as, asked.reason
        )
        archives = await self._all()
        found = [await self._find(each, hold_id) for each in archives]
        placed = [hold.placed for hold in found if hold is not None]
        if not placed or not all(caller.sees(each.resource) for each in placed):
            raise InvalidRequest(
                f"there is no hold {hold_id[:40]!r}: GET {HOLDS} lists them",
                status=404,
                code="not_found",
            )
        records = await self._archives.run(lambda: legal_holds.release(archives, hold_id, said))
        told = ReleaseRequest(
            hold=hold_id,
            requested_by=said.requested_by,
            authenticated_as=said.authenticated_as,
            reason=said.reason,
        )
        workflow_id = await self._workflow(caller, placed[0].target)
        is_open = await self._tell(workflow_id, names.RELEASE_HOLD, told)
        return _answer("hold released", records, workflow_id if is_open else None)

    async def list_holds(self, request: Request, asked: Annotated[HoldsQuery, Query()]) -> Response:
        """All holds of all archives, the oldest first."""
        caller = caller_of(request)
        archives = await self._all()
        access = Access(
            action=AccessAction.READ,
            by=caller.name or "unknown",
            authenticated_as=caller.authenticated_as,
            reason="the list of legal holds",
        )
        found = await asyncio.gather(*(self._held(each, access) for each in archives))
        holds = [
            ListedHold(placed=hold.placed, released=hold.released)
            for each in found
            for hold in each
            if caller.sees(hold.placed.resource) and (asked.released or hold.released is None)
        ]
        return json_response(HoldList(holds=holds))

    async def _all(self) -> list[LoggedArchive]:
        # All of them before one is written to: else a hold would be in some archives alone.
        return [await self._archives.open(name) for name in self._archives.names()]

    async def _held(self, opened: LoggedArchive, access: Access) -> list[Hold]:
        count = await self._archives.run(lambda: len(list(opened.archive.names(HOLDS_PREFIX))))
        if count > MAX_HOLD_RECORDS:
            raise InvalidRequest(
                f"archive {opened.archive.name} has {count} records of holds, more than one answer"
                " takes: `callvault holds list` lists them",
                status=409,
                code="too_large",
            )

        def read() -> list[Hold]:
            opened.log.record(access)
            return find_holds(opened.archive, opened.keys())

        return await self._archives.run(read)

    async def _find(self, opened: LoggedArchive, hold_id: str) -> Hold | None:
        return await self._archives.run(lambda: legal_holds.find(opened, hold_id))

    async def _workflow(self, caller: Caller, target: HoldTarget) -> str | None:
        if target.server_call_id is not None:
            return names.workflow_id(target.server_call_id)
        with suppress(CallvaultError):
            return await self._finder.workflow(caller, target.recording_id or "")
        return None

    async def _tell(self, workflow_id: str | None, signal: str, told: Message) -> bool:
        """Tell an open workflow what the archives have: the archives count, so this may fail."""
        if workflow_id is None:
            return False
        try:
            return await self._calls.signal(workflow_id, signal, told)
        except CallvaultError as error:
            log.warning("a workflow was not told of a hold", error=str(error), id=workflow_id)
            return False


def holds_router(api: HoldsApi, access: Callers) -> APIRouter:
    """Return the routes for holds."""
    router, role = APIRouter(tags=["people"]), only_role(access, "hold")
    router.add_api_route(
        HOLDS, api.place, methods=["POST"], dependencies=role, **privacy_operations.PLACE_HOLD
    )
    router.add_api_route(
        f"{HOLDS}/{{hold_id:{CALL}}}:release",
        api.release,
        methods=["POST"],
        dependencies=role,
        **privacy_operations.RELEASE_HOLD,
    )
    add_read(router, HOLDS, api.list_holds, dependencies=role, **privacy_operations.LIST_HOLDS)
    return router


def _answer(what: str, records: list[HoldRecord], workflow_id: str | None) -> Response:
    for each in records:
        log.info(what, archive=each.archive, hold=each.id, authenticated_as=each.authenticated_as)
    return json_response(HoldRecords(records=records, workflow_id=workflow_id))
