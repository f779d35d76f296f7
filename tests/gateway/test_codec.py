"""Does the codec endpoint decrypt for whom it should, as Temporal's own clients ask for it?"""

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.client import Client

from callvault.codec.encryption import EncryptionCodec
from callvault.codec.keyring import Keyring
from callvault.codec.payload_key import KEY_ID
from callvault.config.encryption import EncryptionSettings
from callvault.config.settings import Settings
from callvault.gateway.codec_api import MAX_BODY, MAX_PAYLOADS
from callvault.temporal.converter import converter_with
from tests.gateway.conftest import Gateway
from tests.gateway.issuer import AUDIENCE, issuing

DECODE, ENCODE = "/v1/codec/decode", "/v1/codec/encode"
UI = "https://temporal.example"
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'{"requestedBy":"Zebulon"}')
GatewayOf = Callable[..., Gateway]


@pytest.fixture
def encryption(tmp_path: Path) -> EncryptionSettings:
    (tmp_path / "key").write_text(base64.b64encode(os.urandom(32)).decode())
    return EncryptionSettings.model_validate({"keys": [f"file:{tmp_path / 'key'}"]})


@pytest.fixture
def codec(encryption: EncryptionSettings) -> EncryptionCodec:
    return EncryptionCodec(Keyring.open(encryption))


@pytest.fixture
def gateway_with(
    gateway_of: GatewayOf,
    temporal_away: Client,
    encryption: EncryptionSettings,
    codec: EncryptionCodec,
) -> Callable[..., Gateway]:
    """Return a function that starts a gateway whose client encrypts."""
    config = temporal_away.config()
    config["data_converter"] = converter_with(codec, encrypts=True)
    client = Client(**config)
    told = encryption.model_dump(mode="json")

    def make(**changes: Any) -> Gateway:
        return gateway_of(client, encryption=told, **{"web_origins": [UI], **changes})

    return make


def body_of(*payloads: Payload) -> bytes:
    return json_format.MessageToJson(Payloads(payloads=payloads)).encode()


def payloads_in(answer: httpx.Response) -> list[Payload]:
    assert answer.status_code == 200, answer.text
    return list(json_format.Parse(answer.content, Payloads()).payloads)


async def test_payloads_are_decrypted_in_their_order(
    gateway_with: Callable[..., Gateway], codec: EncryptionCodec
) -> None:
    sealed = await codec.encode([PLAIN])
    heads = {"content-type": "application/json", "x-namespace": "default"}
    http = gateway_with().http
    answer = await http.post(DECODE, content=body_of(*sealed, PLAIN, *sealed), headers=heads)
    assert payloads_in(answer) == [PLAIN] * 3
    assert payloads_in(await http.post(DECODE, content=b"{}")) == []


async def test_a_key_that_is_missing_or_opens_nothing_is_an_error_that_says_what_to_do(
    gateway_with: Callable[..., Gateway], codec: EncryptionCodec
) -> None:
    [sealed] = await codec.encode([PLAIN])
    http = gateway_with().http
    for key_id, data, code, said in (
        (b"0" * 16, sealed.data, "key_missing", "add it to encryption.keys"),
        (b"test-key-id", sealed.data, "payload_damaged", "no key opens"),
        (sealed.metadata[KEY_ID], sealed.data[:-1], "payload_damaged", "no key opens"),
    ):
        odd = Payload(metadata={**sealed.metadata, KEY_ID: key_id}, data=data)
        answer = await http.post(DECODE, content=body_of(PLAIN, odd))
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (422, code)
        assert said in error["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b'{"payloads": 1}',
        b'{"payloads": [1]}',
        b'{"payloads": [{"metadata": []}]}',
        b'{"payloads": [{"metadata": {"encoding": 1}}]}',
        b'{"payloads": [{"data": {}}]}',
        b"[" * 100_000,
        b'{"payloads": [' + b"{}," * (2 * MAX_PAYLOADS + 1) + b"{}]}",
        b'"' + b"x" * MAX_BODY + b'"',
    ],
)
async def test_a_body_of_another_form_is_refused(
    gateway_with: Callable[..., Gateway], body: bytes
) -> None:
    answer = await gateway_with().http.post(DECODE, content=body)
    assert answer.status_code in (413, 422), answer.text


async def test_only_callers_with_the_role_read_histories(
    gateway_with: Callable[..., Gateway],
    codec: EncryptionCodec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UI_KEY", "ui-key")
    monkeypatch.setenv("CRM_KEY", "crm-key")
    monkeypatch.setenv("MASTER_KEY", "master-key")
    keys = {
        "web-ui": {"secret": ["env:UI_KEY"], "roles": ["decode"]},
        "crm": {"secret": ["env:CRM_KEY"], "roles": ["control", "read", "consent", "loosen"]},
    }
    http = gateway_with(keys=keys, api_keys=["env:MASTER_KEY"]).http
    body = body_of(*await codec.encode([PLAIN]))
    for key, status in (
        ("ui-key", 200),
        ("master-key", 200),
        ("crm-key", 403),
        ("wrong", 401),
    ):
        answer = await http.post(
            DECODE, content=body, headers={"authorization": f"Bearer {key}", "origin": UI}
        )
        assert answer.status_code == status, key
        assert answer.headers["access-control-allow-origin"] == UI, "errors are read, too"
    reading = await http.get("/v1/recordings/x", headers={"authorization": "Bearer ui-key"})
    assert reading.status_code == 403
    # A preflight carries no key.
    assert (await http.request("OPTIONS", DECODE, headers=preflight(UI))).status_code == 204


def preflight(origin: str) -> dict[str, str]:
    return {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-namespace,authorization",
    }


async def test_pages_of_the_web_ui_and_of_no_other_origin_may_ask(
    gateway_with: Callable[..., Gateway], codec: EncryptionCodec
) -> None:
    http, body = gateway_with().http, body_of(*await codec.encode([PLAIN]))
    allowed = await http.request("OPTIONS", DECODE, headers=preflight(UI))
    assert (allowed.status_code, allowed.content) == (204, b"")
    assert allowed.headers["access-control-allow-origin"] == UI
    assert allowed.headers["access-control-allow-methods"] == "POST"
    for asked in ("content-type", "x-namespace", "authorization"):
        assert asked in allowed.headers["access-control-allow-headers"]
    page = {"origin": UI, "sec-fetch-site": "cross-site"}
    assert payloads_in(await http.post(DECODE, content=body, headers=page)) == [PLAIN]
    for origin in ("https://evil.example", "null", f"{UI}.evil.example", UI.upper()):
        refused = await http.request("OPTIONS", DECODE, headers=preflight(origin))
        assert "access-control-allow-origin" not in refused.headers, origin
        answer = await http.post(DECODE, content=body, headers={**page, "origin": origin})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "web_page_refused")
        assert "access-control-allow-origin" not in answer.headers
    # Another path stays closed to that page, too.
    answer = await http.get("/v1/recordings", headers=page)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


async def test_by_default_the_address_of_the_web_ui_counts(
    gateway_with: Callable[..., Gateway],
) -> None:
    http = gateway_with(web_origins=[]).http
    answer = await http.request("OPTIONS", DECODE, headers=preflight("http://localhost:8233"))
    assert answer.headers["access-control-allow-origin"] == "http://localhost:8233"


@pytest.mark.parametrize(
    ("url", "origins"),
    [
        ("https://UI.example/x", ("https://ui.example",)),
        ("http://127.0.0.1:8080", ("http://127.0.0.1:8080",)),
        ("http://ui.example:8080", ()),
    ],
)
def test_a_page_that_comes_in_the_clear_has_nothing_decoded_by_default(
    url: str, origins: tuple[str, ...]
) -> None:
    assert Settings.model_validate({"web_ui": {"url": url}}).web_origins() == origins


async def test_a_page_whose_name_was_pointed_to_this_machine_is_refused(
    gateway_with: Callable[..., Gateway],
) -> None:
    heads = {"origin": UI, "host": "gateway.evil.example"}
    answer = await gateway_with().http.post(DECODE, content=b"{}", headers=heads)
    assert answer.status_code == 403


async def test_without_keys_there_is_no_such_way_in(
    gateway_of: GatewayOf, temporal_away: Client
) -> None:
    http = gateway_of(temporal_away).http
    for path in (DECODE, ENCODE):
        assert (await http.post(path, content=b"{}")).status_code == 404


async def test_what_the_temporal_command_sends_is_encrypted_as_ours_is(
    gateway_with: Callable[..., Gateway], codec: EncryptionCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its `workflow query --codec-endpoint` has even no argument at all encoded."""
    http = gateway_with().http
    assert payloads_in(await http.post(ENCODE, content=b'{"payloads": []}')) == []
    [sealed] = payloads_in(await http.post(ENCODE, content=body_of(PLAIN)))
    assert await codec.decode([sealed]) == [PLAIN]
    assert sealed != PLAIN
    monkeypatch.setenv("CRM_KEY", "crm-key")
    closed = gateway_with(keys={"crm": {"secret": ["env:CRM_KEY"], "roles": ["read"]}}).http
    assert (await closed.post(ENCODE, content=b"{}")).status_code == 401


async def test_the_answer_keeps_what_temporal_reads(
    gateway_with: Callable[..., Gateway], codec: EncryptionCodec
) -> None:
    """The wire form of the samples' codec servers: base64 in JSON, in ``metadata`` and ``data``."""
    [sealed] = await codec.encode([PLAIN])
    answer = await gateway_with().http.post(DECODE, content=body_of(sealed))
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.content) == {
        "payloads": [
            {
                "metadata": {"encoding": base64.b64encode(b"json/plain").decode()},
                "data": base64.b64encode(PLAIN.data).decode(),
            }
        ]
    }


@pytest.mark.parametrize("path", [DECODE, ENCODE])
async def test_who_is_bound_to_resources_cannot_decode(
    gateway_with: Callable[..., Gateway], path: str
) -> None:
    """Payloads do not tell whose they are."""
    with issuing() as issuer:
        oidc = {
            "issuer": issuer.issuer,
            "configuration_url": issuer.url,
            "audience": AUDIENCE,
            "resources_claim": "areas",
        }
        http = gateway_with(oidc=oidc).http
        bound = issuer.token(sub="app-1", roles=["Callvault.Decode"], areas=["europe"])
        headers = {"authorization": f"Bearer {bound}", "origin": UI}
        answer = await http.post(path, json={"payloads": []}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "resource_denied")


async def test_a_page_of_many_payloads_is_not_refused_for_its_rate(
    gateway_with: Callable[..., Gateway],
) -> None:
    """The Web UI sends a request for each payload, all at once."""
    http = gateway_with(rate_limit="2/hour").http
    answers = [await http.post(DECODE, content=b"{}") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    others = [(await http.get("/v1/recordings/recording-none")).status_code for _ in range(3)]
    assert others[-1] == 429
