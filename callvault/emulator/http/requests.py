"""Reading requests: bounded bodies, JSON and models, with errors that name the field."""

import json
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.types import Scope

from callvault.emulator.emulator import Emulator
from callvault.emulator.errors import ServiceError, bad_request
from callvault.emulator.http.signing import SignedRequest, authenticate

MAX_BODY = 1 << 20
REASON = "reason"
"""Key of the reason for the answer, for the request log."""
FAULT = "fault"
"""Key of the kind of fault that happens to the request."""

Model = TypeVar("Model", bound=BaseModel)


async def read_body(request: Request) -> bytes:
    """Read the whole body; refuse it as soon as it is too large."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise ServiceError(413, "RequestTooLarge", f"A body has at most {MAX_BODY} bytes.")
    return bytes(body)


async def read_signed(request: Request, emulator: Emulator) -> bytes:
    """Read the body of a request, and refuse a wrong signature or token."""
    body = await read_body(request)
    settings = emulator.settings
    port = urlsplit(emulator.endpoint).port
    signed = SignedRequest(request.method, target(request), request.headers, body, port)
    # By real time, not by the emulator's clock: clients sign by theirs.
    authenticate(signed, emulator.keys.current, settings.bearer_tokens, datetime.now(UTC))
    return body


def target(request: Request) -> str:
    """Return path and query as in the request line, percent-encoding included."""
    # Raw: signatures cover the encoding as it was sent.
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


def read_model(model: type[Model], body: bytes) -> Model:
    return validate(model, read_object(body))


def read_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:  # the latter for deeply nested JSON
        raise bad_request(f"The body is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise bad_request("The body must be a JSON object.")
    return value


def validate(model: type[Model], value: Any) -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise bad_request(explain(error)) from None


def explain(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in problems[:5]
    )


def set_request_state(scope: Scope, key: str, value: Any) -> None:
    """Leave a value in the state of a request, for another part of the server."""
    scope.setdefault("state", {})[key] = value


def request_state(scope: Scope, key: str) -> Any:
    """Return a value from the state of a request, or None."""
    return scope.get("state", {}).get(key)
