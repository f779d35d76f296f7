"""ACS's signed callbacks about the state of recordings.

They are evidence beside the answers of ACS, never instead of them: a callback that is missed loses
nothing. A genuine one that is not understood, or whose call is over, is logged and answered 200: to
send it again would not help. Only while Temporal is away the answer is 503.
"""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from temporalio.common import MetricMeter

from callvault.config.gateway import CallbackSettings
from callvault.contracts import names
from callvault.contracts.base import explain, shorten
from callvault.contracts.events import RecordingStateChanged
from callvault.contracts.json_text import parse_json
from callvault.errors import AccessDenied, InvalidRequest
from callvault.gateway.access import RateLimiter, bearer_token
from callvault.gateway.bodies import read_body
from callvault.gateway.openapi import operations
from callvault.gateway.orphans import Orphans
from callvault.gateway.path_parts import NUMBER
from callvault.gateway.refusals import Refusals
from callvault.gateway.shared_secrets import refuse_cross_site
from callvault.gateway.tokens import ACS_LEEWAY, TokenValidator
from callvault.temporal.call_client import CallClient

PATH = f"/v1/callbacks/{{workflow_id}}/{{recording:{NUMBER}}}"
"""The route of the addresses that `names.callback_path` makes."""

STATE_CHANGED = "Microsoft.Communication.RecordingStateChanged"
START_FAILED = "Microsoft.Communication.StartRecordingFailed"

MAX_ELEMENTS = 100
"""Most callbacks of one body: ACS was seen to send one at a time."""

CALL_RATE = "30/second"
"""Callbacks that are taken for one call, by each gateway: one for each change of a recording."""

_REFUSED = (
    "callbacks refused: ACS does not say again how a recording changed; check this machine's clock,"
    " callback_audience and gateway.callbacks"
)

log = structlog.get_logger(__name__)


class CallbackReceiver:
    """Takes callbacks whose token names the ACS resource of the call as its audience.

    Without any audience every caller of this machine is let in, which the configuration allows on
    loopback only.
    """

    def __init__(
        self,
        signed_by: CallbackSettings,
        audiences: Mapping[str, str | None],
        recordings: CallClient,
        max_body: int,
        meter: MetricMeter = MetricMeter.noop,
        orphans: Orphans | None = None,
    ) -> None:
        """``audiences`` has that of each resource, by its name in the settings."""
        self._audiences = audiences
        known = [audience for audience in audiences.values() if audience]
        self._validator = _validator(signed_by, known) if known else None
        self._refusals = Refusals("callback", _REFUSED, meter)
        self._recordings = recordings
        self._max_body = max_body
        self._orphans = orphans
        self._rate = RateLimiter(CALL_RATE)

    async def receive(self, request: Request, workflow_id: str, recording: int) -> Response:
        """Tell the call's workflow how its recording changed."""
        try:
            return await self._receive(request, workflow_id, recording)
        except AccessDenied as error:
            self._refusals.count(str(error))
            raise

    async def _receive(self, request: Request, workflow_id: str, recording: int) -> Response:
        claims = await self._claims(request)
        self._rate.count(workflow_id)
        body = await read_body(request, self._max_body)
        is_known = True
        if await self._may_tell(claims, workflow_id):
            for told in _readable(body, recording):
                is_known &= await self._tell(workflow_id, told)
        else:
            is_known = False
        if not is_known and self._orphans is not None:
            await self._orphans.look(claims, workflow_id, _values(body))
        return JSONResponse({"accepted": True})

    async def _tell(self, workflow_id: str, told: RecordingStateChanged) -> bool:
        """Tell the call's workflow; return False if none runs."""
        changed = told.model_copy(update={"is_signed": self._validator is not None})
        known = await self._recordings.signal(workflow_id, names.RECORDING_STATE_CHANGED, changed)
        log.debug("callback", workflow_id=workflow_id, state=changed.state, known=known)
        return known

    async def _claims(self, request: Request) -> dict[str, Any]:
        """Return the claims of a genuine token; none where every caller is let in."""
        if self._validator is None:
            refuse_cross_site(request)
            return {}
        token = bearer_token(request)
        if token is None:
            raise AccessDenied("a callback carries a signed token: Authorization: Bearer TOKEN")
        return await self._validator.claims(token)

    async def _may_tell(self, claims: dict[str, Any], workflow_id: str) -> bool:
        """Return False for a call of which no resource is known; `AccessDenied` for another's."""
        # Another program's workflow might understand the signal, too.
        if not names.is_workflow_id(workflow_id):
            return False
        if len(set(self._audiences.values())) == 1:
            return True
        # The address is not proven: a token of one resource must not speak of another's calls.
        resource = await self._recordings.resource_of(workflow_id)
        if resource is None:
            log.warning("callback for a call that is not known", workflow_id=workflow_id)
            return False
        said = claims.get("aud")
        if self._audiences.get(resource) not in (said if isinstance(said, list) else [said]):
            raise AccessDenied("the token is not accepted: it was made for another audience")
        return True


def _validator(signed_by: CallbackSettings, audiences: list[str]) -> TokenValidator:
    return TokenValidator(
        signed_by.issuer, signed_by.configuration_url, audiences, leeway=ACS_LEEWAY
    )


def _readable(body: bytes, recording: int) -> list[RecordingStateChanged]:
    """Return the changes in a body; what cannot be read is left out, and logged in one line."""
    changes: list[RecordingStateChanged] = []
    problems: list[str] = []
    for value in _values(body):
        try:
            changed = read_callback(value, recording)
        except InvalidRequest as error:
            # Not an error: ACS would send all callbacks of this body again, to no end.
            problems.append(str(error))
        else:
            changes += [changed] if changed is not None else []
    if problems:
        log.warning("callback not understood", problem=problems[0], count=len(problems))
    return changes


def _values(body: bytes) -> list[Any]:
    try:
        values = parse_json(body)
    except InvalidRequest as error:
        log.warning("callback not understood", problem=str(error))
        return []
    values = values if isinstance(values, list) else [values]
    if len(values) > MAX_ELEMENTS:
        raise InvalidRequest(f"the body holds {len(values)} callbacks, more than {MAX_ELEMENTS}")
    return values


def read_callback(event: Any, recording: int) -> RecordingStateChanged | None:
    """Read one CloudEvent; None for another type. `InvalidRequest` names the wrong fields."""
    data = event.get("data") if isinstance(event, dict) else None
    if not isinstance(data, dict):
        raise InvalidRequest("not a CloudEvent with data")
    kind = str(event.get("type")).casefold()
    if kind not in (STATE_CHANGED.casefold(), START_FAILED.casefold()):
        return None
    failed = kind == START_FAILED.casefold()
    try:
        return RecordingStateChanged(
            recording=recording,
            recording_id=data.get("recordingId"),
            state="" if failed else data.get("state"),
            at=event.get("time"),
            problem=_problem(data) if failed else "",
        )
    except ValidationError as error:
        raise InvalidRequest(explain(error)) from None


def _problem(data: dict[str, Any]) -> str:
    """Return why a recording failed to start."""
    said = data.get("resultInformation")
    said = said if isinstance(said, dict) else {}
    code = f"{said.get('code', '')}/{said.get('subCode', '')}"
    # Never empty: the workflow knows a failure by its problem alone. And half an emoji, which no
    # payload can hold, must not cost the news.
    told = f"ACS could not start it ({code}): {said.get('message', '')}"
    return shorten(told.encode("utf-8", "replace").decode())


def callbacks_router(callbacks: CallbackReceiver) -> APIRouter:
    """Return the route of the callbacks."""
    router = APIRouter(tags=["callbacks"])
    router.add_api_route(PATH, callbacks.receive, methods=["POST"], **operations.CALLBACK)
    return router
