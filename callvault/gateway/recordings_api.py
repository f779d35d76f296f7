"""The control API: start, pause, resume and stop recordings, and read their status."""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.params import Depends as Dependency
from pydantic import ValidationError

from callvault.config.archive_only import check_any_control, check_control_of, explain_unknown
from callvault.config.settings import Settings
from callvault.config.types import Role
from callvault.contracts import names
from callvault.contracts.alarms import Acknowledge
from callvault.contracts.base import CallerMessage, Message, explain, shorten
from callvault.contracts.consent import BeforeConsent, ConsentPolicy
from callvault.contracts.participants import HIDING, hiding
from callvault.contracts.requests import ControlRequest, RecordingRequest, dated
from callvault.contracts.status import ControlRecord
from callvault.contracts.webhook_urls import refusal_of
from callvault.errors import CallvaultError, InvalidRequest
from callvault.gateway.access import Access, caller_of
from callvault.gateway.archive_only import check_control_of_call
from callvault.gateway.bodies import read_body
from callvault.gateway.control_answers import answer_for, json_response, not_answered, not_done
from callvault.gateway.messages import RecordingConfirmed, RecordingStarted, RequestSent
from callvault.gateway.methods import add_read
from callvault.gateway.openapi import operations
from callvault.gateway.path_parts import CALL
from callvault.gateway.protections import loosened, sets_protection
from callvault.rereading import Reread
from callvault.temporal.call_client import CallClient

PATH = "/v1/recordings"
OPERATIONS = (names.PAUSE, names.RESUME, names.STOP)

WRITTEN_BY_GATEWAY = "authenticatedAs: the gateway writes it, so leave it out"

Body = TypeVar("Body", bound=CallerMessage)

CallPath = Annotated[str, Path(description="The `workflowId` of the call.")]


class ControlApi:
    """Turns HTTP requests into starts, updates, signals and queries of workflows.

    The docstrings of its routes are descriptions in the OpenAPI document.
    """

    def __init__(self, settings: Settings, recordings: CallClient, max_body: int) -> None:
        self._settings = settings
        self._recordings = recordings
        self._max_body = max_body
        # A body may name participants; in a history they stand by their hash only.
        self._context = {HIDING: hiding(Reread(settings.participant_key).current)}

    async def start(self, request: Request) -> Response:
        """Keep a call: 201 when its recording begins, 200 when it is being recorded already."""
        wanted = await self._body(request, RecordingRequest)
        # An unknown resource is refused now: a workflow could only fail because of it.
        self._settings.resource(wanted.resource)
        await self._check_sight(request, wanted)
        if wanted.start_recording:
            check_control_of(self._settings, wanted.resource)
        self._check_webhook(wanted)
        await self._check_protections(request, wanted)
        if waits_for_result(request) and wanted.start_recording and not self._may_take_long(wanted):
            return await self._start_confirmed(wanted)
        started = await self._recordings.start(wanted)
        answer = RecordingStarted(
            workflow_id=started.workflow_id, run_id=started.run_id, is_new=started.is_new
        )
        location = {"location": f"{PATH}/{started.workflow_id}"}
        return json_response(answer, 201 if started.is_new else 200, location)

    async def _check_sight(self, request: Request, wanted: RecordingRequest) -> None:
        """Raise `AccessDenied` for a request about a resource that is not for its caller."""
        caller = caller_of(request)
        caller.require_resource(wanted.resource)
        if caller.resources is not None:
            # A call that is kept already belongs to its own resource, whichever is named here.
            kept = await self._recordings.resource_of(names.workflow_id(wanted.server_call_id))
            caller.require_resource(kept or wanted.resource)

    def _check_webhook(self, wanted: RecordingRequest) -> None:
        """Raise `InvalidRequest` for a receiver of events that the resource does not allow."""
        allowed = self._settings.resource(wanted.resource).webhook_allowed_urls
        if refused := refusal_of(wanted.webhook_url, allowed, wanted.resource):
            raise InvalidRequest(refused)

    async def _check_protections(self, request: Request, wanted: RecordingRequest) -> None:
        """Raise `AccessDenied` for a request that loosens what its resource protects."""
        caller = caller_of(request)
        if "loosen" in caller.roles or not sets_protection(wanted):
            return
        # A call that is kept already has the settings of its own resource, whichever is named here.
        kept = await self._recordings.resource_of(names.workflow_id(wanted.server_call_id))
        # One that has left the settings meanwhile demands nothing that is known.
        own = kept if kept in self._settings.resources else None
        for name in filter(None, {wanted.resource, own}):
            if fields := loosened(wanted, self._settings.resource(name)):
                what = f", without which a request may not loosen what resource {name} protects"
                caller.require("loosen", f"{what} ({'; '.join(fields)})")

    def _may_take_long(self, wanted: RecordingRequest) -> bool:
        """Tell if people must agree, or hear an announcement, before ACS is even asked."""
        resource = self._settings.resource(wanted.resource)
        policy = wanted.consent_policy or resource.consent_policy
        before = wanted.before_consent or resource.before_consent
        waits = policy != ConsentPolicy.NONE and before is BeforeConsent.WAIT
        return waits or resource.announcement_url is not None

    async def _start_confirmed(self, wanted: RecordingRequest) -> Response:
        begun = await self._recordings.start_confirmed(wanted)
        workflow_id = names.workflow_id(wanted.server_call_id)
        record = begun if isinstance(begun, ControlRecord) else None
        if record is not None and not record.is_done:
            return not_done(record)
        answer = RecordingConfirmed(
            workflow_id=workflow_id,
            is_new=record is not None,
            recording=begun.recording if isinstance(begun, ControlRecord) else begun.number,
            recording_id=begun.recording_id,
            record=record,
        )
        location = {"location": f"{PATH}/{workflow_id}"}
        return json_response(answer, 201 if record else 200, location)

    async def status(self, workflow_id: CallPath) -> Response:
        """All that is known of a call and its recordings."""
        return json_response(await self._recordings.status(a_call(workflow_id)))

    async def control(self, request: Request, workflow_id: str, operation: str) -> Response:
        """Pause, resume or stop; confirmed by ACS, unless the caller prefers not to wait."""
        try:
            a_call(workflow_id)
            check_any_control(self._settings)
            wanted = await self._body(request, ControlRequest)
            if not waits_for_result(request):
                await check_control_of_call(self._settings, self._recordings, workflow_id)
                return await self._send(workflow_id, operation, wanted)
            # An update and not a signal: only its answer says that ACS has confirmed.
            record = await self._recordings.update(workflow_id, operation, wanted)
        except CallvaultError as error:
            return not_answered(operation, explain_unknown(self._settings, error))
        return answer_for(record)

    async def acknowledge(self, request: Request, workflow_id: CallPath) -> Response:
        """Somebody looks after an alarm, or after all of a call's that stand."""
        answer = await self._body(request, Acknowledge)
        return await self._send(a_call(workflow_id), names.ACKNOWLEDGE, answer)

    async def _send(self, workflow_id: str, operation: str, wanted: Message) -> Response:
        if not await self._recordings.signal(workflow_id, operation, wanted):
            raise await self._recordings.not_running_error(workflow_id)
        return sent_answer(workflow_id, operation)

    async def _body(self, request: Request, model: type[Body]) -> Body:
        """Read a request's body, and write into it who sent it, and when it came."""
        # Before any wait: from now on the deadlines of a pause count.
        received_at = datetime.now(UTC)
        return dated(await read_told(request, model, self._max_body, self._context), received_at)


async def read_told(
    request: Request, model: type[Body], max_body: int, context: dict[str, Any] | None = None
) -> Body:
    """Read a request's body, and write into it who sent it."""
    body = await read_body(request, max_body)
    try:
        # Unknown keys are forbidden here: people make typing mistakes.
        read = model.model_validate_json(body or b"{}", extra="forbid", context=context)
    except ValidationError as error:
        raise InvalidRequest(explain(error)) from None
    if "authenticated_as" in read.model_fields_set:
        raise InvalidRequest(WRITTEN_BY_GATEWAY)
    return told_by(request, read)


def a_call(workflow_id: str) -> str:
    """Return the id of a call's workflow; `InvalidRequest` (404) for any other.

    Temporal's namespace may have workflows of other programs, which understand a ``stop``, too.
    """
    if names.is_workflow_id(workflow_id):
        return workflow_id
    raise InvalidRequest(
        f"there is no recording {shorten(workflow_id, 100)}: a workflowId is recording- and 32"
        " hexadecimal digits; GET /v1/recordings:lookup finds it by any other id of the call",
        status=404,
        code="not_found",
    )


def told_by(request: Request, read: Body) -> Body:
    """Write into what a body says who sent it; fill in the requester if it names none."""
    caller = caller_of(request)
    known = {"authenticated_as": caller.authenticated_as}
    if caller.name is not None and "requested_by" not in read.model_fields_set:
        known["requested_by"] = caller.name
    return read.model_copy(update=known)


def sent_answer(workflow_id: str, operation: str) -> Response:
    """Return the answer to what was sent, and is not waited for."""
    sent = RequestSent(workflow_id=workflow_id, request=operation)
    return json_response(sent, 202, {"preference-applied": "respond-async"})


def waits_for_result(request: Request) -> bool:
    """Tell if the caller wants to wait for the result (RFC 7240)."""
    return "respond-async" not in request.headers.get("prefer", "").lower()


def control_router(api: ControlApi, access: Access) -> APIRouter:
    """Return the routes of the control API."""
    router = APIRouter(tags=["recordings"])
    router.add_api_route(
        PATH,
        api.start,
        methods=["POST"],
        dependencies=only_role(access, "control"),
        **operations.START,
    )
    for operation in OPERATIONS:
        _add_operation(router, api, operation, access)
    router.add_api_route(
        PATH + "/{workflow_id}:acknowledge",
        api.acknowledge,
        methods=["POST"],
        dependencies=only_role(access, "control"),
        **operations.ACKNOWLEDGE,
    )
    add_read(
        router,
        f"{PATH}/{{workflow_id:{CALL}}}",
        api.status,
        dependencies=only_role(access, "read"),
        **operations.STATUS,
    )
    return router


def only_role(access: Access, role: Role) -> list[Dependency]:
    """Return what lets only callers with a role in."""
    return [Depends(access.requires(role))]


def _add_operation(router: APIRouter, api: ControlApi, operation: str, access: Access) -> None:
    async def control(request: Request, workflow_id: CallPath) -> Response:
        return await api.control(request, workflow_id, operation)

    router.add_api_route(
        f"{PATH}/{{workflow_id}}:{operation}",
        control,
        methods=["POST"],
        name=operation,
        description=api.control.__doc__,
        dependencies=only_role(access, "control"),
        **operations.CONTROL[operation],
    )
