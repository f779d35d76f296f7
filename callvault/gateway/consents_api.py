"""The route for decisions on consent. A withdrawal is never refused for its form."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import TypeAdapter, ValidationError

from callvault.config.archive_only import check_any_control, explain_unkept, may_be_begun
from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.contracts.base import OpaqueId, Unreadable, explain
from callvault.contracts.consent import ConsentDecision, dated_withdrawal
from callvault.contracts.consent_messages import withdrawal_in
from callvault.contracts.json_text import parse_json
from callvault.contracts.participants import HIDING, hiding
from callvault.contracts.requests import RecordingRequest
from callvault.errors import InvalidRequest
from callvault.gateway.access import Access, caller_of
from callvault.gateway.archive_only import check_control_of_call
from callvault.gateway.bodies import read_body
from callvault.gateway.control_answers import json_response
from callvault.gateway.messages import ToldDecision
from callvault.gateway.openapi import operations
from callvault.gateway.recordings_api import (
    PATH,
    WRITTEN_BY_GATEWAY,
    CallPath,
    a_call,
    only_role,
    sent_answer,
    told_by,
    waits_for_result,
)
from callvault.rereading import Reread
from callvault.temporal.decisions import DecisionClient

_CALL_ID = TypeAdapter[str](OpaqueId)


class ConsentsApi:
    """Turns HTTP requests into decisions of workflows."""

    def __init__(self, settings: Settings, decisions: DecisionClient, max_body: int) -> None:
        self._settings = settings
        self._decisions = decisions
        self._max_body = max_body
        # A body may name participants; in a history they stand by their hash only.
        self._hide = hiding(Reread(settings.participant_key).current)

    async def decide(self, request: Request, workflow_id: CallPath) -> Response:
        """Tell of consent given or withdrawn; a withdrawal is answered once ACS records no more."""
        # Before any wait: from now on nobody who withdraws is to be heard.
        received_at = datetime.now(UTC)
        a_call(workflow_id)
        check_any_control(self._settings)
        told = told_by(request, self._read(await read_body(request, self._max_body)))
        decision = dated_withdrawal(ConsentDecision.model_validate(told.model_dump()), received_at)
        unkept = self._unkept(told)
        if unkept is not None:
            caller_of(request).require_resource(unkept.resource)
        try:
            return await self._answer(request, workflow_id, decision, unkept)
        except InvalidRequest as error:
            if told.server_call_id is None:
                raise
            raise explain_unkept(self._settings, told.resource, error) from error

    async def _answer(
        self,
        request: Request,
        workflow_id: str,
        decision: ConsentDecision,
        unkept: RecordingRequest | None,
    ) -> Response:
        if not waits_for_result(request):
            await check_control_of_call(self._settings, self._decisions.calls, workflow_id)
            await self._decisions.tell(workflow_id, decision, unkept)
            return sent_answer(workflow_id, names.CONSENT)
        return json_response(await self._decisions.decide(workflow_id, decision, unkept))

    def _read(self, body: bytes) -> ToldDecision:
        context = {HIDING: self._hide}
        try:
            # Unknown keys are forbidden here: people make typing mistakes.
            told = ToldDecision.model_validate_json(body or b"{}", extra="forbid", context=context)
            if told.given and "authenticated_as" in told.model_fields_set:
                raise InvalidRequest(WRITTEN_BY_GATEWAY)
            return told
        except ValidationError as error:
            payload, problem = _payload(body), explain(error)
        decision = withdrawal_in(payload, problem, self._hide)
        if isinstance(decision, Unreadable):
            raise InvalidRequest(decision.problem)
        return ToldDecision.model_validate(
            decision.model_dump(exclude_unset=True) | _call_in(payload)
        )

    def _unkept(self, told: ToldDecision) -> RecordingRequest | None:
        """Return the request that keeps a call for its decisions, if the body names the call."""
        if told.server_call_id is None or not may_be_begun(self._settings, told.resource):
            return None
        return RecordingRequest(
            server_call_id=told.server_call_id,
            resource=told.resource,
            start_recording=False,
            requested_by=told.requested_by,
            reason="a participant has decided about being recorded",
        )


def consents_router(api: ConsentsApi, access: Access) -> APIRouter:
    """Return the route of decisions."""
    router = APIRouter(tags=["recordings"])
    router.add_api_route(
        PATH + "/{workflow_id}/consents",
        api.decide,
        methods=["POST"],
        dependencies=only_role(access, "consent"),
        **operations.CONSENT,
    )
    return router


def _payload(body: bytes) -> Any:
    try:
        return parse_json(body)
    except InvalidRequest:
        return None


def _call_in(payload: Any) -> dict[str, str]:
    """Return the id of the call in a body that cannot be read whole."""
    said = payload.get("serverCallId") if isinstance(payload, dict) else None
    try:
        return {"server_call_id": _CALL_ID.validate_python(said)}
    except ValidationError:
        return {}
