"""Is the OpenAPI document valid, current and useful, and is nothing answered beside it?"""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.responses import JSONResponse
from temporalio.client import Client

from callvault.gateway.openapi import problems
from callvault.gateway.openapi.problems import Problem
from callvault.gateway.openapi.written import written
from tests.gateway.conftest import Gateway, GatewayOf
from tests.gateway.declared import ROOT, Declared, check, document, resolved

COMMITTED = ROOT / "docs" / "openapi.json"
OPERATIONS = [
    pytest.param(path, method, operation, id=operation["operationId"])
    for path, operations in document()["paths"].items()
    for method, operation in operations.items()
]
each_operation = pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)

Part = dict[str, Any]


def test_the_committed_document_is_the_one_of_the_code() -> None:
    assert COMMITTED.read_text() == written(), "run make schemas"


def test_the_document_is_openapi() -> None:
    assert not list(OpenAPIV31SpecValidator(json.loads(COMMITTED.read_text())).iter_errors())


@each_operation
def test_an_operation_has_a_name_for_methods_a_tag_and_its_keys(
    path: str, method: str, operation: Part
) -> None:
    assert re.fullmatch("[a-z]+([A-Z][a-z]+)+", operation["operationId"])
    assert operation["tags"]
    assert operation["summary"]
    known = document()["components"]["securitySchemes"]
    assert all(name in known for way in operation["security"] for name in way)
    assert bool(operation["security"]) != (operation["tags"] == ["health"])


@each_operation
def test_every_example_is_valid(path: str, method: str, operation: Part) -> None:
    for answer in map(resolved, operation["responses"].values()):
        assert answer
        for content in answer.get("content", {}).values():
            for example in content.get("examples", {}).values():
                _validate(content["schema"], example["value"])


@pytest.mark.parametrize("name", document()["components"]["schemas"])
def test_every_example_of_a_body_is_valid(name: str) -> None:
    for example in document()["components"]["schemas"][name].get("examples", ()):
        _validate({"$ref": f"#/components/schemas/{name}"}, example)


def _validate(schema: Part, value: Any) -> None:
    Draft202012Validator({**document(), **schema}).validate(value)


@pytest.mark.parametrize(
    "problem",
    [each for each in vars(problems).values() if isinstance(each, Problem)],
    ids=lambda problem: f"{problem.status.value}-{problem.code}",
)
def test_every_error_is_told_of_on_the_gateways_page(problem: Problem) -> None:
    page = (ROOT / "docs" / "gateway.md").read_text()
    rows = [row for row in page.splitlines() if row.startswith("| ") and problem.code in row]
    assert any(str(problem.status.value) in row for row in rows)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (418, {"error": {"code": "access_denied", "message": "", "httpRequestId": "1"}}),
        (401, {"error": {"code": "invented", "message": "", "httpRequestId": "1"}}),
        (401, {"error": {"code": "access_denied", "message": "", "httpRequestId": 1}}),
        (401, {"error": {"code": "access_denied", "message": ""}}),
        (401, {"error": {"code": "access_denied", "message": "", "httpRequestId": "1", "x": 1}}),
        (404, {"detail": "Not Found"}),
        (200, {"workflowId": "recording-1"}),
    ],
)
async def test_an_answer_that_is_not_declared_fails_the_test_that_got_it(
    status: int, body: Part
) -> None:
    headers = {"x-request-id": "1", "www-authenticate": "Bearer", "cache-control": "no-store"}
    answer = JSONResponse(body, status, headers)

    async def ignore(_: Any) -> None: ...

    scope = {"type": "http", "method": "GET", "path": "/v1/recordings:lookup"}
    with pytest.raises(AssertionError):
        await Declared(answer)(scope, ignore, ignore)  # type: ignore[arg-type]


def test_an_answer_without_a_header_that_it_should_have_is_not_declared() -> None:
    error = {"code": "unavailable", "message": "", "httpRequestId": "1"}
    body = json.dumps({"error": error}).encode()
    headers = {"content-type": "application/json", "x-request-id": "1", "retry-after": "10"}
    headers["cache-control"] = "no-store"
    check("GET", "/v1/recordings", 503, headers, body)
    del headers["retry-after"]
    with pytest.raises(AssertionError):
        check("GET", "/v1/recordings", 503, headers, body)


async def test_what_is_served_is_what_is_committed_but_for_what_has_no_settings(
    gateway: Gateway, gateway_of: GatewayOf, temporal: Client
) -> None:
    committed = json.loads(COMMITTED.read_text())
    keys = {"keys": ["env:NEVER_READ"]}
    complete = gateway_of(temporal, callback_url="http://127.0.0.1:8080", encryption=keys)
    served = await complete.http.get("/openapi.json")
    assert served.headers["content-type"] == "application/json"
    assert served.json() == committed
    without = (await gateway.http.get("/openapi.json")).json()["paths"]
    callbacks = "/v1/callbacks/{workflowId}/{recording}"
    optional = {callbacks, "/v1/codec/decode", "/v1/codec/encode"}
    assert committed["paths"].keys() - without.keys() == optional


class _Loaded(HTMLParser):
    """Everything on a page that a browser would run or fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.ids |= {str(said["id"])} if "id" in said else set()
        if tag == "a":
            self.links.add(str(said["href"]))
        elif tag in ("script", "link", "img", "iframe", "object", "embed", "form"):
            self.found.append(tag)
        self.found += [name for name in said if name.startswith("on") or name in ("src", "style")]


async def test_b14_the_page_loads_nothing_and_tells_of_every_operation(gateway: Gateway) -> None:
    answer = await gateway.http.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page = _Loaded()
    page.feed(answer.text)
    assert page.found == []
    operations = (await gateway.http.get("/openapi.json")).json()["paths"].values()
    assert {each["operationId"] for path in operations for each in path.values()} <= page.ids
    assert {link for link in page.links if not link.startswith("#")} == {"/openapi.json"}
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids


@pytest.mark.parametrize("path", ["/redoc", "/docs/oauth2-redirect"])
async def test_b14_no_page_of_the_framework_is_there(path: str, gateway: Gateway) -> None:
    assert (await gateway.http.get(path)).status_code == 404
