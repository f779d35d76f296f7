"""Who may open a recording, does the access log have it, and what does a link open?"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client

from callvault.archive.access_log.log import AccessLog
from callvault.archive.identity import make_identity
from callvault.archive.manifests.documents import Keyring, sha256, signed
from callvault.archive.manifests.duties import duties_of
from callvault.archive.manifests.duty_records import Done, record_duties
from callvault.archive.names import erasure_record_name
from callvault.archive.store import put_bytes
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.access_log import verify_log_alone
from callvault.archive.verify.expectation import Expectation, spelt
from callvault.contracts.access import AccessAction
from callvault.contracts.consent import DeletionMark
from callvault.contracts.duties import Outcome
from callvault.contracts.erasures import ErasureCause, ErasureRecord
from callvault.contracts.manifest import ObjectReference
from callvault.gateway import connections, media_links
from tests.archive.sealed import NOON, SIGNER, archived, judged, lost, manifest_of, sealed, wav
from tests.gateway.conftest import Call, Gateway, GatewayOf
from tests.gateway.fake_workflow import HOLDS
from tests.gateway.test_access import by
from tests.gateway.test_limits import listening

OPEN = "/v1/recordings:open"
MEDIA = "/v1/media"
FOLDER = "recordings/2026/03/02/call-1/rec-1"
KEYS = {
    "anna": {"secret": "env:ANNA", "roles": ["listen"]},
    "europe": {"secret": "env:EUROPE", "roles": ["listen", "read"], "resources": ["europe"]},
    "crm": {"secret": "env:CRM", "roles": ["control", "read", "consent", "loosen"]},
}

Opens = Callable[..., Gateway]


@pytest.fixture
def opens(
    gateway_of: GatewayOf,
    temporal: Client,
    archive: DirectoryArchive,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Opens:
    """Return a function that starts gateways of the archive."""
    for name in ("ANNA", "EUROPE", "CRM", "MASTER"):
        monkeypatch.setenv(name, f"{name.lower()}-key")
    (tmp_path / "key.pem").write_bytes(SIGNER.pem())
    configured = {
        "kind": "directory",
        "path": Path(archive.location("x")).parent,
        "signing_key": f"file:{tmp_path / 'key.pem'}",
    }

    def start(**changes: Any) -> Gateway:
        changes.setdefault("keys", KEYS)
        archives = {"main": configured, **changes.pop("more_archives", {})}
        return gateway_of(temporal, archives=archives, **changes)

    return start


@pytest.fixture
def media() -> bytes:
    return wav(0.5, tone=300)


@pytest.fixture
def recording(archive: DirectoryArchive, media: bytes) -> str:
    """A sealed recording of one file; return the file's name."""
    chunk = archived(archive, media=media)
    sealed(archive, chunk)
    assert chunk.archived
    return chunk.archived.object_name


async def opened(
    gateway: Gateway, body: dict[str, Any], key: str = "anna-key"
) -> tuple[int, dict[str, Any]]:
    answer = await gateway.http.post(OPEN, json=body, headers=by(key))
    return answer.status_code, answer.json()


async def link_to(gateway: Gateway, name: str, **asked: Any) -> str:
    status, answer = await opened(gateway, {"id": name, **asked})
    assert status == 200, answer
    url: str = answer["files"][0]["url"]
    return url


def in_log(archive: DirectoryArchive) -> list[tuple[str, str, tuple[str, ...], str]]:
    return [
        (record.by, record.authenticated_as, record.objects, record.reason)
        for record in AccessLog(archive, None).records()
        if record.action is AccessAction.OPENED
    ]


async def test_a_link_plays_the_file_and_the_log_has_it(
    opens: Opens, archive: DirectoryArchive, recording: str, media: bytes
) -> None:
    gateway = opens()
    asked = {"id": FOLDER, "reason": "complaint 17", "requestedBy": "anna@example"}
    status, answer = await opened(gateway, asked)
    assert status == 200, answer
    (file,) = answer["files"]
    assert (file["objectName"], file["size"], file["chunk"]) == (recording, len(media), 0)
    assert in_log(archive) == [("anna@example", "key anna", (recording,), "complaint 17")]
    played = await gateway.http.get(file["url"])
    assert (played.status_code, played.content) == (200, media)
    assert played.headers["content-type"] == "audio/wav"
    assert played.headers["x-content-type-options"] == "nosniff"
    assert played.headers["accept-ranges"] == "bytes"
    assert played.headers["content-disposition"].startswith('inline; filename="rec-1-0000-')
    head = AccessLog(archive, None).head()
    assert head
    assert answer["accessRecord"] == spelt(head)
    report = verify_log_alone(archive, Keyring([SIGNER.public]), Expectation())
    assert report.problems == []
    assert len(in_log(archive)) == 1, "the parts of one opening are one access"


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-99", 206, (0, 100)),
        ("bytes=100-", 206, (100, None)),
        ("bytes=-50", 206, (-50, None)),
        ("bytes=44-44", 206, (44, 45)),
        ("bytes=10-999999999", 206, (10, None)),
        ("bytes=-999999999", 206, (0, None)),
        ("bytes=999999999-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=9-3", 200, (0, None)),
        ("bytes=0-1,5-6", 200, (0, None)),
        ("bytes=-", 200, (0, None)),
        ("items=0-1", 200, (0, None)),
        ("bytes=" + "9" * 4_000 + "-", 200, (0, None)),
    ],
)
async def test_a_part_of_a_file_is_answered_as_a_player_asks_for_it(
    asked: str,
    status: int,
    part: tuple[int, int | None] | None,
    opens: Opens,
    recording: str,
    media: bytes,
) -> None:
    gateway = opens()
    url = await link_to(gateway, recording)
    answer = await gateway.http.get(url, headers={"range": asked})
    assert answer.status_code == status
    if part is None:
        assert answer.json()["error"]["code"] == "range_not_satisfiable"
        assert answer.headers["content-range"] == f"bytes */{len(media)}"
        return
    expected = media[part[0] : part[1]]
    assert answer.content == expected
    if status == 206:
        first = part[0] % len(media)
        last = first + len(expected) - 1
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(media)}"


async def test_head_and_if_range_are_answered(opens: Opens, recording: str, media: bytes) -> None:
    gateway = opens()
    url = await link_to(gateway, recording, download=True)
    head = await gateway.http.head(url)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(media)))
    assert head.headers["content-disposition"].startswith("attachment")
    for tag, status in ((head.headers["etag"], 206), ('"another"', 200)):
        headers = {"range": "bytes=0-0", "if-range": tag}
        assert (await gateway.http.get(url, headers=headers)).status_code == status


@pytest.mark.parametrize("key", ["crm-key", "master-key", "wrong-key"])
async def test_nobody_opens_anything_without_the_role(
    key: str, opens: Opens, archive: DirectoryArchive, recording: str
) -> None:
    gateway = opens(api_keys=["env:MASTER"])
    status, answer = await opened(gateway, {"id": recording}, key)
    assert status == (401 if key == "wrong-key" else 403), answer
    assert in_log(archive) == []


async def test_nobody_opens_anything_without_a_name(
    opens: Opens, archive: DirectoryArchive, recording: str
) -> None:
    gateway = opens(keys={})
    status, answer = await opened(gateway, {"id": recording})
    assert (status, answer["error"]["code"]) == (403, "role_missing")
    assert in_log(archive) == []


async def test_what_cannot_be_logged_is_not_opened(
    opens: Opens, archive: DirectoryArchive, recording: str
) -> None:
    gateway = opens()
    spoil(archive, "access")
    status, answer = await opened(gateway, {"id": recording})
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert "nothing was opened, because it cannot be written" in answer["error"]["message"]


@pytest.mark.parametrize("change", ["digest", "content", "empty", "none", "long"])
async def test_a_link_that_was_changed_opens_nothing(
    change: str, opens: Opens, recording: str
) -> None:
    gateway = opens()
    url = await link_to(gateway, recording)
    said, _, digest = url.partition("code=")[2].partition(".")
    codes = {
        "digest": f"{said}.{digest[:-2]}AA",
        "content": f"{said[:-1]}{'A' if said[-1] != 'A' else 'B'}.{digest}",
        "empty": "",
        "none": "ü.\ud83c",
        "long": "A" * 9_000,
    }
    query = {} if change == "none" else {"code": codes[change]}
    answer = await gateway.http.get(MEDIA, params=query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "link_denied")


async def test_a_link_ends(opens: Opens, recording: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = opens()
    url = await link_to(gateway, recording, lifetime="PT60S")
    assert (await gateway.http.get(url)).status_code == 200
    later = (datetime.now(UTC) + timedelta(seconds=62)).timestamp()
    monkeypatch.setattr(media_links.time, "time", lambda: later)
    answer = await gateway.http.get(url)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "link_denied")


async def test_gateways_with_one_key_take_each_others_links(
    opens: Opens, recording: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINKS", "one secret of all gateways")
    shared = {"link_key": "env:LINKS"}
    one, other, alone = opens(media=shared), opens(media=shared), opens()
    url = await link_to(one, recording)
    assert (await other.http.get(url)).status_code == 200
    assert (await alone.http.get(url)).status_code == 403


@pytest.mark.parametrize(
    ("body", "settings", "said"),
    [
        ({}, {"demands_reason": True}, "reason"),
        ({"reason": "  "}, {"demands_reason": True}, "reason"),
        ({"lifetime": "PT16M"}, {}, "lifetime"),
        ({"lifetime": "PT0S"}, {}, "lifetime"),
        ({"chunk": -1}, {}, "chunk"),
        ({"authenticatedAs": "key boss"}, {}, "authenticatedAs"),
        ({"why": "x"}, {}, "why"),
    ],
)
async def test_what_is_asked_for_wrongly_is_refused_and_says_so(
    body: dict[str, Any],
    settings: dict[str, Any],
    said: str,
    opens: Opens,
    archive: DirectoryArchive,
    recording: str,
) -> None:
    gateway = opens(media=settings)
    status, answer = await opened(gateway, {"id": recording, **body})
    assert (status, answer["error"]["code"]) == (422, "invalid_request")
    assert said in answer["error"]["message"]
    assert in_log(archive) == []


@pytest.mark.parametrize("kind", ["server_call_id", "workflow_id", "recording_id"])
async def test_ids_of_every_kind_find_the_recording(
    kind: str, opens: Opens, call: Call, recording: str
) -> None:
    gateway = opens()
    body = {
        "serverCallId": call.server_call_id,
        # Known to visibility by its recordingId, too.
        "reason": f"{HOLDS}rec-1 main {recording}",
    }
    await gateway.http.post("/v1/recordings", json=body, headers=by("crm-key"))
    if kind == "recording_id":
        by_day = {"id": "rec-1", "recordedOn": "2026-03-02"}
        status, answer = await opened(gateway, by_day)
    else:
        status, answer = await opened(gateway, {"id": getattr(call, kind)})
    assert status == 200, answer
    assert [file["objectName"] for file in answer["files"]] == [recording]


@pytest.mark.parametrize("asked", ["rec-1", "call-1", "recording-1", "aHR0cHM6Ly9jb252"])
@pytest.mark.usefixtures("recording")
async def test_a_call_that_temporal_forgot_is_found_by_its_day(asked: str, opens: Opens) -> None:
    gateway = opens()
    status, answer = await opened(gateway, {"id": asked})
    assert (status, answer["error"]["code"]) == (404, "not_found")
    assert "recordedOn" in answer["error"]["message"]
    status, answer = await opened(gateway, {"id": asked, "recordedOn": "2026-03-02"})
    assert (status, answer.get("folder")) == (200, FOLDER)
    status, answer = await opened(gateway, {"id": asked, "recordedOn": "2026-03-03"})
    assert (status, answer["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "asked",
    [
        "recordings/2026/03/02",
        "recordings/2026",
        "recordings/",
        "recordings/../../etc/passwd",
        "recordings/2026/03/02/call-1/..",
        f"{FOLDER}/manifest.json",
        f"{FOLDER}/0009-nothing.wav",
    ],
)
@pytest.mark.usefixtures("recording")
async def test_a_name_that_is_no_recordings_opens_nothing(
    asked: str, opens: Opens, archive: DirectoryArchive
) -> None:
    status, answer = await opened(opens(), {"id": asked})
    assert (status, answer["error"]["code"]) == (404, "not_found")
    assert in_log(archive) == []


async def test_several_recordings_of_a_call_are_named_and_none_is_opened(
    opens: Opens, archive: DirectoryArchive
) -> None:
    for number in (1, 2):
        chunk = archived(archive, recording_id=f"rec-{number}")
        sealed(archive, chunk, recording_id=f"rec-{number}")
    asked = {"id": "call-1", "recordedOn": "2026-03-02"}
    status, answer = await opened(opens(), asked)
    assert (status, answer["error"]["code"]) == (409, "several_recordings")
    assert FOLDER in answer["error"]["message"]
    status, answer = await opened(opens(), asked, "europe-key")
    assert (status, answer["error"]["code"]) == (404, "not_found"), "those of another resource"
    assert in_log(archive) == []


@pytest.mark.parametrize("asked", [FOLDER, "rec-1", "call-1"])
@pytest.mark.usefixtures("recording")
async def test_a_recording_of_another_resource_is_unknown(
    asked: str, opens: Opens, archive: DirectoryArchive
) -> None:
    body = {"id": asked, "recordedOn": "2026-03-02"}
    status, answer = await opened(opens(), body, "europe-key")
    assert (status, answer["error"]["code"]) == (404, "not_found")
    assert in_log(archive) == []


@pytest.mark.parametrize("asked", [FOLDER, "rec-1"])
async def test_of_a_recording_in_two_archives_the_first_one_counts(
    asked: str, opens: Opens, recording: str, tmp_path: Path
) -> None:
    spare = DirectoryArchive("spare", tmp_path / "spare")
    make_identity(spare, None, datetime.now(UTC))
    sealed(spare, archived(spare, media=wav(0.5, tone=300)))
    only_there = archived(spare, recording_id="rec-2")
    sealed(spare, only_there, recording_id="rec-2")
    gateway = opens(
        more_archives={"spare": {"kind": "directory", "path": tmp_path / "spare"}},
    )
    for wanted, archive in ((asked, "main"), (asked.replace("rec-1", "rec-2"), "spare")):
        body = {"id": wanted, "recordedOn": "2026-03-02"}
        status, answer = await opened(gateway, body)
        assert (status, answer.get("archive")) == (200, archive), answer
    assert recording


async def test_one_file_of_several_is_opened_alone(opens: Opens, archive: DirectoryArchive) -> None:
    chunks = [archived(archive, index) for index in (0, 1)]
    sealed(archive, *chunks)
    gateway = opens()
    _, whole = await opened(gateway, {"id": FOLDER})
    assert [file["chunk"] for file in whole["files"]] == [0, 1]
    _, one = await opened(gateway, {"id": FOLDER, "chunk": 1})
    _, named = await opened(gateway, {"id": one["files"][0]["objectName"]})
    assert [file["chunk"] for file in named["files"]] == [1]
    status, none = await opened(gateway, {"id": FOLDER, "chunk": 2})
    assert (status, none["error"]["code"]) == (404, "not_found")
    assert [len(objects) for _, _, objects, _ in in_log(archive)] == [2, 1, 1]


async def test_what_became_of_a_file_that_is_not_there_is_told(
    opens: Opens, archive: DirectoryArchive
) -> None:
    there, gone = archived(archive, 0), archived(archive, 1)
    mark = DeletionMark(
        participant="a" * 64, since=NOON, until=NOON + timedelta(seconds=9), marked_at=NOON
    )
    found = sealed(archive, there, gone, lost(2, "the window closed"), marked=[mark])
    assert gone.archived
    name = gone.archived.object_name
    gateway = opens()
    delete(archive, name)
    status, answer = await opened(gateway, {"id": FOLDER, "chunk": 1})
    assert (status, answer["error"]["code"]) == (404, "file_missing")
    status, answer = await opened(gateway, {"id": FOLDER, "chunk": 2})
    assert (status, answer["error"]["code"]) == (410, "lost")
    assert "the window closed" in answer["error"]["message"]
    done = Done(Outcome.ERASED, "compliance-1", "consent was withdrawn", (name,))
    duties = [duty.id for duty in duties_of(manifest_of(archive, found))]
    record_duties(archive, found.object_name, duties[:1], done, SIGNER, lambda: NOON)
    status, answer = await opened(gateway, {"id": FOLDER, "chunk": 1})
    assert (status, answer["error"]["code"]) == (410, "erased")
    assert "consent was withdrawn" in answer["error"]["message"]
    status, answer = await opened(gateway, {"id": FOLDER})
    assert [file["chunk"] for file in answer["files"]] == [0]
    assert [said.partition(":")[0] for said in answer["missing"]] == ["chunk 1", "chunk 2"]


async def test_a_file_that_a_later_manifest_replaces_is_not_given_out_beside_it(
    opens: Opens, archive: DirectoryArchive
) -> None:
    first = archived(archive, media=wav(0.5, tone=300))
    sealed(archive, first)
    assert first.archived
    silenced = first.archived.object_name.replace(".wav", ".mp3")
    put_bytes(archive, silenced, b"silence", content_type="audio/mpeg", metadata={})
    changed = {"object_name": silenced, "size": 7, "sha256": sha256(b"silence")}
    again = first.model_copy(update={"archived": first.archived.model_copy(update=changed)})
    sealed(archive, again)
    _, answer = await opened(opens(), {"id": FOLDER})
    assert [file["objectName"] for file in answer["files"]] == [silenced]


async def test_a_recording_that_was_erased_with_its_manifests_is_told_by_its_record(
    opens: Opens, archive: DirectoryArchive, recording: str
) -> None:
    gateway = opens()
    erase_whole(archive, recording)
    for asked in (recording, FOLDER):
        status, answer = await opened(gateway, {"id": asked})
        assert (status, answer["error"]["code"]) == (410, "erased")
        assert "asked for it" in answer["error"]["message"]
        status, answer = await opened(gateway, {"id": asked}, "europe-key")
        assert (status, answer["error"]["code"]) == (404, "not_found")
    status, answer = await opened(gateway, {"id": f"{FOLDER}0"})
    assert (status, answer["error"]["code"]) == (404, "not_found")


async def test_a_call_whose_files_are_not_archived_yet_says_so(opens: Opens, call: Call) -> None:
    gateway = opens()
    body = {"serverCallId": call.server_call_id}
    await gateway.http.post("/v1/recordings", json=body, headers=by("crm-key"))
    status, answer = await opened(gateway, {"id": call.server_call_id})
    assert (status, answer["error"]["code"]) == (409, "not_archived")


async def test_a_file_that_is_erased_after_its_link_was_made_is_gone(
    opens: Opens, archive: DirectoryArchive, recording: str
) -> None:
    gateway = opens()
    url = await link_to(gateway, recording)
    delete(archive, recording)
    answer = await gateway.http.get(url)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_another_archive_in_its_place_is_not_read(
    opens: Opens, archive: DirectoryArchive, recording: str
) -> None:
    gateway = opens()
    await link_to(gateway, recording)
    exchange(archive)
    status, answer = await opened(gateway, {"id": recording})
    assert (status, answer["error"]["code"]) == (503, "unavailable")


@pytest_asyncio.fixture
async def slow(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Event]:
    """Have every file come only once this is set."""
    from callvault.gateway.media_streams import MediaStreams

    go = asyncio.Event()
    sends = MediaStreams._pieces

    async def waiting(self: Any, *asked: Any) -> AsyncIterator[bytes]:
        await go.wait()
        async for piece in sends(self, *asked):
            yield piece

    monkeypatch.setattr(MediaStreams, "_pieces", waiting)
    yield go
    go.set()


async def test_only_so_many_files_are_sent_at_a_time(
    slow: asyncio.Event, opens: Opens, recording: str, media: bytes
) -> None:
    gateway = opens(media={"max_streams": 2})
    url = await link_to(gateway, recording)
    first = [asyncio.create_task(gateway.http.get(url)) for _ in range(2)]
    refused: httpx.Response | None = None
    for _ in range(100):
        await asyncio.sleep(0.02)
        answer = asyncio.create_task(gateway.http.get(url))
        done, _ = await asyncio.wait([answer], timeout=0.2)
        if done:
            refused = await answer
            break
        first.append(answer)
    assert refused is not None
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    slow.set()
    answers = [await each for each in first]
    # On a busy machine one that is refused may be so later than others are asked for.
    assert {each.content for each in answers if each.status_code == 200} == {media}
    assert sum(each.status_code == 200 for each in answers) >= 2
    late = [each for each in answers if each.status_code != 200]
    assert {(each.status_code, each.json()["error"]["code"]) for each in late} <= {
        (503, "overloaded")
    }
    assert (await gateway.http.get(url)).status_code == 200, "their places are free again"


@pytest.mark.parametrize("player", ["does not read", "goes away"])
async def test_a_listener_who_does_not_read_makes_room(
    player: str,
    temporal: Client,
    archive: DirectoryArchive,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "WRITE_TIMEOUT", 0.5)
    monkeypatch.setenv("ANNA", "anna-key")
    monkeypatch.setenv("EUROPE", "europe-key")
    monkeypatch.setenv("CRM", "crm-key")
    large = bytes(64 << 20)
    chunk = archived(archive, media=large, check=judged(wav(0.1), 100))
    assert chunk.archived
    configured = {"kind": "directory", "path": Path(archive.location("x")).parent}
    async with (
        listening(
            temporal,
            tmp_path / "quarantine",
            archives={"main": configured},
            keys={"anna": KEYS["anna"]},
            media={"max_streams": 1},
        ) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http,
    ):
        asked = {"id": chunk.archived.object_name}
        answer = await http.post(OPEN, json=asked, headers=by("anna-key"))
        url = answer.json()["files"][0]["url"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_024)
        writer.write(f"GET {url} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
        await reader.readline()
        assert (await http.get(url, headers={"range": "bytes=0-0"})).status_code == 503
        if player == "goes away":
            writer.close()
        async with asyncio.timeout(10):
            while (await http.get(url, headers={"range": "bytes=0-0"})).status_code == 503:
                await asyncio.sleep(0.1)
        writer.close()


def erase_whole(archive: DirectoryArchive, name: str) -> None:
    """Delete all objects of a recording, and write the record that says why."""
    record = ErasureRecord(
        object_name=erasure_record_name("a" * 64, 1),
        archive="main",
        erasure="a" * 64,
        cause=ErasureCause.RECORDING,
        decision="nothing stood against it",
        erased=(ObjectReference(object_name=name, size=1, sha256="0" * 64),),
        requested_by="anna",
        reason="they asked for it",
        recorded_at=NOON,
        software="callvault",
        previous=None,
        signature=None,
    )
    put_bytes(
        archive,
        record.object_name,
        signed(record, SIGNER),
        content_type="application/json",
        metadata={},
    )
    for path in Path(archive.location(name)).parent.glob("*"):
        path.unlink()


def spoil(archive: DirectoryArchive, folder: str) -> None:
    Path(archive.location(folder)).write_bytes(b"no folder")


def exchange(archive: DirectoryArchive) -> None:
    """Have the archive show the identity of another one."""
    identity = Path(archive.location("archive.json"))
    told = json.loads(identity.read_bytes())
    identity.write_text(json.dumps({**told, "id": "0" * 32}))


def delete(archive: DirectoryArchive, name: str) -> None:
    place = Path(archive.location(name))
    for path in place.parent.glob(f"*{place.name}*"):
        path.unlink()
