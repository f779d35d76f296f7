"""An app backend that retries its requests until they are answered, through every channel.

Parts are killed while requests are in flight. As the contracts say, the backend repeats requests
that timed out, with the same ``requestId``.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from bench.chaos.generator import Channel
from callvault.contracts import names
from callvault.temporal.rpc_errors import NOT_CONFIRMED

Answer = TypeVar("Answer")
REQUESTER = "chaos"
RETRY_INTERVAL = 0.5
REQUIRED_TIMEOUT = 300.0
"""Seconds of retries for requests that must succeed: the start of a recording, a call's end."""
PAUSE_TIMEOUT = 20.0
"""Seconds of retries for a pause, resume or stop."""
ANSWERED = (Channel.REST, Channel.UPDATE)
"""The channels by which a backend hears what has become of its request."""

_NO_ANSWER = (
    httpx.HTTPError,
    RPCError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    TimeoutError,
    RuntimeError,  # the SDK's, where a connection cannot be made
)


class NoAnswer(Exception):
    """A request was not answered within its time."""


@dataclass
class Backend:
    """Client of the gateway, of Temporal and, on behalf of the callers, of the emulator."""

    gateway: str
    emulator: str
    """Base URL of its control API."""
    temporal: Client
    http: httpx.AsyncClient

    async def call_begins(self, people: int) -> dict[str, Any]:
        body = {"participants": [{"displayName": f"P{n}"} for n in range(people)]}
        call: dict[str, Any] = await self._emulated("POST", "/calls", body)
        return call

    async def speaks(self, call: dict[str, Any], who: int, *, on: bool) -> None:
        body = {"rawId": call["participants"][who]["rawId"], "speaking": on}
        await self._emulated("POST", f"/calls/{call['callId']}/speech", body)

    async def call_ends(self, call: dict[str, Any]) -> None:
        await self._emulated("DELETE", f"/calls/{call['callId']}")

    async def truth(self, call_id: str) -> dict[str, Any]:
        """Ask the emulator for the truth of a call."""
        truth: dict[str, Any] = await self._emulated("GET", f"/calls/{call_id}")
        return truth

    async def start_recording(self, channel: Channel, request: dict[str, Any]) -> None:
        """Request a recording of the call."""
        if channel is Channel.REST:
            await _retry(lambda: self._post("/v1/recordings", request), REQUIRED_TIMEOUT)
        else:
            await _retry(lambda: self._start(request), REQUIRED_TIMEOUT)

    async def request_change(
        self, channel: Channel, workflow_id: str, operation: str, request_id: str
    ) -> dict[str, Any] | None:
        """Request a change, and return what is answered; None if it is refused, or only sent."""
        request = {"requestedBy": REQUESTER, "reason": "because", "requestId": request_id}
        path = f"/v1/recordings/{workflow_id}:{operation}"
        handle = self.temporal.get_workflow_handle(workflow_id)
        channels: dict[Channel, Callable[[], Awaitable[Any]]] = {
            Channel.REST: lambda: self._post(path, request),
            Channel.REST_SIGNAL: lambda: self._post(path, request, prefer="respond-async"),
            Channel.SIGNAL: lambda: handle.signal(operation, request),
            Channel.UPDATE: lambda: self._update(workflow_id, operation, request),
        }
        answer = await _retry(channels[channel], PAUSE_TIMEOUT)
        return answer if channel in ANSWERED and isinstance(answer, dict) else None

    async def _start(self, request: dict[str, Any]) -> None:
        """Start the call's workflow, or signal the running one, as the contracts describe it."""
        workflow_id = names.workflow_id(request["serverCallId"])
        try:
            await self.temporal.start_workflow(
                names.WORKFLOW_TYPE, request, id=workflow_id, task_queue=names.CONTROL_QUEUE
            )
        except WorkflowAlreadyStartedError:
            handle = self.temporal.get_workflow_handle(workflow_id)
            try:
                await handle.signal(names.START, _without_call(request))
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    raise TimeoutError("it has ended meanwhile: start another one") from error
                raise

    async def _update(self, workflow_id: str, operation: str, request: dict[str, Any]) -> Any:
        handle = self.temporal.get_workflow_handle(workflow_id)
        try:
            # The id that the gateway gives the same request: through both ways it is one update.
            return await handle.execute_update(
                operation, request, id=f"{operation}:{request['requestId']}"
            )
        except WorkflowUpdateFailedError:
            return None  # refused, with a sentence

    async def _post(self, path: str, body: dict[str, Any], prefer: str = "") -> Any:
        answer = await self.http.post(self.gateway + path, json=body, headers={"prefer": prefer})
        refused = answer.status_code in (httpx.codes.BAD_GATEWAY, httpx.codes.GATEWAY_TIMEOUT)
        if refused and answer.json()["error"]["code"] != NOT_CONFIRMED:
            return None  # ACS or Callvault refused it
        answer.raise_for_status()
        return answer.json()

    async def _emulated(self, method: str, path: str, body: Any = None) -> Any:
        async def ask() -> Any:
            answer = await self.http.request(method, self.emulator + path, json=body)
            answer.raise_for_status()
            return answer.json() if answer.content else None

        return await _retry(ask, REQUIRED_TIMEOUT)


async def _retry(ask: Callable[[], Awaitable[Answer]], patience: float) -> Answer | None:
    """Retry until there is an answer; None if the request is refused."""
    end = time.monotonic() + patience
    while True:
        try:
            # A frozen part takes a request and never answers.
            return await asyncio.wait_for(ask(), patience)
        except _NO_ANSWER as error:
            if _is_final(error):
                return None
            if time.monotonic() > end:
                raise NoAnswer(f"no answer within {patience:g} s: {error!r}") from error
        await asyncio.sleep(RETRY_INTERVAL)


def _is_final(error: Exception) -> bool:
    """Return True if a retry would get the same answer."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code < 500
    return isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND


def _without_call(request: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in request.items() if key != "serverCallId"}
