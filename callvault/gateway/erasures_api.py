"""The routes for erasures, for callers with the role `erase`: plan, run, look, certificates.

Plans and erasures are made by workflows: no request waits for one longer than some seconds.
"""

from datetime import timedelta
from functools import partial
from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Request, Response

from callvault.archive.manifests.records import find_record
from callvault.archive.names import erasure_certificate_name, is_erasure_record_name
from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.contracts.access import Access, AccessAction
from callvault.contracts.base import shorten
from callvault.contracts.erasures import (
    ErasureCertificate,
    ErasureInput,
    ErasurePlan,
    ErasureTarget,
    PlannedErasure,
)
from callvault.erasure_orders import erasure_order, erasure_target, note_plan
from callvault.errors import InvalidRequest
from callvault.gateway.access import Access as Callers
from callvault.gateway.access import Caller, caller_of
from callvault.gateway.archive_readers import ArchiveReaders
from callvault.gateway.control_answers import json_response
from callvault.gateway.methods import add_read
from callvault.gateway.openapi import privacy_operations
from callvault.gateway.path_parts import CALL
from callvault.gateway.privacy_messages import (
    Certificates,
    ErasureAsked,
    ErasureStanding,
    PlanErasure,
    Planned,
    RunErasure,
)
from callvault.gateway.recordings_api import only_role, read_told
from callvault.logged_archives import LoggedArchive
from callvault.rereading import Reread
from callvault.temporal.erasure_client import ErasureClient, Standing, unknown_erasure

ERASURES = "/v1/erasures"
PLANS = "/v1/erasure-plans"

PLAN_WAIT = timedelta(seconds=20)
"""Time for which a request waits for its plan; then it is asked for by its name."""

BEGIN_WAIT = timedelta(seconds=10)
"""Time for which a request waits until its erasure has compared the plan with the token."""

NO_WAIT = timedelta(seconds=1)

PlanPath = Annotated[str, Path(description="The `planId` of the plan.")]
ErasurePath = Annotated[str, Path(description="The `erasureId`: the token of the plan.")]

log = structlog.get_logger(__name__)


class ErasuresApi:
    """Has erasures planned and carried out, and tells where they stand."""

    def __init__(
        self, settings: Settings, client: ErasureClient, archives: ArchiveReaders, max_body: int
    ) -> None:
        self._client = client
        self._archives = archives
        self._max_body = max_body
        self._key = Reread(settings.participant_key)

    async def plan(self, request: Request) -> Response:
        """Nothing is erased: the plan says what would be, and what is held back and why."""
        asked, caller = await read_told(request, PlanErasure, self._max_body), caller_of(request)
        order = ErasureInput(
            target=self._target(caller, asked),
            dry_run=True,
            requested_by=asked.requested_by,
            authenticated_as=asked.authenticated_as,
        )
        plan_id = await self._client.begin_plan(order)
        return await self._planned(caller, plan_id, asked.requested_by, PLAN_WAIT)

    async def planned(self, request: Request, plan_id: PlanPath) -> Response:
        """A plan that was not made while its request waited."""
        caller = caller_of(request)
        return await self._planned(caller, plan_id, caller.name or "unknown", NO_WAIT)

    async def run(self, request: Request) -> Response:
        """A workflow erases exactly what the plan with this token says, and comes to its end."""
        asked, caller = await read_told(request, RunErasure, self._max_body), caller_of(request)
        order = erasure_order(
            self._target(caller, asked),
            asked.plan,
            asked.requested_by,
            asked.authenticated_as,
            asked.reason,
        )
        await self._client.begin(order)
        standing = await self._client.begun(asked.plan, BEGIN_WAIT)
        if standing.state == "failed":
            raise InvalidRequest(standing.problem, status=409, code="plan_stale")
        log.info("erasure begun", erasure=asked.plan, authenticated_as=asked.authenticated_as)
        return json_response(_told(asked.plan, standing), 202)

    async def standing(self, request: Request, erasure_id: ErasurePath) -> Response:
        """What is done, what it does now, and what stays and why."""
        return json_response(_told(erasure_id, await self._seen(request, erasure_id)))

    async def certificates(self, request: Request, erasure_id: ErasurePath) -> Response:
        """The signed certificates that all of it is gone, from the archives."""
        caller = caller_of(request)
        if caller.resources is not None:
            await self._seen(request, erasure_id)
        access = Access(
            action=AccessAction.READ,
            by=caller.name or "unknown",
            authenticated_as=caller.authenticated_as,
            objects=(erasure_certificate_name(shorten(erasure_id, 70)),),
        )
        found = []
        for name in self._archives.names():
            opened = await self._archives.open(name)
            found.append(
                await self._archives.run(partial(_certificate, opened, erasure_id, access))
            )
        certificates = [each for each in found if each is not None]
        if not certificates:
            raise InvalidRequest(
                f"no archive has a certificate of erasure {shorten(erasure_id, 70)}: it has not"
                f" come to its end, or there was none; GET {ERASURES}/{{erasureId}} tells",
                status=404,
                code="not_found",
            )
        return json_response(Certificates(certificates=certificates))

    def _target(self, caller: Caller, asked: ErasureAsked) -> ErasureTarget:
        named = (asked.participant is not None, asked.recording_id is not None, asked.retention)
        if named.count(True) != 1:
            raise InvalidRequest(
                "name one: a participant, a recordingId, or retention: true for all whose"
                " retention is over"
            )
        resources = () if caller.resources is None else tuple(caller.resources)
        if caller.resources is not None and not resources:
            caller.require_every_resource("to none: name them in the token's resources")
        if asked.retention:
            return ErasureTarget(resources=tuple(sorted(resources)))
        return erasure_target(
            asked.participant,
            asked.recording_id,
            self._key.current(),
            channel_only=asked.channel_only,
            resources=resources,
        )

    async def _planned(self, caller: Caller, plan_id: str, by: str, within: timedelta) -> Response:
        made = await self._client.plan(plan_id, within)
        if made is None:
            waiting = Planned(plan_id=plan_id, state="planning", token=None, plan=None)
            return json_response(waiting, 202)
        _require_seen(caller, made.plan.target.resources, plan_id)
        _refuse_nothing(made)
        await self._note(made.plan, by, caller.authenticated_as)
        return json_response(
            Planned(plan_id=plan_id, state="planned", token=made.token, plan=made.plan)
        )

    async def _note(self, plan: ErasurePlan, by: str, authenticated_as: str) -> None:
        """Write into access logs who is given the plan: of all archives where it is empty."""
        named = {each.archive for each in plan.recordings}
        for name in sorted(named) or self._archives.names():
            opened = await self._archives.open(name)
            await self._archives.run(partial(note_plan, opened, plan, by, authenticated_as))

    async def _seen(self, request: Request, erasure_id: str) -> Standing:
        standing = await self._client.standing(erasure_id)
        _require_seen(caller_of(request), standing.resources, erasure_id)
        return standing


def erasures_router(api: ErasuresApi, access: Callers) -> APIRouter:
    """Return the routes for erasures."""
    router, role = APIRouter(tags=["people"]), only_role(access, "erase")
    one = f"{ERASURES}/{{erasure_id:{CALL}}}"
    router.add_api_route(
        f"{ERASURES}:plan",
        api.plan,
        methods=["POST"],
        dependencies=role,
        **privacy_operations.PLAN_ERASURE,
    )
    router.add_api_route(
        ERASURES, api.run, methods=["POST"], dependencies=role, **privacy_operations.RUN_ERASURE
    )
    add_read(
        router,
        f"{PLANS}/{{plan_id:{CALL}}}",
        api.planned,
        dependencies=role,
        **privacy_operations.GET_PLAN,
    )
    add_read(router, one, api.standing, dependencies=role, **privacy_operations.GET_ERASURE)
    add_read(
        router,
        f"{one}/certificates",
        api.certificates,
        dependencies=role,
        **privacy_operations.GET_CERTIFICATES,
    )
    return router


def _told(erasure_id: str, standing: Standing) -> ErasureStanding:
    return ErasureStanding(
        erasure_id=erasure_id,
        workflow_id=names.erasure_id(erasure_id),
        state=standing.state,
        status=standing.status,
        problem=standing.problem,
    )


def _require_seen(caller: Caller, resources: tuple[str, ...], what: str) -> None:
    """Raise the error for what is not there, unless an order is within the caller's resources."""
    if caller.resources is None or (resources and set(resources) <= caller.resources):
        return
    raise unknown_erasure(what)


def _refuse_nothing(made: PlannedErasure) -> None:
    """Raise `InvalidRequest` where a recording was named that no archive has."""
    wanted = made.plan.target.recording_id
    if wanted is not None and not made.plan.recordings:
        raise InvalidRequest(
            f"there is no recording {shorten(wanted, 100)} in an archive: name it by its"
            " recordingId, as the status of its call or a search for a person tells it",
            status=404,
            code="not_found",
        )


def _certificate(
    opened: LoggedArchive, erasure_id: str, access: Access
) -> ErasureCertificate | None:
    name = access.objects[0]
    if not is_erasure_record_name(name):
        return None
    found = find_record(opened.archive, ErasureCertificate, name)
    if found is None or found.erasure != erasure_id:
        return None
    opened.log.record(access)
    return found
