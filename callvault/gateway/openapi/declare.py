"""The declaration of a route in the OpenAPI document: its role, bodies, answers and errors."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from callvault.config.types import Role
from callvault.gateway.openapi import problems
from callvault.gateway.openapi.problems import Problem

Model = type[BaseModel]

JSON = "application/json"
BYTES = "application/octet-stream"
ANY_TYPE = "*/*"
HTML = "text/html"

CALLERS = ("bearer", "apiKey")
EVENT_GRID = ("eventSecret", "eventSecretInUrl")
ACS = ("acsToken",)
"""Names of security schemes, of which one is enough."""

_HEADERS = {
    201: ("Location",),
    401: ("WWW-Authenticate",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
"""Headers that come with each answer of a status, besides its id."""


class Answer(NamedTuple):
    """An answer that is no error."""

    meaning: str
    model: Model | None = None
    other: Model | None = None
    """A second model, where the request decides which of the two comes."""
    headers: tuple[str, ...] = ()
    """Headers that come with it, besides those of every answer of its status."""
    is_media: bool = False
    """True if it is the bytes of a file, of whatever type."""
    is_page: bool = False
    """True if it is a page in HTML."""


def declared(
    operation_id: str,
    summary: str,
    answers: Mapping[int, Answer],
    *,
    role: Role | None = None,
    security: Sequence[str] = (),
    body: Model | None = None,
    errors: Sequence[Problem] = (),
    may_prefer: bool = False,
    is_limited: bool = True,
) -> dict[str, Any]:
    """Return the arguments of a route with which it declares itself.

    ``answers`` has the usual one first. ``errors`` are those that only this route has: those of its
    role and its body are added. ``may_prefer`` if it takes the header ``Prefer``, ``is_limited``
    unless it is answered whatever the load.
    """
    ways = CALLERS if role else security
    extra: dict[str, Any] = {"security": [{way: [role] if role else []} for way in ways]}
    if body:
        extra["requestBody"] = _body(body)
    if may_prefer:
        extra["parameters"] = [{"$ref": "#/components/parameters/Prefer"}]
    all_errors = {*errors, problems.INTERNAL_ERROR}
    all_errors.update([problems.OVERLOADED] if is_limited else [])
    all_errors.update(problems.OF_CALLERS if role else (), problems.OF_BODIES if body else ())
    usual = next(iter(answers))
    return {
        "operation_id": operation_id,
        "summary": summary,
        "status_code": usual,
        "response_class": JSONResponse if answers[usual].model else Response,
        "responses": _responses(answers, all_errors),
        "openapi_extra": extra,
    }


def _body(model: Model) -> dict[str, Any]:
    is_required = any(field.is_required() for field in model.model_fields.values())
    return {"required": is_required, "content": {JSON: {"schema": _ref(model)}}}


def _responses(
    answers: Mapping[int, Answer], errors: set[Problem]
) -> dict[int | str, dict[str, Any]]:
    responses = _errors(errors)
    for status, answer in answers.items():
        told = _answer(status, answer)
        if status in responses:
            # The probe of readiness answers 503 in its own words, and where it is refused.
            content = responses[status]["content"][JSON]
            content["schema"] = {"anyOf": [content["schema"], told["content"][JSON]["schema"]]}
            responses[status]["description"] += f". {answer.meaning}"
        else:
            responses[status] = told
    return dict(sorted(responses.items(), key=lambda each: str(each[0])))


def _answer(status: int, answer: Answer) -> dict[str, Any]:
    headers = _headers(status, *answer.headers)
    told: dict[str, Any] = {"description": answer.meaning, "headers": headers}
    models = [_ref(model) for model in (answer.model, answer.other) if model is not None]
    if models:
        schema = models[0] if len(models) == 1 else {"anyOf": models}
        told["content"] = {JSON: {"schema": schema}}
    if answer.is_media:
        # Generators of clients know the first as bytes, and leave out what has the second alone.
        content = {"schema": {"type": "string", "format": "binary"}}
        told["content"] = {BYTES: content, ANY_TYPE: content}
    if answer.is_page:
        told["content"] = {HTML: {"schema": {"type": "string"}}}
    return told


def _errors(errors: set[Problem]) -> dict[int | str, dict[str, Any]]:
    """Declare errors by their status; each code of a status is an example."""
    declared: dict[int | str, dict[str, Any]] = {}
    for status in sorted({problem.status for problem in errors}):
        examples = {
            problem.code: {"value": _example(problem)}
            for problem in sorted(errors)
            if problem.status == status
        }
        codes = ", ".join(f"`{code}`" for code in examples)
        content = {"schema": {"$ref": "#/components/schemas/ErrorResponse"}, "examples": examples}
        declared[int(status)] = {
            "description": f"{problems.phrase(status)}: {codes}",
            "headers": _headers(status),
            "content": {JSON: content},
        }
    return declared


def _example(problem: Problem) -> dict[str, Any]:
    told = {"code": problem.code, "message": problem.example}
    return {"error": {**told, "httpRequestId": "0af7651916cd43dd8448eb211c80319c"}}


def _headers(status: int, *more: str) -> dict[str, Any]:
    named = ("X-Request-ID", *_HEADERS.get(status, ()), *more)
    return {name: {"$ref": f"#/components/headers/{name}"} for name in named}


def _ref(model: Model) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
