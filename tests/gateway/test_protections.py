"""Is it known who asked, and does nobody loosen what a resource protects (fault B19)?"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from callvault.config.resources import ResourceSettings
from callvault.contracts.consent import ConsentTerms
from callvault.contracts.requests import Guards, StartRequest
from callvault.gateway.protections import PROTECTIONS, loosened
from tests.gateway.conftest import Call, Gateway, GatewayOf
from tests.gateway.issuer import AUDIENCE, Issuer, issuing

RECORDINGS = "/v1/recordings"
PERSON = "d298a70eca0eecc9dee1ad3f3ca5b297c0713c9f0f54ba576a6cc97297b0d504"
KEYS = {
    "crm": {"secret": "env:CRM", "roles": ["control"]},
    "ivr": {"secret": "env:IVR", "roles": ["consent"]},
    "lawyer": {"secret": "env:LAWYER", "roles": ["control", "loosen"]},
}


def resource(**settings: Any) -> ResourceSettings:
    return ResourceSettings.model_validate(
        {"endpoint": "https://acs.example", "credential": {"entra": True}, **settings}
    )


WEAKER = [
    ({"consent_policy": "any_party"}, {"consentPolicy": "none"}),
    ({"consent_policy": "all_parties"}, {"consentPolicy": "any_party"}),
    ({"consent_policy": "all_parties"}, {"consentPolicy": "none"}),
    # Who is on the list, and who is not, is the caller's choice.
    (
        {"consent_policy": "any_party"},
        {"consentPolicy": "named", "consentParticipants": [PERSON]},
    ),
    (
        {"consent_policy": "all_parties"},
        {"consentPolicy": "named", "consentParticipants": [PERSON]},
    ),
    ({"before_consent": "wait"}, {"beforeConsent": "paused"}),
    ({"consent_within": "2m"}, {"consentWithin": "PT3M"}),
    ({"on_withdrawal": "pause_and_mark"}, {"onWithdrawal": "pause"}),
    ({"stop_when_last_consenting_leaves": True}, {"stopWhenLastConsentingLeaves": False}),
    ({"pause_confirm_within": "5s"}, {"pauseConfirmWithin": "PT6S"}),
    ({"on_pause_failure": "stop"}, {"onPauseFailure": "mark"}),
    ({"on_pause_failure": "stop"}, {"onPauseFailure": "alarm"}),
    ({"on_pause_failure": "mark"}, {"onPauseFailure": "alarm"}),
    ({"on_max_pause": "alarm"}, {"onMaxPause": "resume"}),
    ({"on_max_pause": "resume"}, {"maxPause": "PT1M"}),
    ({"on_max_pause": "resume", "max_pause": "10m"}, {"maxPause": "PT9M"}),
]

AS_STRONG = [
    ({"consent_policy": "all_parties"}, {}),
    ({"consent_policy": "all_parties"}, {"consentPolicy": "all_parties"}),
    ({"consent_policy": "any_party"}, {"consentPolicy": "all_parties"}),
    ({"consent_policy": "none"}, {"consentPolicy": "named", "consentParticipants": [PERSON]}),
    ({"before_consent": "paused"}, {"beforeConsent": "wait"}),
    ({"consent_within": "2m"}, {"consentWithin": "PT2M"}),
    ({}, {"consentWithin": "PT2M"}),
    ({"on_pause_failure": "mark"}, {"onPauseFailure": "stop"}),
    ({"pause_confirm_within": "5s"}, {"pauseConfirmWithin": "PT1S"}),
    ({"on_max_pause": "resume", "max_pause": "10m"}, {"maxPause": "PT11M"}),
    ({"on_max_pause": "resume", "max_pause": "10m"}, {"onMaxPause": "alarm", "maxPause": "PT1M"}),
    ({"max_pause": "10m"}, {"maxPause": "PT1M"}),
    ({"max_duration": "10m"}, {"maxDuration": "PT1H", "pauseOnStart": True}),
    # What the settings leave at its default, they do not demand.
    ({}, {"onMaxPause": "resume", "maxPause": "PT1M", "pauseConfirmWithin": "PT1M"}),
]


@pytest.mark.parametrize(("settings", "asked"), WEAKER)
def test_b19_what_protects_less_is_named(settings: dict[str, Any], asked: dict[str, Any]) -> None:
    [said] = loosened(StartRequest.model_validate(asked), resource(**settings))
    assert " instead of " in said
    assert said.partition(" ")[0] in asked


@pytest.mark.parametrize(("settings", "asked"), AS_STRONG)
def test_b19_what_protects_as_much_is_free(settings: dict[str, Any], asked: dict[str, Any]) -> None:
    assert loosened(StartRequest.model_validate(asked), resource(**settings)) == []


def test_b19_every_term_of_a_request_is_a_protection_or_known_to_be_none() -> None:
    """A term that is added later has to be thought of."""
    terms = {*ConsentTerms.model_fields, *Guards.model_fields}
    compared = {protection.field for protection in PROTECTIONS} | {"max_pause"}
    assert terms - compared == {"consent_participants", "max_duration"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def strict(
    gateway_of: GatewayOf, temporal: Client, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> Gateway:
    """A gateway of one resource that demands everybody's consent, and one that demands none."""
    for name in ("CRM", "IVR", "LAWYER", "MASTER"):
        monkeypatch.setenv(name, f"{name.lower()}-key")
    oidc = {"issuer": issuer.issuer, "configuration_url": issuer.url, "audience": AUDIENCE}
    demanding = {"default": {"consent_policy": "all_parties"}}
    return gateway_of(temporal, keys=KEYS, api_keys=["env:MASTER"], oidc=oidc, resources=demanding)


async def starts(gateway: Gateway, call: Call, key: str, **terms: Any) -> httpx.Response:
    body = {"serverCallId": call.server_call_id, **terms}
    headers = {"authorization": f"Bearer {key}", "prefer": "respond-async"}
    return await gateway.http.post(RECORDINGS, json=body, headers=headers)


async def test_b19_a_weaker_policy_is_refused_with_the_setting_that_would_allow_it(
    strict: Gateway, call: Call
) -> None:
    refused = await starts(strict, call, "crm-key", consentPolicy="none")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "role_missing")
    assert refused.json()["error"]["message"] == (
        "crm lacks the role loosen, without which a request may not loosen what resource default"
        " protects (consentPolicy none instead of all_parties): give it in gateway.keys, or in the"
        " token's roles"
    )
    read = await strict.http.get(f"{RECORDINGS}/{call.workflow_id}", headers={"x-api-key": "x"})
    assert read.status_code == 401
    assert (await starts(strict, call, "crm-key")).status_code == 201


@pytest.mark.parametrize("key", ["lawyer-key", "master-key"])
async def test_b19_a_key_that_may_loosen_may(key: str, strict: Gateway, call: Call) -> None:
    assert (await starts(strict, call, key, consentPolicy="none")).status_code == 201


async def test_b19_so_may_a_token(strict: Gateway, issuer: Issuer, call: Call) -> None:
    roles = ["Callvault.Control"]
    token = issuer.token(sub="app-1", roles=roles)
    assert (await starts(strict, call, token, consentPolicy="none")).status_code == 403
    token = issuer.token(sub="app-1", roles=[*roles, "Callvault.Loosen"])
    assert (await starts(strict, call, token, consentPolicy="none")).status_code == 201


async def test_b19_a_call_is_judged_by_its_own_resource_whichever_is_named(
    strict: Gateway, call: Call
) -> None:
    """A second recording of a call has the settings that the call's workflow began with."""
    assert (await starts(strict, call, "crm-key")).status_code == 201
    other = await starts(strict, call, "crm-key", resource="europe", consentPolicy="none")
    assert other.status_code == 403
    fresh = Call(call.client, f"{call.server_call_id}-2", "c", "r")
    begun = await starts(strict, fresh, "crm-key", resource="europe", consentPolicy="none")
    assert begun.status_code == 201


ROUTES = [
    (":pause", "pause"),
    (":resume", "resume"),
    (":stop", "stop"),
    (":acknowledge", "acknowledge"),
    ("/consents", "consent"),
]


@pytest.mark.parametrize(("path", "name"), ROUTES)
@pytest.mark.parametrize("waits", [False, True])
async def test_b19_every_request_is_kept_with_the_key_behind_it(
    path: str, name: str, waits: bool, strict: Gateway, call: Call
) -> None:
    await starts(strict, call, "crm-key")
    request = await call.client.get_workflow_handle(call.workflow_id).query("request")
    assert (request["requestedBy"], request["authenticatedAs"]) == ("crm", "key crm")
    key = "ivr-key" if name == "consent" else "crm-key"
    body = {"participant": PERSON, "given": True} if name == "consent" else {}
    headers = {"x-api-key": key} | ({} if waits else {"prefer": "respond-async"})
    address = f"{RECORDINGS}/{call.workflow_id}{path}"
    claimed = {**body, "requestedBy": "the-chairman"}
    answer = await strict.http.post(address, json=claimed, headers=headers)
    assert answer.is_success, answer.text
    [(_, payload)] = await call.received()
    assert (payload["requestedBy"], payload["authenticatedAs"]) == (
        "the-chairman",
        f"key {key.removesuffix('-key')}",
    )


@pytest.mark.parametrize("spelling", ["authenticatedAs", "authenticated_as"])
@pytest.mark.parametrize("path", ["", *(path for path, _ in ROUTES)])
async def test_b19_nobody_says_so_of_themselves(
    path: str, spelling: str, strict: Gateway, call: Call
) -> None:
    await starts(strict, call, "master-key")
    address = f"{RECORDINGS}/{call.workflow_id}{path}" if path else RECORDINGS
    body: dict[str, Any] = {spelling: "key chairman"}
    if path == "/consents":
        body |= {"participant": PERSON, "given": True}
    if not path:
        body |= {"serverCallId": call.server_call_id}
    answer = await strict.http.post(address, json=body, headers={"x-api-key": "master-key"})
    assert answer.status_code == 422
    assert "authenticatedAs: the gateway writes it" in answer.json()["error"]["message"]
    assert await call.received() == []


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("app-1", "token app-1"),
        ("a\x1b[2J\nb\u202e", "token a\\x1b[2J\\nb\\u202e"),
        ("half an emoji \ud83d", "token half an emoji \\ud83d"),
        ("x" * 5_000, f"token {'x' * 193}…"),
    ],
)
async def test_b19_the_subject_of_a_token_is_cut_and_inert(
    subject: str, expected: str, strict: Gateway, issuer: Issuer, call: Call
) -> None:
    token = issuer.token(sub=subject, roles=["Callvault.Control"])
    await starts(strict, call, "master-key")
    headers = {"authorization": f"Bearer {token}", "prefer": "respond-async"}
    for operation in ("pause", "acknowledge"):
        address = f"{RECORDINGS}/{call.workflow_id}:{operation}"
        assert (await strict.http.post(address, headers=headers)).status_code == 202
    for _, payload in await call.received():
        assert payload["authenticatedAs"] == expected
        assert payload["requestedBy"].isprintable()


async def test_b19_keys_without_a_name_have_a_number_and_an_open_gateway_tells_nothing(
    strict: Gateway, gateway_of: GatewayOf, temporal: Client, call: Call
) -> None:
    await starts(strict, call, "master-key")
    handle = call.client.get_workflow_handle(call.workflow_id)
    assert (await handle.query("request"))["authenticatedAs"] == "api key 0"
    opened = Call(temporal, f"{call.server_call_id}-open", "c", "r")
    assert (await starts(gateway_of(temporal), opened, "x")).status_code == 201
    handle = call.client.get_workflow_handle(opened.workflow_id)
    assert "authenticatedAs" not in await handle.query("request")


async def test_the_openapi_page_does_not_offer_the_field(strict: Gateway) -> None:
    document = (await strict.http.get("/openapi.json")).json()
    names = [
        operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        for path in document["paths"].values()
        for operation in path.values()
        if "requestBody" in operation
    ]
    assert len(names) >= 7
    for name in names:
        body = document["components"]["schemas"][name.rpartition("/")[2]]["properties"]
        assert "requestedBy" in body
        assert "authenticatedAs" not in body


def test_a_span_is_told_as_people_write_it() -> None:
    [said] = loosened(
        StartRequest(consent_within=timedelta(minutes=3)), resource(consent_within="2m")
    )
    assert said == "consentWithin 0:03:00 instead of 0:02:00"
