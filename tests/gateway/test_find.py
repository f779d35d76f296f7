"""Who may find a person's recordings, are all of them found, and does the access log have it?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from callvault.archive.access_log.log import AccessLog
from callvault.archive.manifests.seal import seal
from callvault.archive.names import SUBJECTS_PREFIX, folder_of
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.subjects.accounts import entries_of_recording
from callvault.archive.subjects.index import write
from callvault.archive.subjects.search import refuse
from callvault.archive.verify.expectation import spelt
from callvault.contracts.access import AccessAction
from callvault.contracts.participants import hiding, participant_hash
from tests.archive.sealed import (
    NOON,
    SIGNER,
    archived,
    manifest_of,
    recording,
    seal_input,
)
from tests.gateway.conftest import Gateway, GatewayOf
from tests.gateway.test_access import by

FIND = "/v1/subjects:find"
ANA, KEY = "8:acs:ana-0001", "the key of participants"
KEYS = {
    "dpo": {"secret": "env:DPO", "roles": ["privacy"]},
    "europe": {"secret": "env:EUROPE", "roles": ["privacy"], "resources": ["europe"]},
    "anna": {"secret": "env:ANNA", "roles": ["listen", "read", "control"]},
}

Finds = Callable[..., Gateway]


@pytest.fixture
def gateway(
    gateway_of: GatewayOf,
    temporal: Client,
    archive: DirectoryArchive,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Gateway:
    for name in ("DPO", "EUROPE", "ANNA"):
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


def kept(archive: DirectoryArchive, recording_id: str, resource: str = "default") -> str:
    """Archive, seal and index a recording of Ana; return its folder."""
    people = [{"participantId": ANA, "channel": 1}]
    chunk = archived(archive, recording_id=recording_id, participants=people)
    of = recording(chunk, recording_id=recording_id)
    order = seal_input(archive, of, resource=resource)
    manifest = manifest_of(archive, seal(archive, order, SIGNER, lambda: NOON))
    write(archive, entries_of_recording(archive, manifest, hiding(KEY), refuse))
    return folder_of(manifest.object_name)


async def asked(gateway: Gateway, key: str = "dpo-key", **body: Any) -> httpx.Response:
    return await gateway.http.post(FIND, json={"participant": ANA, **body}, headers=by(key))


async def test_a_person_is_found_and_the_access_log_has_it(
    gateway: Gateway, archive: DirectoryArchive
) -> None:
    folders = [kept(archive, "rec-1"), kept(archive, "rec-2")]
    answer = await asked(gateway, participant="8:ACS:Ana-0001", reason="17", requestedBy="maria")
    assert answer.status_code == 200, answer.text
    [found] = answer.json()["archives"]
    assert [each["folder"] for each in found["recordings"]] == sorted(folders)
    assert found["recordings"][0]["chunks"][0]["channel"] == 1
    [entry] = AccessLog(archive, None).entries()
    record = entry.record
    assert record
    assert (record.action, record.by, record.reason) == (AccessAction.FOUND, "maria", "17")
    assert (record.authenticated_as, record.participant) == (
        "key dpo",
        participant_hash(ANA, KEY),
    )
    head = AccessLog(archive, None).head()
    assert head
    assert found["accessRecord"] == spelt(head)
    assert ANA not in answer.text


async def test_finding_people_is_a_role_of_its_own(
    gateway: Gateway, archive: DirectoryArchive
) -> None:
    kept(archive, "rec-1")
    refused = await asked(gateway, "anna-key")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "role_missing")
    assert not list(archive.names("access/"))


async def test_a_bound_key_is_told_of_its_resources_alone(
    gateway: Gateway, archive: DirectoryArchive
) -> None:
    kept(archive, "rec-1", "default")
    theirs = kept(archive, "rec-2", "europe")
    [found] = (await asked(gateway, "europe-key")).json()["archives"]
    assert [each["folder"] for each in found["recordings"]] == [theirs]


async def test_a_search_is_bound_to_days(gateway: Gateway, archive: DirectoryArchive) -> None:
    folder = kept(archive, "rec-1")
    for days, found in (
        ({"since": "2026-03-02", "until": "2026-03-02"}, [folder]),
        ({"since": "2026-03-03"}, []),
        ({"until": "2026-03-01"}, []),
    ):
        [answer] = (await asked(gateway, **days)).json()["archives"]
        assert [each["folder"] for each in answer["recordings"]] == found


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"participant": "Ana"}, "begins with its kind"),
        ({"participant": " "}, "it is empty"),
        ({"participant": "030123456"}, "has its country"),
        ({"participant": 5}, "participant"),
        ({"since": "last year"}, "since"),
        ({"since": "9999-12-31", "until": "0001-01-01"}, "no day is between"),
        ({"since": "2026-03-03", "until": "2026-03-02"}, "no day is between"),
        ({"archives": ["main", "mian"]}, "there is no archive 'mian'"),
        ({"particpant": ANA}, "particpant"),
        ({"authenticatedAs": "somebody"}, "authenticatedAs"),
    ],
)
async def test_a_wrong_question_is_refused_and_nothing_is_searched(
    gateway: Gateway, archive: DirectoryArchive, body: dict[str, Any], said: str
) -> None:
    answer = await asked(gateway, **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")
    assert said in answer.json()["error"]["message"]
    assert not list(archive.names("access/"))


async def test_a_damaged_index_is_told(gateway: Gateway, archive: DirectoryArchive) -> None:
    kept(archive, "rec-1")
    [name] = archive.names(SUBJECTS_PREFIX)
    (archive._root / name).write_bytes(b"{")
    [found] = (await asked(gateway)).json()["archives"]
    assert found["recordings"] == []
    assert [each["objectName"] for each in found["faults"]] == [name]


async def test_an_archive_that_is_away_leaves_no_partial_answer(
    gateway: Gateway, archive: DirectoryArchive, tmp_path: Path
) -> None:
    kept(archive, "rec-1")
    (tmp_path / "archive").rename(tmp_path / "unmounted")
    answer = await asked(gateway)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
