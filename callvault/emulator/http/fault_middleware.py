"""Faults as a client meets them: instead of an answer, or within the body of one."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callvault.emulator.emulator import Emulator
from callvault.emulator.faults import Fault, FaultKind
from callvault.emulator.http.content import AMS_UNAUTHORIZED
from callvault.emulator.http.requests import FAULT, REASON, set_request_state
from callvault.emulator.http.response_faults import (
    RESPONSE_FAULTS,
    ResponseFault,
    reset_connection,
    wait_for_disconnect,
)
from callvault.emulator.http.whose import ReadAhead, call_of, read_ahead
from callvault.emulator.operations import CONTENT, CONTROL, Operation, operation_of

_HTML = "<!DOCTYPE html><html><head><title>Bad Request</title></head><body></body></html>"


class FaultMiddleware:
    """Middleware that lets faults happen to requests."""

    def __init__(self, app: ASGIApp, emulator: Emulator) -> None:
        self._app = app
        self._emulator = emulator
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = operation_of(scope["method"], scope["path"])
        faults = self._emulator.faults
        call_id = None
        if operation in CONTROL and faults.name_calls:
            receive = ReadAhead(await read_ahead(receive), receive)
            call_id = call_of(operation, scope["path"], receive.body, self._emulator)
        method, path = scope["method"], scope["path"]
        fault = faults.fault_for(operation, method, path, call_id) if operation else None
        if operation is None or fault is None:
            await self._app(scope, receive, send)
            return
        set_request_state(scope, REASON, f"fault {fault.kind}")
        set_request_state(scope, FAULT, fault.kind)
        if _lets_through(fault):
            await self._with_response_fault(fault, scope, receive, send)
        else:
            await self._answer_with_fault(fault, operation, scope, receive, send)

    async def _with_response_fault(
        self, fault: Fault, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Let the application answer, and change the answer on its way."""
        # Without the header the application itself ignores the range.
        if fault.kind is FaultKind.RANGE_IGNORED:
            headers = [each for each in scope["headers"] if each[0] != b"range"]
            scope = {**scope, "headers": headers}
        response_fault = RESPONSE_FAULTS.get(fault.kind, ResponseFault)(fault, scope, send)
        await self._app(scope, receive, response_fault)
        await response_fault.end(receive)

    async def _answer_with_fault(
        self, fault: Fault, operation: Operation, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if fault.kind is FaultKind.SLOW:
            await self._answer_slowly(fault, scope, receive, send)
            return
        if fault.rule.takes_effect or fault.kind is FaultKind.LATE_EFFECT:
            await self._take_effect(fault, scope, receive)
        answer = _ANSWERS.get(fault.kind)
        if answer:
            await answer(fault, operation)(scope, receive, send)
        elif fault.kind is FaultKind.RESET:
            reset_connection(scope)
            await wait_for_disconnect(receive)
        else:
            await _hang(fault, receive)
            # For a client that has waited longer than the rule says.
            await Response(status_code=504)(scope, receive, send)

    async def _answer_slowly(
        self, fault: Fault, scope: Scope, receive: Receive, send: Send
    ) -> None:
        receive = ReadAhead(await read_ahead(receive), receive)
        await asyncio.sleep(fault.rule.effect_after)
        answer: list[Message] = []
        await self._app(scope, receive, _kept(answer))
        await asyncio.sleep(fault.rule.seconds or 0.0)
        for message in answer:
            await send(message)

    async def _take_effect(self, fault: Fault, scope: Scope, receive: Receive) -> None:
        """Carry the request out: now, or later beside its answer."""
        if not fault.rule.effect_after:
            await self._app(scope, receive, _unsent)
            return
        body = await read_ahead(receive)
        task = asyncio.create_task(self._later(fault, scope, ReadAhead(body, receive)))
        # An event loop holds its tasks weakly: without this reference one may vanish.
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _later(self, fault: Fault, scope: Scope, receive: Receive) -> None:
        await asyncio.sleep(fault.rule.effect_after)
        await self._app(scope, receive, _unsent)


def _lets_through(fault: Fault) -> bool:
    if fault.kind is FaultKind.RESET:
        return fault.rule.after_bytes is not None
    passed_on = {
        FaultKind.RANGE_IGNORED,
        FaultKind.PAUSE_NOT_EFFECTIVE,
        FaultKind.PAUSE_ON_START_IGNORED,
    }
    return fault.kind in RESPONSE_FAULTS or fault.kind in passed_on


async def _hang(fault: Fault, receive: Receive) -> None:
    """Wait until the client gives up, or for the time in the rule."""
    with suppress(TimeoutError):
        async with asyncio.timeout(fault.rule.seconds):
            await wait_for_disconnect(receive)


def _kept(answer: list[Message]) -> Send:
    async def keep(message: Message) -> None:
        answer.append(message)

    return keep


async def _unsent(_: Message) -> None:
    """Drop the application's answer: the request took effect, the client gets the fault."""


Answer = Callable[[Fault, Operation], Response]


def _error_response(status: int, code: str, message: str, *, wait: bool = False) -> Answer:
    """Make an error answer: with a body for control operations, empty for content hosts."""

    def answer(fault: Fault, operation: Operation) -> Response:
        headers = {"Retry-After": str(fault.rule.retry_after)} if wait else None
        if operation in CONTENT:
            return Response(status_code=status, headers=headers)
        error: dict[str, Any] = {"error": {"code": code, "message": message}}
        return JSONResponse(error, status, headers)

    return answer


def _page(status: int) -> Answer:
    return lambda fault, operation: HTMLResponse(_HTML, status)


def _accepted(fault: Fault, operation: Operation) -> Response:
    return Response(status_code=204 if operation is Operation.STOP else 202)


def _unauthorized(fault: Fault, operation: Operation) -> Response:
    if operation in CONTENT:
        return JSONResponse(AMS_UNAUTHORIZED, 401)
    return _error_response(401, "Denied", "The request is not authorized.")(fault, operation)


_ANSWERS: dict[FaultKind, Answer] = {
    FaultKind.THROTTLED: _error_response(429, "8589", "Too many requests.", wait=True),
    FaultKind.INTERNAL_ERROR: _error_response(500, "9999", "Unknown internal server error."),
    FaultKind.UNAVAILABLE: lambda fault, operation: Response(status_code=503),
    FaultKind.CONFLICT_8571: _error_response(409, "8571", "Recording operation conflict."),
    FaultKind.CONFLICT_8573: _error_response(409, "8573", "Pause/Resume method not allowed."),
    FaultKind.HTML_400: _page(400),
    FaultKind.HTML_200: _page(200),
    FaultKind.UNAUTHORIZED: _unauthorized,
    FaultKind.LATE_EFFECT: _accepted,
    FaultKind.EARLY_404: _error_response(404, "8522", "Recording not found."),
}
