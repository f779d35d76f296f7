"""Exports, evidence and access logs over REST: who is given what, and is it in the log first?"""

import asyncio
import io
import json
import threading
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from callvault.archive.access_log import pages
from callvault.archive.access_log.log import AccessLog
from callvault.archive.manifests.seal import seal
from callvault.archive.names import SUBJECTS_PREFIX, folder_of
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.subjects.accounts import entries_of_recording
from callvault.archive.subjects.index import write
from callvault.archive.subjects.search import refuse
from callvault.contracts.participants import hiding, participant_hash
from callvault.errors import Unavailable
from callvault.gateway import evidence_api, exports_api
from callvault.gateway.long_work import MAX_LONG_WORK, LongWork
from callvault.person_export import Limits
from callvault.recorded_evidence import EvidenceLimit
from tests.archive.sealed import (
    NOON,
    SIGNER,
    archived,
    manifest_of,
    recording,
    seal_input,
    wav,
)
from tests.gateway.conftest import Call, Gateway, GatewayOf
from tests.gateway.fake_workflow import HOLDS
from tests.gateway.test_access import by

EXPORT, ACCESS = "/v1/subjects:export", "/v1/access:search"
EVIDENCE, PAGE = "/v1/recordings:evidence", "/v1/recordings:evidence-page"
ANA, BEN, KEY = "8:acs:ana-0001", "4:+49301234567", "the key of participants"
DAY = "2026-03-02"
KEYS = {
    "dpo": {"secret": "env:DPO", "roles": ["privacy"]},
    "europe": {"secret": "env:EUROPE", "roles": ["privacy"], "resources": ["europe"]},
    "crm": {"secret": "env:CRM", "roles": ["listen", "read", "control", "hold", "erase"]},
}

Body = dict[str, Any]


@pytest.fixture
def gateway(
    gateway_of: GatewayOf,
    temporal: Client,
    archive: DirectoryArchive,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Gateway:
    for name in ("DPO", "EUROPE", "CRM"):
        monkeypatch.setenv(name, f"{name.lower()}-key")
    monkeypatch.setenv("PEOPLE", KEY)
    (tmp_path / "key.pem").write_bytes(SIGNER.pem())
    configured = {
        "kind": "directory",
        "path": Path(archive.location("x")).parent,
        "signing_key": f"file:{tmp_path / 'key.pem'}",
    }
    return gateway_of(
        temporal, archives={"main": configured}, keys=KEYS, participants={"key": "env:PEOPLE"}
    )


def kept(
    archive: DirectoryArchive, recording_id: str = "rec-1", resource: str = "default"
) -> tuple[str, str]:
    """Archive, seal and index a recording of Ana and Ben; return its folder and its file."""
    people = [{"participantId": ANA, "channel": 1}, {"participantId": BEN, "channel": 0}]
    chunk = archived(
        archive, media=wav(0.2, tone=300), recording_id=recording_id, participants=people
    )
    of = recording(chunk, recording_id=recording_id)
    order = seal_input(archive, of, resource=resource)
    manifest = manifest_of(archive, seal(archive, order, SIGNER, lambda: NOON))
    write(archive, entries_of_recording(archive, manifest, hiding(KEY), refuse))
    assert chunk.archived
    return folder_of(manifest.object_name), chunk.archived.object_name


async def asked(gateway: Gateway, path: str, body: Body, key: str = "dpo-key") -> httpx.Response:
    return await gateway.http.post(path, json=body, headers=by(key))


def in_log(archive: DirectoryArchive) -> list[tuple[str, str, tuple[str, ...]]]:
    return [
        (record.action, record.authenticated_as, record.recordings)
        for record in AccessLog(archive, None).records()
    ]


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_person_is_given_a_zip_of_their_recordings_and_the_log_has_it_first(
    gateway: Gateway, archive: DirectoryArchive
) -> None:
    folder, _ = kept(archive)
    kept(archive, "rec-2", "europe")
    answer = await asked(gateway, EXPORT, {"participant": ANA, "reason": "17"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as package:
        assert package.testzip() is None
        names = set(package.namelist())
        told = b"".join(package.read(name) for name in names if not name.endswith(".wav"))
    assert {"index.html", "export.json", "0001/evidence.html", "0002/evidence.html"} <= names
    assert BEN.encode() not in told
    assert [each[:2] for each in in_log(archive)] == [
        ("found", "key dpo"),
        ("exported", "key dpo"),
    ]
    assert folder in in_log(archive)[1][2]


async def test_an_export_of_a_bound_key_has_its_resources_alone(
    gateway: Gateway, archive: DirectoryArchive
) -> None:
    kept(archive)
    folder, _ = kept(archive, "rec-2", "europe")
    answer = await asked(gateway, EXPORT, {"participant": ANA}, "europe-key")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as package:
        assert not [name for name in package.namelist() if name.startswith("0002/")]
        assert b"rec-1" not in package.read("index.html")
    assert in_log(archive)[-1] == ("exported", "key europe", (folder,))


async def test_what_is_too_much_for_a_request_is_refused_with_what_to_do(
    gateway: Gateway, archive: DirectoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(archive)
    kept(archive, "rec-2")
    enough = exports_api.LIMITS
    for limits in (
        Limits(1, enough.size, enough.access_records, enough.instead),
        Limits(enough.recordings, 10, enough.access_records, enough.instead),
        Limits(enough.recordings, enough.size, 0, enough.instead),
    ):
        monkeypatch.setattr(exports_api, "LIMITS", limits)
        answer = await asked(gateway, EXPORT, {"participant": ANA})
        assert error(answer) == (409, "too_large")
        assert "callvault subjects export" in answer.json()["error"]["message"]
    assert {each[0] for each in in_log(archive)} == {"found"}, "nothing was given out"
    monkeypatch.setattr(exports_api, "LIMITS", enough)
    none = await asked(gateway, EXPORT, {"participant": ANA, "since": "2026-03-03"})
    assert error(none) == (404, "nothing_found")


async def test_an_export_from_a_damaged_index_is_refused(
    gateway: Gateway, archive: DirectoryArchive
) -> None:
    kept(archive)
    name = next(archive.names(SUBJECTS_PREFIX))
    (archive._root / name).write_bytes(b"{")
    answers = [await asked(gateway, EXPORT, {"participant": who}) for who in (ANA, BEN)]
    refused = [each for each in answers if each.status_code != 200]
    assert [error(each) for each in refused] == [(409, "index_damaged")]
    assert "callvault index rebuild" in refused[0].json()["error"]["message"]


async def test_only_so_much_long_work_is_done_at_a_time() -> None:
    work, end = LongWork(), threading.Event()
    try:
        doing = [asyncio.create_task(work.run(end.wait)) for _ in range(MAX_LONG_WORK)]
        await asyncio.sleep(0.05)
        doing[0].cancel()  # its caller has gone, and its thread goes on
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="ask again") as refused:
            await work.run(lambda: None)
        assert refused.value.code == "overloaded"
    finally:
        end.set()
    assert await doing[1]
    await asyncio.sleep(0.05)
    assert await work.run(lambda: 5) == 5


WRONG: list[tuple[str, Body, str]] = [
    (EXPORT, {"participant": "Ana"}, "begins with its kind"),
    (EXPORT, {}, "participant"),
    (EXPORT, {"participant": ANA, "archives": ["mian"]}, "there is no archive 'mian'"),
    (EXPORT, {"participant": ANA, "authenticatedAs": "boss"}, "authenticatedAs"),
    (EVIDENCE, {"id": "rec-1", "participant": "Ana"}, "begins with its kind"),
    (EVIDENCE, {}, "id"),
    (PAGE, {"id": "rec-1", "at": "2026-03-02T12:00:00Z"}, "leave it out"),
    (PAGE, {"id": "rec-1", "participant": "030123456"}, "has its country"),
    (ACCESS, {"archive": "mian"}, "name one of main"),
    (ACCESS, {"participant": "Ana"}, "begins with its kind"),
    (ACCESS, {"action": "stolen"}, "action"),
    (ACCESS, {"limit": 0}, "limit"),
    (ACCESS, {"before": 0}, "before"),
]


@pytest.mark.parametrize(("path", "body", "said"), WRONG)
async def test_what_is_asked_wrongly_is_refused_and_nothing_is_given_out(
    gateway: Gateway, archive: DirectoryArchive, path: str, body: Body, said: str
) -> None:
    kept(archive)
    answer = await asked(gateway, path, body)
    assert error(answer) == (422, "invalid_request"), answer.text
    assert said in answer.json()["error"]["message"]
    assert in_log(archive) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (EXPORT, {"participant": ANA}),
        (EVIDENCE, {"id": "rec-1"}),
        (PAGE, {"id": "rec-1"}),
        (ACCESS, {}),
    ],
)
async def test_they_are_for_the_role_privacy_alone(
    gateway: Gateway, archive: DirectoryArchive, path: str, body: Body
) -> None:
    assert error(await asked(gateway, path, body, "crm-key")) == (403, "role_missing")
    assert in_log(archive) == []


async def test_an_auditor_has_the_account_and_the_page_of_a_call(
    gateway: Gateway, archive: DirectoryArchive, call: Call
) -> None:
    folder, name = kept(archive)
    body = {"serverCallId": call.server_call_id, "reason": f"{HOLDS}rec-1 main {name}"}
    await gateway.http.post("/v1/recordings", json=body, headers=by("crm-key"))
    answer = await asked(gateway, EVIDENCE, {"id": call.server_call_id})
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()["recordings"]
    assert told["recordingId"] == "rec-1"
    assert in_log(archive) == [("exported", "key dpo", (folder,))]


async def test_the_page_of_a_call_that_temporal_forgot_is_made_from_the_archive(
    gateway: Gateway, archive: DirectoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = kept(archive)
    assert error(await asked(gateway, PAGE, {"id": "rec-1"})) == (404, "not_found")
    forgotten = await asked(gateway, EVIDENCE, {"id": "rec-1"})
    assert error(forgotten) == (404, "not_found")
    assert PAGE in forgotten.json()["error"]["message"]
    answer = await asked(gateway, PAGE, {"id": "rec-1", "recordedOn": DAY, "participant": ANA})
    assert answer.status_code == 200, answer.text
    assert answer.text.startswith("<!doctype html>")
    assert ANA not in answer.text
    assert "sandbox" in answer.headers["content-security-policy"]
    assert in_log(archive) == [("exported", "key dpo", (folder,))]
    revealed = await asked(gateway, PAGE, {"id": folder, "reveal": True})
    assert ANA in revealed.text
    monkeypatch.setattr(evidence_api, "LIMIT", EvidenceLimit(10, "make it at a terminal"))
    too_large = await asked(gateway, PAGE, {"id": "rec-1", "recordedOn": DAY})
    assert error(too_large) == (409, "too_large")


@pytest.mark.parametrize("path", [PAGE, EVIDENCE])
async def test_evidence_of_another_resource_is_unknown(
    gateway: Gateway, archive: DirectoryArchive, path: str
) -> None:
    folder, _ = kept(archive)
    for word in ("rec-1", folder):
        body = {"id": word, "recordedOn": DAY}
        assert error(await asked(gateway, path, body, "europe-key")) == (404, "not_found")
    assert in_log(archive) == []


async def searched(gateway: Gateway, key: str = "dpo-key", **body: Any) -> Body:
    answer = await asked(gateway, ACCESS, body, key)
    assert answer.status_code == 200, answer.text
    found: Body = answer.json()
    return found


async def test_the_log_is_read_from_its_end_and_has_who_read_it(
    gateway: Gateway, archive: DirectoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = kept(archive)
    await asked(gateway, EXPORT, {"participant": ANA, "reason": "17"})
    found = await searched(gateway, requestedBy="auditor-1")
    assert [each["action"] for each in found["records"]] == ["read", "exported", "found"]
    assert found["records"][0]["by"] == "auditor-1"
    assert found["nextBefore"] is None
    about = await searched(gateway, recording="rec-1")
    assert [each["recordings"] for each in about["records"]] == [[folder]]
    assert (await searched(gateway, recording="rec-9"))["records"] == []
    person = await searched(gateway, participant=ANA, action="found")
    assert [each["participant"] for each in person["records"]] == [participant_hash(ANA, KEY)]
    monkeypatch.setattr(pages, "MAX_READ", 2)
    before, actions = None, []
    while True:
        page = await searched(gateway, limit=1, **({"before": before} if before else {}))
        actions += [each["action"] for each in page["records"] if each["sequence"] <= 2]
        before = page["nextBefore"]
        if before is None:
            break
    assert actions == ["exported", "found"]


async def test_a_bound_key_reads_of_its_own_recordings_alone(
    gateway: Gateway, archive: DirectoryArchive
) -> None:
    kept(archive)
    folder, _ = kept(archive, "rec-2", "europe")
    await asked(gateway, EXPORT, {"participant": ANA})
    refused = await asked(gateway, ACCESS, {}, "europe-key")
    assert error(refused) == (403, "resource_denied")
    other = await asked(gateway, ACCESS, {"recording": "rec-1", "recordedOn": DAY}, "europe-key")
    assert error(other) == (404, "not_found")
    own = await searched(gateway, "europe-key", recording="rec-2", recordedOn=DAY)
    assert [each["recordings"] for each in own["records"]] == [[folder]]


async def test_a_record_that_cannot_be_read_is_told(
    gateway: Gateway, archive: DirectoryArchive
) -> None:
    await searched(gateway)
    (name,) = archive.names("access/")
    (archive._root / name).write_bytes(json.dumps({}).encode())
    found = await searched(gateway)
    assert [name in each for each in found["problems"]] == [True]
