"""Erasures over REST: planned, read, run with the plan's token, looked at, certified."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from callvault.archive.access_log.log import AccessLog
from callvault.archive.manifests.holds import Said, place_hold
from callvault.config.settings import Settings
from callvault.contracts.hold_messages import HoldTarget
from callvault.contracts.retention import AtEnd, RetentionTerms
from callvault.gateway import erasures_api
from callvault.gateway.app import create_app
from tests.archive.sealed import SIGNER
from tests.gateway.conftest import TOPIC
from tests.gateway.declared import Declared

from .corpus import NOW, Corpus
from .erasing import erasing

ANA, BEN = "8:acs:ana-secret", "4:+49301234567"
ERASURES = "/v1/erasures"
NOTHING = "0" * 64

Body = dict[str, Any]


@pytest.fixture
async def http(
    temporal: Client,
    corpus: Corpus,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a gateway with the archives of the corpus."""
    key = tmp_path_factory.mktemp("keys") / "key.pem"
    key.write_bytes(SIGNER.pem())
    for name in ("OFFICER", "EUROPE", "CRM"):
        monkeypatch.setenv(name, f"{name.lower()}-key")
    monkeypatch.setenv("PEOPLE", "the key of participants")
    app = create_app(_settings(corpus.root, key), temporal)
    transport = httpx.ASGITransport(Declared(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def _settings(root: Path, key: Path) -> Settings:
    archive = {"kind": "directory", "signing_key": f"file:{key}"}
    roles = ["control", "read", "privacy", "hold", "listen"]
    return Settings.model_validate(
        {
            "participants": {"key": "env:PEOPLE"},
            "resources": {
                name: {
                    "endpoint": "https://acs.example",
                    "credential": {"entra": True},
                    "archive": "main",
                    "topic": TOPIC + name,
                }
                for name in ("default", "europe")
            },
            "archives": {name: {**archive, "path": root / name} for name in ("main", "fallback")},
            "gateway": {
                "quarantine": {"kind": "directory", "path": root / "quarantine"},
                "keys": {
                    "officer": {"secret": "env:OFFICER", "roles": ["erase"]},
                    "europe": {
                        "secret": "env:EUROPE",
                        "roles": ["erase"],
                        "resources": ["europe"],
                    },
                    "crm": {"secret": "env:CRM", "roles": roles},
                },
            },
        }
    )


async def post(
    http: httpx.AsyncClient, path: str, body: Body, key: str = "officer-key"
) -> httpx.Response:
    return await http.post(path, json=body, headers={"x-api-key": key})


async def get(http: httpx.AsyncClient, path: str, key: str = "officer-key") -> httpx.Response:
    return await http.get(path, headers={"x-api-key": key})


async def planned(http: httpx.AsyncClient, key: str = "officer-key", **what: Any) -> Body:
    answer = await post(http, f"{ERASURES}:plan", what, key)
    assert answer.status_code == 200, answer.text
    found: Body = answer.json()
    return found


async def ended(http: httpx.AsyncClient, erasure: str, key: str = "officer-key") -> Body:
    """Wait until an erasure has come to its end; return where it stands then."""
    async with asyncio.timeout(60):
        while True:
            answer = await get(http, f"{ERASURES}/{erasure}", key)
            assert answer.status_code == 200, answer.text
            standing: Body = answer.json()
            if standing["state"] != "running":
                return standing
            await asyncio.sleep(0.1)


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def in_log(corpus: Corpus) -> list[tuple[str, str, str]]:
    return [
        (record.action, record.by, record.authenticated_as)
        for record in AccessLog(corpus.archives["main"], None).records()
    ]


async def test_a_person_is_erased_by_the_token_of_a_plan_that_was_read(
    temporal: Client, corpus: Corpus, http: httpx.AsyncClient
) -> None:
    kept, other = corpus.keep(ANA), corpus.keep(BEN)
    async with erasing(temporal, corpus):
        plan = await planned(http, participant="8:ACS:ana-secret", requestedBy="officer-1")
        (goes,) = plan["plan"]["recordings"]
        assert (goes["folder"], goes["erases"]) == (kept.folder, True)
        assert corpus.places_with(kept.sample), "a plan erases nothing"
        again = await get(http, f"/v1/erasure-plans/{plan['planId']}")
        assert again.json() == plan
        order = {"participant": ANA, "plan": plan["token"], "reason": "request 17"}
        begun = await post(http, ERASURES, {**order, "requestedBy": "officer-1"})
        assert begun.status_code == 202, begun.text
        assert begun.json()["erasureId"] == plan["token"]
        standing = await ended(http, plan["token"])
        assert (standing["state"], standing["status"]["erased"]) == ("done", 1)
        used = await post(http, ERASURES, order)
        assert error(used) == (409, "plan_used")
        certificates = await get(http, f"{ERASURES}/{plan['token']}/certificates")
        (certificate,) = certificates.json()["certificates"]
        assert (certificate["archive"], certificate["objects"]) == ("main", 3)
    assert corpus.places_with(kept.sample, ANA.encode()) == []
    assert corpus.places_with(other.sample)
    assert all(report.ok for report in corpus.verify())
    assert in_log(corpus) == [
        ("planned", "officer-1", "key officer"),
        ("planned", "officer", "key officer"),
        ("erased", "officer-1", "key officer"),
        ("read", "officer", "key officer"),
    ]


async def test_a_stale_or_wrong_token_erases_nothing(
    temporal: Client, corpus: Corpus, http: httpx.AsyncClient
) -> None:
    kept = corpus.keep(ANA)
    async with erasing(temporal, corpus):
        plan = await planned(http, participant=ANA)
        corpus.keep(ANA)
        for token in (plan["token"], NOTHING):
            order = {"participant": ANA, "plan": token, "reason": "request 17"}
            answer = await post(http, ERASURES, order)
            assert error(answer) == (409, "plan_stale"), answer.text
            assert "plan it again, read it" in answer.json()["error"]["message"]
            assert (await ended(http, token))["state"] == "failed"
        missing = await get(http, f"{ERASURES}/{NOTHING}/certificates")
        assert error(missing) == (404, "not_found")
    assert corpus.places_with(kept.sample)


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (":plan", {}, "name one"),
        (":plan", {"participant": ANA, "recordingId": "rec-0"}, "name one"),
        (":plan", {"participant": ANA, "retention": True}, "name one"),
        (":plan", {"participant": "Ana"}, "begins with its kind"),
        (":plan", {"participant": " "}, "name one"),
        (":plan", {"recordingId": "with space"}, "recordingId"),
        (":plan", {"recordingId": "rec-0", "channelOnly": True}, "name the participant"),
        (":plan", {"participant": ANA, "authenticatedAs": "boss"}, "authenticatedAs"),
        ("", {"participant": ANA, "reason": "x"}, "plan"),
        ("", {"participant": ANA, "plan": "no", "reason": "x"}, "no token of a plan"),
        ("", {"participant": ANA, "plan": NOTHING}, "reason"),
        ("", {"participant": ANA, "plan": NOTHING, "reason": " "}, "reason"),
        ("", {"participant": "Ana", "plan": NOTHING, "reason": "x"}, "begins with its kind"),
        ("", {"plan": NOTHING, "reason": "x"}, "name one"),
    ],
)
async def test_what_is_no_order_is_refused_and_nothing_is_begun(
    corpus: Corpus, http: httpx.AsyncClient, path: str, body: Body, said: str
) -> None:
    corpus.keep(ANA)
    before = sorted(corpus.root.rglob("*"))
    answer = await post(http, f"{ERASURES}{path}", body)
    assert error(answer) == (422, "invalid_request"), answer.text
    assert said in answer.json()["error"]["message"]
    assert sorted(corpus.root.rglob("*")) == before


@pytest.mark.parametrize(
    "path",
    [
        f"{ERASURES}/{NOTHING}1",
        f"{ERASURES}/..%2Fx",
        f"{ERASURES}/1",
        f"{ERASURES}/..%2F..%2Fetc/certificates",
        f"{ERASURES}/1/certificates",
        "/v1/erasure-plans/1",
        f"/v1/erasure-plans/{'0' * 32}",
    ],
)
async def test_an_erasure_or_a_plan_that_is_not_there_is_not_found(
    http: httpx.AsyncClient, path: str
) -> None:
    assert (await get(http, path)).status_code == 404


async def test_a_recording_that_no_archive_has_is_not_found(
    temporal: Client, corpus: Corpus, http: httpx.AsyncClient
) -> None:
    kept = corpus.keep(ANA)
    async with erasing(temporal, corpus):
        answer = await post(http, f"{ERASURES}:plan", {"recordingId": "rec-9"})
        assert error(answer) == (404, "not_found")
        plan = await planned(http, recordingId=kept.recording_id)
        assert [each["folder"] for each in plan["plan"]["recordings"]] == [kept.folder]


async def test_what_is_held_stays_and_what_is_due_is_planned(
    temporal: Client, corpus: Corpus, http: httpx.AsyncClient
) -> None:
    corpus.terms["default"] = RetentionTerms(retention=timedelta(days=1), at_end=AtEnd.ERASE)
    due, held = corpus.keep(ANA), corpus.keep(BEN)
    target = HoldTarget(recording_id=held.recording_id)
    place_hold(corpus.archives["main"], target, Said("counsel-1", "case 7"), SIGNER, lambda: NOW)
    async with erasing(temporal, corpus):
        plan = await planned(http, retention=True)
        told = {each["folder"]: each["verdict"] for each in plan["plan"]["recordings"]}
        assert told == {due.folder: "due", held.folder: "held"}
        order = {"retention": True, "plan": plan["token"], "reason": "over"}
        assert (await post(http, ERASURES, order)).status_code == 202
        standing = await ended(http, plan["token"])
    assert standing["status"]["erased"] == 1
    assert corpus.places_with(due.sample) == []
    assert corpus.places_with(held.sample)


async def test_a_plan_that_takes_long_is_asked_for_again(
    temporal: Client,
    corpus: Corpus,
    http: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    corpus.keep(ANA)
    monkeypatch.setattr(erasures_api, "PLAN_WAIT", timedelta(milliseconds=50))
    answer = await post(http, f"{ERASURES}:plan", {"participant": ANA})
    assert answer.status_code == 202, "no worker runs yet"
    plan = answer.json()
    assert (plan["state"], plan["plan"]) == ("planning", None)
    async with erasing(temporal, corpus):
        async with asyncio.timeout(30):
            while answer.status_code == 202:
                answer = await get(http, f"/v1/erasure-plans/{plan['planId']}")
    assert answer.json()["state"] == "planned"


async def test_erasing_is_a_role_of_its_own(corpus: Corpus, http: httpx.AsyncClient) -> None:
    order = {"participant": ANA, "plan": NOTHING, "reason": "x"}
    for answer in (
        await post(http, f"{ERASURES}:plan", {"participant": ANA}, "crm-key"),
        await post(http, ERASURES, order, "crm-key"),
        await get(http, f"{ERASURES}/{NOTHING}", "crm-key"),
        await get(http, f"{ERASURES}/{NOTHING}/certificates", "crm-key"),
        await get(http, f"/v1/erasure-plans/{'0' * 32}", "crm-key"),
    ):
        assert error(answer) == (403, "role_missing")
    assert in_log(corpus) == []


async def test_a_bound_key_erases_what_is_of_its_resources_alone(
    temporal: Client, corpus: Corpus, http: httpx.AsyncClient
) -> None:
    corpus.terms["europe"] = RetentionTerms()
    other, own = corpus.keep(ANA), corpus.keep(ANA, resource="europe")
    async with erasing(temporal, corpus):
        hidden = await post(
            http, f"{ERASURES}:plan", {"recordingId": other.recording_id}, "europe-key"
        )
        assert error(hidden) == (404, "not_found")
        of_all = await planned(http, participant=ANA)
        plan = await planned(http, "europe-key", participant=ANA)
        assert [each["folder"] for each in plan["plan"]["recordings"]] == [own.folder]
        foreign = await get(http, f"/v1/erasure-plans/{of_all['planId']}", "europe-key")
        assert error(foreign) == (404, "not_found")
        order = {"participant": ANA, "reason": "request 17"}
        stolen = await post(http, ERASURES, {**order, "plan": of_all["token"]}, "europe-key")
        assert error(stolen) == (409, "plan_stale"), "the token stands for another plan"
        begun = await post(http, ERASURES, {**order, "plan": plan["token"]}, "europe-key")
        assert begun.status_code == 202, begun.text
        assert (await ended(http, plan["token"], "europe-key"))["status"]["erased"] == 1
        path = f"{ERASURES}/{plan['token']}/certificates"
        assert (await get(http, path, "europe-key")).status_code == 200
        again = await planned(http, participant=ANA)
        order = {"participant": ANA, "plan": again["token"], "reason": "request 18"}
        assert (await post(http, ERASURES, order)).status_code == 202
        await ended(http, again["token"])
        for path in (f"{ERASURES}/{again['token']}", f"{ERASURES}/{again['token']}/certificates"):
            assert error(await get(http, path, "europe-key")) == (404, "not_found")
    assert corpus.places_with(own.sample) == []
