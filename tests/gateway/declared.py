"""Every answer of a gateway in these tests is one that its OpenAPI document declares."""

import copy
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callvault.gateway.openapi.pages import DOCUMENT, PAGE

ROOT = Path(__file__).parents[2]

OF_ANY_PATH = {"GET": {404, 405, 503}, "OPTIONS": {204, 404, 503}}
"""Answers to what no operation stands for, which the document's own words tell of."""

Part = dict[str, Any]


class Declared:
    """An application that fails when it sends what its document does not declare."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent: list[Message] = []

        async def sending(message: Message) -> None:
            sent.append(message)
            await send(message)

        await self._app(scope, receive, sending)
        if scope["type"] == "http":
            body = b"".join(message.get("body", b"") for message in sent[1:])
            headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
            check(scope["method"], scope["path"], sent[0]["status"], headers, body)


def check(method: str, path: str, status: int, headers: dict[str, str], body: bytes) -> None:
    """Fail unless the document declares such an answer."""
    assert headers.get("x-request-id"), "every answer has the id of its request"
    assert headers["cache-control"] == "no-store", "who was called when is nothing to keep"
    path = "/" + path.strip("/")
    # A gateway without callbacks, or without keys of payloads, has not the route for them.
    is_optional = path.startswith(("/v1/callbacks/", "/v1/codec/"))
    if path in (DOCUMENT, PAGE) or (status == 404 and is_optional):
        return
    operation = operation_of(method, path)
    said = f"{method} {path} was answered {status} {body[:200]!r}"
    if operation is None:
        assert status in OF_ANY_PATH.get(method, OF_ANY_PATH["GET"]), f"{said}, as no path is"
        return
    declared = resolved(operation["responses"].get(str(status)))
    assert declared, f"{said}, which {operation['operationId']} does not declare"
    assert {name.lower() for name in declared["headers"]} <= headers.keys(), said
    if "*/*" in declared.get("content", {}):
        assert headers["content-length"] == str(len(body)) or method == "HEAD", said
        return
    if "text/html" in declared.get("content", {}):
        assert headers["content-type"].startswith("text/html"), said
        return
    content = declared.get("content", {}).get("application/json")
    if content is None:
        assert not body, said
        return
    assert headers["content-type"].startswith("application/json"), said
    _check_body(json.loads(body), content, said)


def resolved(part: Part | None) -> Part | None:
    """Return the part of the document that a reference points to; what is none stays."""
    if part is None or "$ref" not in part:
        return part
    found: Part = document()
    for name in part["$ref"].split("/")[1:]:
        found = found[name]
    return found


def _check_body(value: Any, content: Part, said: str) -> None:
    validator = Draft202012Validator({**document(), **content["schema"]})
    problem = best_match(validator.iter_errors(value))
    assert problem is None, f"{said}: {problem.json_path} {problem.message}"
    if isinstance(value, dict) and isinstance(value.get("error"), dict):
        assert value["error"]["code"] in content["examples"], f"{said}: the code is not declared"


def operation_of(method: str, path: str) -> Part | None:
    """Return the operation of a request; None where the document has none."""
    for template, operations in sorted(document()["paths"].items(), key=_most_literal_first):
        if re.fullmatch(_pattern(template), path):
            found: Part | None = operations.get("get" if method == "HEAD" else method.lower())
            return found
    return None


def _most_literal_first(item: tuple[str, Part]) -> int:
    return -len(re.sub(r"\{\w+\}", "", item[0]))


@cache
def _pattern(template: str) -> str:
    literal = re.escape(template).replace(r"\{recording\}", r"\d+")
    return re.sub(r"\\{\w+\\}", "[^/]+", literal)


@cache
def document() -> Part:
    """Return the document, in which no object has more members than it declares."""
    # Of a gateway with every route; `test_openapi` compares it with the code.
    return _strict(json.loads((ROOT / "docs" / "openapi.json").read_text()))


def _strict(part: Any) -> Any:
    if isinstance(part, list):
        return [_strict(each) for each in part]
    if not isinstance(part, dict):
        return part
    strict = {name: _strict(copy.copy(each)) for name, each in part.items()}
    if isinstance(part.get("properties"), dict) and part.get("type") == "object":
        strict.setdefault("additionalProperties", False)
    return strict
