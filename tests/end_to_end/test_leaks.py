"""Is a secret, or who took part, anywhere but where it belongs, also when things go wrong?"""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from callvault.codec.encryption import EncryptionCodec
from callvault.codec.keyring import Keyring
from callvault.codec.payload_key import PayloadKey
from callvault.contracts import names
from callvault.local.processes import Supervisor
from callvault.temporal.converter import converter_with
from tests.acs.service import Answer, Service, serving
from tests.patience import PROCESS

from . import seeded
from .seeded import BROKEN_TOPIC, Seeded, Seeds

pytestmark = pytest.mark.slow("starts every part as a process of its own")

PHONE = "+15550134267"
NAME = "Zebulon-Quartermaine"
REQUESTER = "Ottilie-Featherstone"
REASON = "the card of Archibald-Nightingale"
TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6InNlZWQifQ.eyJzdWIiOiJzZWVkZWQifQ.c2VlZGVkLXNpZ25hdHVyZQ"


@pytest.fixture(scope="module")
def webhook() -> Iterator[Service]:
    """Refuses every alarm."""
    with serving() as service:
        service.answers = [Answer(401)]
        yield service


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory, webhook: Service) -> Iterator[Seeded]:
    home = tmp_path_factory.mktemp("seeded")
    seeds = Seeds({"telephone": PHONE, "display name": NAME, "token": TOKEN.rpartition(".")[2]})
    with Supervisor(home / "logs") as supervisor:
        yield seeded.start(supervisor, home, webhook.url, seeds)


@pytest.fixture
async def client(vault: Seeded) -> Client:
    key = PayloadKey.from_secret(vault.environment["SEED_PAYLOAD_KEY"])
    codec = EncryptionCodec(Keyring([SimpleNamespace(read=lambda: [key])]))
    return await Client.connect(
        vault.temporal.address,
        namespace=vault.temporal.namespace,
        data_converter=converter_with(codec, encrypts=True),
    )


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=35) as http:
        yield http


async def test_the_temporal_command_reads_a_call_by_way_of_the_gateway(
    vault: Seeded, http: httpx.AsyncClient, temporal_binary: Path
) -> None:
    """Without the gateway, or without the role for it, it shows nothing that can be read."""
    workflow_id = await recorded(vault, http, await begun(vault, http, [{"displayName": "Ben"}]))
    status = [temporal_binary, "workflow", "query", "--name", names.STATUS, "-w", workflow_id]
    status += ["--address", vault.temporal.address]
    endpoint = ["--codec-endpoint", f"{vault.gateway}/v1/codec"]

    def said(*more: str) -> str:
        asked = subprocess.run([*status, *more], capture_output=True, text=True, timeout=PROCESS)
        return asked.stdout + asked.stderr

    operator, backend = (vault.seeds.values[key] for key in ("key of an operator", "API key"))
    allowed = await asyncio.to_thread(said, *endpoint, "--codec-auth", f"Bearer {operator}")
    assert REQUESTER in allowed
    denied = await asyncio.to_thread(said, *endpoint, "--codec-auth", f"Bearer {backend}")
    assert "backend lacks the role decode" in denied
    assert REQUESTER not in denied + await asyncio.to_thread(said)


@pytest.mark.timeout(180)
async def test_no_secret_and_nobody_is_named_where_it_does_not_belong(
    vault: Seeded, client: Client, http: httpx.AsyncClient, webhook: Service
) -> None:
    await a_call_is_kept(vault, client, http)
    await a_call_of_teams_is_refused_and_so_is_its_alarm(vault, http, webhook)
    await wrong_keys_of_ours_are_refused(vault, client, http)
    await wrong_keys_of_others_are_refused(vault, http)
    vault.ends()

    let_out = {
        **vault.logs(),
        **vault.manifests(),
        "quarantine": vault.quarantine_heads(),
        "answers": "\n".join(vault.answers),
        "alarms": "\n".join(f"{seen.headers}{seen.body.decode()}" for seen in webhook.seen),
        **{place: text async for place, text in seeded.histories(client)},
        **(kept := {place: text async for place, text in seeded.kept_by_temporal(client)}),
    }
    assert {place.rpartition("/")[2] for place in let_out} >= {"manifest.json", "quarantine"}
    assert "files announced" in let_out["log of gateway"]
    assert '"name": "RunActivity:export_chunk"' in let_out["log of worker"], "spans are there"
    found = {place: vault.seeds.found_in(text) for place, text in let_out.items()}
    assert {place: what for place, what in found.items() if what} == {}
    # Of people and places nothing at all stands where neither keys nor roles protect it.
    unprotected = {**kept, **vault.logs()}
    named = {place: vault.people.found_in(text) for place, text in unprotected.items()}
    assert {place: what for place, what in named.items() if what} == {}


async def a_call_is_kept(vault: Seeded, client: Client, http: httpx.AsyncClient) -> None:
    people = [{"displayName": NAME, "phoneNumber": PHONE}, {"displayName": "Ben"}]
    call = await begun(vault, http, people)
    workflow_id = await recorded(vault, http, call)
    one = f"/v1/recordings/{workflow_id}"
    async with asyncio.timeout(30):
        while (await status(vault, http, workflow_id))["recordings"][0]["actual"] != "active":
            await asyncio.sleep(0.1)
    for verb in ("pause", "resume"):
        said = {"requestedBy": REQUESTER, "reason": REASON}
        answer = await vault.asks(http, "POST", f"{one}:{verb}", headers=key(vault), json=said)
        assert answer.is_success, answer.text
    await http.delete(f"{vault.control}/calls/{call['callId']}")
    result = await asyncio.wait_for(client.get_workflow_handle(workflow_id).result(), 60)
    assert result["outcome"] == "archived"


async def a_call_of_teams_is_refused_and_so_is_its_alarm(
    vault: Seeded, http: httpx.AsyncClient, webhook: Service
) -> None:
    people = [{"displayName": NAME, "phoneNumber": PHONE}]
    await recorded(vault, http, await begun(vault, http, people, kind="teamsInterop"))
    async with asyncio.timeout(30):
        while not webhook.seen:
            await asyncio.sleep(0.1)


async def wrong_keys_of_ours_are_refused(
    vault: Seeded, client: Client, http: httpx.AsyncClient
) -> None:
    """ACS refuses our access key, and the archive the key of its storage account."""
    call = await begun(vault, http, [{"displayName": NAME, "phoneNumber": PHONE}])
    workflow_id = await recorded(vault, http, call, resource="broken")
    await has_failed(client, workflow_id, "start_recording")
    event = orphan(vault)
    address = f"/v1/events?code={vault.seeds.values['event secret']}"
    assert (await vault.asks(http, "POST", address, json=[event])).status_code == 200
    await has_failed(client, names.workflow_id("orphaned"), "export_chunk")


async def wrong_keys_of_others_are_refused(vault: Seeded, http: httpx.AsyncClient) -> None:
    """The gateway repeats neither the secrets that it expects nor those presented to it."""
    secret = vault.seeds.values["event secret"]
    wrong = vault.seeds.plant("a wrong key")
    heads: dict[str, dict[str, str]] = {
        "wrong": {"authorization": f"Bearer {wrong}", "x-callvault-secret": wrong},
        "token": {"authorization": f"Bearer {TOKEN}", "x-callvault-secret": TOKEN},
    }
    for headers in heads.values():
        for path in ("/v1/recordings", "/v1/events", "/v1/callbacks/recording-1/1"):
            answer = await vault.asks(http, "POST", path, headers=headers, json=[PHONE, NAME])
            assert answer.status_code in (401, 503), path
    odd = {"authorization": TOKEN, "aeg-sas-key": wrong, "cookie": wrong}
    address = f"/v1/events?code={secret}&other={wrong}"
    answer = await vault.asks(http, "POST", address, headers=odd, json=[{"name": NAME}])
    assert answer.status_code == 200
    body = {"serverCallId": "x", "phone": PHONE, "requestedBy": {"name": NAME}}
    refused = await vault.asks(http, "POST", "/v1/recordings", headers=key(vault), json=body)
    assert refused.status_code == 422


def key(vault: Seeded) -> dict[str, str]:
    return {"authorization": f"Bearer {vault.seeds.values['API key']}"}


async def begun(
    vault: Seeded, http: httpx.AsyncClient, people: list[dict[str, str]], kind: str = "acs"
) -> dict[str, Any]:
    body = {"participants": people, "kind": kind}
    answer = await http.post(f"{vault.control}/calls", json=body)
    answer.raise_for_status()
    call = dict(answer.json())
    for person in call["participants"]:
        vault.people.plant(f"id of {person['displayName']}", person["rawId"])
    return call


async def recorded(
    vault: Seeded, http: httpx.AsyncClient, call: dict[str, Any], resource: str = "default"
) -> str:
    body = {
        "serverCallId": call["serverCallId"],
        "resource": resource,
        "recordingContentType": "audio",
        "recordingFormatType": "wav",
        "requestedBy": vault.people.plant("who asks", REQUESTER),
        "reason": vault.people.plant("why", REASON),
    }
    headers = {**key(vault), "prefer": "respond-async"}
    answer = await vault.asks(http, "POST", "/v1/recordings", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["workflowId"])


async def status(vault: Seeded, http: httpx.AsyncClient, workflow_id: str) -> dict[str, Any]:
    path = f"/v1/recordings/{workflow_id}"
    return dict((await vault.asks(http, "GET", path, headers=key(vault))).json())


async def has_failed(client: Client, workflow_id: str, activity: str) -> None:
    """Wait until an activity has failed at least once, and is to be tried again."""
    handle = client.get_workflow_handle(workflow_id)
    end = time.monotonic() + 40
    while time.monotonic() < end:
        described = (await handle.describe()).raw_description
        failed = [each for each in described.pending_activities if each.last_failure.message]
        if any(each.activity_type.name == activity for each in failed):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{activity} has not failed")


def orphan(vault: Seeded) -> dict[str, Any]:
    """An event about a file whose archive refuses us."""
    place = vault.people.plant("URL", f"{vault.endpoint}/v1/objects/0-eus-d1")
    chunk = {
        "documentId": "0-eus-d1",
        "index": 0,
        "endReason": "SessionEnded",
        "contentLocation": f"{place}/content/video",
    }
    return {
        "id": "1",
        "topic": BROKEN_TOPIC,
        "subject": "/recording/call/c/serverCallId/orphaned/recordingId/r",
        "data": {"recordingStorageInfo": {"recordingChunks": [chunk]}},
        "eventType": "Microsoft.Communication.RecordingFileStatusUpdated",
        "eventTime": "2026-11-25T15:20:34.2199328Z",
    }
