"""ACS's signed callbacks about the state of recordings.

They are evidence beside the answers of ACS, never instead of them: a callback that is missed loses
nothing. A genuine one that is not understood, or whose call is over, is logged and answered 200: to
send it again would not help. Only while Temporal is away the answer is 503.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from callvault.config.gateway import CallbackSettings
from callvault.contracts import names
from callvault.contracts.base import explain, shorten
from callvault.contracts.events import RecordingStateChanged
from callvault.errors import AccessDenied, InvalidRequest
from callvault.gateway.access import bearer_token
from callvault.gateway.bodies import read_body
from callvault.gateway.shared_secrets import refuse_cross_site
from callvault.gateway.tokens import TokenValidator
from callvault.temporal.call_client import CallClient

PATH = "/v1/callbacks/{workflow_id}/{recording:int}"
"""The route of the addresses that `names.callback_path` makes."""

STATE_CHANGED = "Microsoft.Communication.RecordingStateChanged"
START_FAILED = "Microsoft.Communication.StartRecordingFailed"

log = structlog.get_logger(__name__)


class CallbackReceiver:
    """Takes callbacks whose token names one of our resources as its audience.

    Without any audience every caller of this machine is let in, which the configuration allows on
    loopback only.
    """

    def __init__(
        self,
        signed_by: CallbackSettings,
        audiences: Sequence[str],
        recordings: CallClient,
        max_body: int,
    ) -> None:
        self._validator = (
            TokenValidator(signed_by.issuer, signed_by.configuration_url, audiences)
            if audiences
            else None
        )
        self._recordings = recordings
        self._max_body = max_body

    async def receive(self, request: Request, workflow_id: str, recording: int) -> Response:
        """Tell the call's workflow how its recording changed."""
        await self._authenticate(request)
        body = await read_body(request, self._max_body)
        for changed in _readable(body, recording):
            known = await self._recordings.signal(
                workflow_id, names.RECORDING_STATE_CHANGED, changed
            )
            log.info("callback", workflow_id=workflow_id, state=changed.state, known=known)
        return JSONResponse({"accepted": True})

    async def _authenticate(self, request: Request) -> None:
        if self._validator is None:
            refuse_cross_site(request)
            return
        token = bearer_token(request)
        if token is None:
            raise AccessDenied("a callback carries a signed token: Authorization: Bearer TOKEN")
        await self._validator.claims(token)


def _readable(body: bytes, recording: int) -> Iterator[RecordingStateChanged]:
    """Yield the changes in a body; a callback that cannot be read is logged and left out."""
    for value in _values(body):
        try:
            changed = read_callback(value, recording)
        except InvalidRequest as error:
            # Not an error: ACS would send all callbacks of this body again, to no end.
            log.warning("callback not understood", problem=str(error))
        else:
            if changed is not None:
                yield changed


def _values(body: bytes) -> list[Any]:
    try:
        values = json.loads(body)
    except ValueError:
        log.warning("callback not understood", problem="the body is not JSON")
        return []
    return values if isinstance(values, list) else [values]


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
    # Never empty: the workflow knows a failure by its problem alone.
    return shorten(f"ACS could not start it ({code}): {said.get('message', '')}")


def callbacks_router(callbacks: CallbackReceiver) -> APIRouter:
    """Return the route of the callbacks."""
    router = APIRouter(tags=["callbacks"])
    router.add_api_route(
        PATH, callbacks.receive, methods=["POST"], summary="Hear from ACS how a recording changes"
    )
    return router
