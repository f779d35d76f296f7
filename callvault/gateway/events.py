"""The Event Grid webhook.

Event Grid drops an event for ever when it is answered 400, 401, 403 or 413, so an authentic
delivery gets 200 (Temporal or the quarantine has it) or 503 (send it again), and nothing else.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect
from temporalio.common import MetricMeter

from callvault.contracts.names import EVENTS_PATH
from callvault.errors import AccessDenied, InvalidRequest, Unavailable
from callvault.gateway.openapi import operations
from callvault.gateway.refusals import Refusals
from callvault.gateway.request_url import SECRET_HEADER
from callvault.gateway.shared_secrets import SharedSecrets, presented_in, refuse_cross_site
from callvault.ingest.deliveries import read_delivery
from callvault.ingest.eventgrid import ValidationEvent
from callvault.ingest.intake import Disposition, EventOutcome, Intake, with_disposition
from callvault.ingest.quarantine import Quarantine

DELIVERY_TIMEOUT = timedelta(seconds=25)
"""Time for one delivery in all: Event Grid gives up after 30 s."""

_REFUSED = (
    "deliveries refused: Event Grid drops them, unless they are dead-lettered; correct the"
    " subscription's secret or gateway.event_secrets"
)


class EventWebhook:
    """Answers Event Grid."""

    def __init__(
        self,
        secrets: SharedSecrets,
        intake: Intake,
        quarantine: Quarantine,
        max_body: int,
        meter: MetricMeter = MetricMeter.noop,
    ) -> None:
        self._secrets = secrets
        self._intake = intake
        self._quarantine = quarantine
        self._max_body = max_body
        self._refusals = Refusals("webhook", _REFUSED, meter)

    async def receive(self, request: Request) -> Response:
        """Take one delivery: all of its events, or none."""
        if not self._secrets.accept(*presented_in(request, SECRET_HEADER)):
            self._refusals.count("the event secret is missing or wrong")
            raise AccessDenied("the event secret is missing or wrong")
        if not self._secrets:
            refuse_cross_site(request)
        try:
            async with asyncio.timeout(DELIVERY_TIMEOUT.total_seconds()):
                return await self._receive(request)
        except TimeoutError:
            raise Unavailable("the delivery took too long: send it again") from None
        except ClientDisconnect:
            raise Unavailable("the delivery broke off: send it again") from None

    async def handshake(self, request: Request) -> Response:
        """Answer the CloudEvents handshake: yes, events may be sent here.

        A secret need not come with it; a wrong one is refused, so that it is noticed now.
        """
        presented = presented_in(request, SECRET_HEADER)
        if presented and not self._secrets.accept(*presented):
            raise AccessDenied("the event secret is wrong")
        allowed = {
            "allow": "POST, OPTIONS",
            "webhook-allowed-origin": request.headers.get("webhook-request-origin", "*"),
            "webhook-allowed-rate": "*",
        }
        return Response(status_code=200, headers=allowed)

    async def _receive(self, request: Request) -> Response:
        pieces = request.stream()
        body = await _read(pieces, self._max_body)
        if len(body) > self._max_body:
            reason = f"the body is larger than {self._max_body} bytes"
            await self._quarantine.store(reason, request.headers, _rest(body, pieces))
            return _accepted()
        try:
            values = read_delivery(body, request.headers)
        except InvalidRequest as error:
            await self._quarantine.store(str(error), request.headers, body)
            return _accepted()
        return await self._deliver_all(request, body, values)

    async def _deliver_all(self, request: Request, body: bytes, values: list[Any]) -> Response:
        """Deliver the events of a body, and quarantine those that are not understood."""
        outcomes = await self._intake.deliver(values)
        # Nothing is quarantined before every other event is in Temporal: the whole delivery comes
        # again, and the same event would lie there twice.
        for outcome in with_disposition(outcomes, Disposition.WAITING):
            raise Unavailable(outcome.problem)

        odd = with_disposition(outcomes, Disposition.NOT_UNDERSTOOD)
        if odd:
            await self._keep(request, body, odd, whole=len(odd) == len(values))
        return _accepted(outcomes)

    async def _keep(
        self, request: Request, body: bytes, odd: Sequence[EventOutcome], *, whole: bool
    ) -> None:
        """Quarantine what is not understood of a delivery: one file, however many events it has."""
        headers = dict(request.headers)
        if not whole:
            body = _body_of(odd)
            # What is written anew is packed no more.
            headers.pop("content-encoding", None)
        more = f" (and {len(odd) - 1} more)" if len(odd) > 1 else ""
        await self._quarantine.store(odd[0].problem + more, headers, body)


def _body_of(odd: Sequence[EventOutcome]) -> bytes:
    values = [outcome.value for outcome in odd]
    return json.dumps(values[0] if len(values) == 1 else values).encode()


async def _read(pieces: AsyncIterator[bytes], limit: int) -> bytes:
    """Read up to the end, or just beyond the limit."""
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > limit:
            break
    return bytes(body)


async def _rest(begun: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield begun
    async for piece in pieces:
        yield piece


def _accepted(outcomes: Sequence[EventOutcome] = ()) -> Response:
    """Return the answer 200; to the validation of a subscription, with its code."""
    for outcome in with_disposition(outcomes, Disposition.IGNORED):
        if isinstance(outcome.event, ValidationEvent):
            return JSONResponse({"validationResponse": outcome.event.code})
    return JSONResponse({"accepted": True})


def events_router(webhook: EventWebhook) -> APIRouter:
    """Return the routes of the webhook."""
    router = APIRouter(tags=["events"])
    router.add_api_route(EVENTS_PATH, webhook.receive, methods=["POST"], **operations.EVENTS)
    router.add_api_route(
        EVENTS_PATH, webhook.handshake, methods=["OPTIONS"], **operations.HANDSHAKE
    )
    return router
