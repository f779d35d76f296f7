"""Who may hold a recording, is it held in every archive at once, and does the log have it?"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from callvault.archive.access_log.log import AccessLog
from callvault.archive.identity import make_identity
from callvault.archive.manifests.holds import find_holds
from callvault.archive.manifests.seal import seal
from callvault.archive.names import HOLDS_PREFIX
from callvault.archive.stores.directory import DirectoryArchive
from callvault.contracts.access import AccessAction
from callvault.gateway import holds_api
from tests.archive.sealed import NOON, SIGNER, archived, recording, seal_input, sealed
from tests.gateway.conftest import Call, Gateway, GatewayOf
from tests.gateway.fake_workflow import KNOWS
from tests.gateway.test_access import by

HOLDS = "/v1/holds"
KEYS = {
    "counsel": {"secret": "env:COUNSEL", "roles": ["hold"]},
    "europe": {"secret": "env:EUROPE", "roles": ["hold"], "resources": ["europe"]},
    "crm": {"secret": "env:CRM", "roles": ["control", "read", "privacy", "erase", "listen"]},
}


@pytest.fixture
def archives(tmp_path: Path) -> list[DirectoryArchive]:
    opened = [DirectoryArchive(name, tmp_path / name) for name in ("main", "spare")]
    for archive in opened:
        make_identity(archive, None, datetime.now(UTC))
    return opened


@pytest.fixture
def gateway(
    gateway_of: GatewayOf,
    temporal: Client,
    archives: list[DirectoryArchive],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Gateway:
    for name in ("COUNSEL", "EUROPE", "CRM"):
        monkeypatch.setenv(name, f"{name.lower()}-key")
    (tmp_path / "key.pem").write_bytes(SIGNER.pem())
    configured = {
        each.name: {
            "kind": "directory",
            "path": tmp_path / each.name,
            "signing_key": f"file:{tmp_path / 'key.pem'}",
        }
        for each in archives
    }
    return gateway_of(temporal, archives=configured, keys=KEYS)


async def placed(gateway: Gateway, key: str = "counsel-key", **body: Any) -> httpx.Response:
    return await gateway.http.post(HOLDS, json={"reason": "case 7", **body}, headers=by(key))


async def released(gateway: Gateway, hold: str, key: str = "counsel-key") -> httpx.Response:
    path = f"{HOLDS}/{hold}:release"
    return await gateway.http.post(path, json={"reason": "settled"}, headers=by(key))


async def listed(gateway: Gateway, key: str = "counsel-key", **asked: Any) -> list[dict[str, Any]]:
    answer = await gateway.http.get(HOLDS, params=asked, headers=by(key))
    assert answer.status_code == 200, answer.text
    holds: list[dict[str, Any]] = answer.json()["holds"]
    return holds


async def kept(gateway: Gateway, call: Call, **body: Any) -> None:
    started = {"serverCallId": call.server_call_id, "reason": f"{KNOWS}{call.recording_id}", **body}
    answer = await gateway.http.post("/v1/recordings", json=started, headers=by("crm-key"))
    assert answer.status_code == 201, answer.text


def in_log(archive: DirectoryArchive) -> list[tuple[str, str, str]]:
    return [
        (record.action, record.authenticated_as, record.reason)
        for record in AccessLog(archive, None).records()
    ]


async def test_a_call_is_held_in_every_archive_and_its_workflow_is_told(
    gateway: Gateway, archives: list[DirectoryArchive], call: Call
) -> None:
    await kept(gateway, call)
    answer = await placed(gateway, serverCallId=call.server_call_id, requestedBy="counsel-1")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["workflowId"] == call.workflow_id
    assert {each["archive"] for each in told["records"]} == {"main", "spare"}
    (hold,) = {each["id"] for each in told["records"]}
    for archive in archives:
        (found,) = find_holds(archive)
        assert (found.placed.id, found.placed.resource) == (hold, "default")
        assert (found.placed.requested_by, found.placed.authenticated_as) == (
            "counsel-1",
            "key counsel",
        )
        assert in_log(archive) == [("held", "key counsel", "case 7")]
    signals = dict(await call.received())
    assert signals["place_hold"] == {
        "recordingId": None,
        "requestedBy": "counsel-1",
        "authenticatedAs": "key counsel",
        "reason": "case 7",
        "hold": hold,
    }
    again = await placed(gateway, serverCallId=call.server_call_id + "==", requestedBy="counsel-1")
    assert again.json()["records"] == told["records"], "the same hold, in any spelling"
    assert in_log(archives[0]) == [("held", "key counsel", "case 7")]


async def test_a_hold_ends_in_every_archive_by_one_release(
    gateway: Gateway, archives: list[DirectoryArchive], call: Call
) -> None:
    await kept(gateway, call)
    answer = await placed(gateway, serverCallId=call.server_call_id)
    hold = answer.json()["records"][0]["id"]
    done = await released(gateway, hold)
    assert done.status_code == 200, done.text
    assert {each["action"] for each in done.json()["records"]} == {"released"}
    assert [each.released is not None for a in archives for each in find_holds(a)] == [True, True]
    assert await listed(gateway) == []
    assert len(await listed(gateway, released=True)) == 2
    assert dict(await call.received())["release_hold"]["hold"] == hold
    another = await placed(gateway, serverCallId=call.server_call_id)
    assert another.json()["records"][0]["id"] != hold


async def test_a_recording_that_temporal_forgot_is_held_by_its_day(
    gateway: Gateway, archives: list[DirectoryArchive]
) -> None:
    sealed(archives[0], archived(archives[0]))
    unknown = await placed(gateway, recordingId="rec-1")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
    assert "recordedOn" in unknown.json()["error"]["message"]
    assert not list(archives[0].names(HOLDS_PREFIX))
    answer = await placed(gateway, recordingId="rec-1", recordedOn="2026-03-02")
    assert answer.status_code == 200, answer.text
    assert answer.json()["workflowId"] is None
    wrong_day = await placed(gateway, recordingId="rec-1", recordedOn="2026-03-03")
    assert wrong_day.status_code == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"serverCallId": "CALL", "reason": " "}, "reason"),
        ({"serverCallId": "CALL", "reason": ""}, "reason"),
        ({"serverCallId": "CALL", "reason": None}, "reason"),
        ({"serverCallId": "CALL", "reason": "x" * 1_025}, "reason"),
        ({}, "name the call (serverCallId) or the recording (recordingId)"),
        ({"serverCallId": "CALL", "recordingId": "rec-1"}, "name the call"),
        ({"serverCallId": "12345678-1234-1234-1234-123456789abc"}, "give the serverCallId"),
        ({"recordingId": "with space"}, "recordingId"),
        ({"recordingId": "CALL"}, "give the recordingId"),
        ({"recordingId": "12345678-1234-1234-1234-123456789abc"}, "give the recordingId"),
        ({"recordingId": "call-1", "recordedOn": "2026-03-02"}, "as an id of another sort"),
        ({"serverCallId": "rec-1", "recordedOn": "2026-03-02"}, "as an id of another sort"),
        ({"serverCallId": "CALL", "authenticatedAs": "key boss"}, "authenticatedAs"),
        ({"serverCallId": "CALL", "why": "x"}, "why"),
    ],
)
async def test_what_is_no_hold_is_refused_and_nothing_is_held(
    gateway: Gateway,
    archives: list[DirectoryArchive],
    call: Call,
    body: dict[str, Any],
    said: str,
) -> None:
    await kept(gateway, call)
    sealed(archives[0], archived(archives[0]))
    body = {key: call.server_call_id if told == "CALL" else told for key, told in body.items()}
    answer = await placed(gateway, **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")
    assert said in answer.json()["error"]["message"]
    assert not [name for each in archives for name in each.names(HOLDS_PREFIX)]
    assert "held" not in {action for action, *_ in in_log(archives[0])}


async def test_what_is_found_by_an_id_of_another_sort_is_not_held_under_it(
    gateway: Gateway, archives: list[DirectoryArchive], call: Call
) -> None:
    """The look-up takes any id, and a hold under a wrong one would lie on nothing."""
    call = replace(call, server_call_id=call.call_id)
    await kept(gateway, call)
    async with asyncio.timeout(30):
        while (await placed(gateway, serverCallId=call.recording_id)).status_code == 404:
            await asyncio.sleep(0.1)
    for asked in ({"serverCallId": call.recording_id}, {"recordingId": call.server_call_id}):
        answer = await placed(gateway, **asked)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")
        assert "as an id of another sort" in answer.json()["error"]["message"]
    assert not [name for each in archives for name in each.names(HOLDS_PREFIX)]
    held = await placed(gateway, recordingId=f"{call.recording_id}==")
    assert held.json()["workflowId"] == call.workflow_id


@pytest.mark.parametrize("hold", ["0" * 16, "..", "nothing", "x" * 500])
async def test_a_hold_that_is_not_there_cannot_be_released(gateway: Gateway, hold: str) -> None:
    answer = await released(gateway, hold)
    assert answer.status_code == 404, answer.text


async def test_holds_are_a_role_of_their_own(
    gateway: Gateway, archives: list[DirectoryArchive], call: Call
) -> None:
    await kept(gateway, call)
    for answer in (
        await placed(gateway, "crm-key", serverCallId=call.server_call_id),
        await released(gateway, "0" * 16, "crm-key"),
        await gateway.http.get(HOLDS, headers=by("crm-key")),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "role_missing")
    assert in_log(archives[0]) == []


async def test_a_bound_key_holds_and_sees_what_is_of_its_resources_alone(
    gateway: Gateway, archives: list[DirectoryArchive], call: Call
) -> None:
    await kept(gateway, call)
    refused = await placed(gateway, "europe-key", serverCallId=call.server_call_id)
    assert refused.status_code == 404
    other = (await placed(gateway, serverCallId=call.server_call_id)).json()["records"][0]["id"]
    of = recording(archived(archives[0]), recording_id="rec-1")
    seal(archives[0], seal_input(archives[0], of, resource="europe"), SIGNER, lambda: NOON)
    theirs = await placed(gateway, "europe-key", recordingId="rec-1", recordedOn="2026-03-02")
    assert theirs.status_code == 200, theirs.text
    own = theirs.json()["records"][0]["id"]
    assert {each["placed"]["id"] for each in await listed(gateway, "europe-key")} == {own}
    assert {each["placed"]["id"] for each in await listed(gateway)} == {own, other}
    assert (await released(gateway, other, "europe-key")).status_code == 404
    assert (await released(gateway, own, "europe-key")).status_code == 200


async def test_an_archive_that_is_away_leaves_no_partial_hold(
    gateway: Gateway, archives: list[DirectoryArchive], call: Call, tmp_path: Path
) -> None:
    await kept(gateway, call)
    (tmp_path / "spare").rename(tmp_path / "unmounted")
    answer = await placed(gateway, serverCallId=call.server_call_id)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert not list(archives[0].names(HOLDS_PREFIX))


async def test_reading_the_holds_is_in_the_log_and_too_many_are_not_listed(
    gateway: Gateway, archives: list[DirectoryArchive], monkeypatch: pytest.MonkeyPatch
) -> None:
    await listed(gateway)
    assert in_log(archives[0]) == [(AccessAction.READ, "key counsel", "the list of legal holds")]
    monkeypatch.setattr(holds_api, "MAX_HOLD_RECORDS", -1)
    answer = await gateway.http.get(HOLDS, headers=by("counsel-key"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "too_large")
    assert "callvault holds list" in answer.json()["error"]["message"]
