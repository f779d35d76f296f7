import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from callvault.emulator.clock import EmulatorClock
from callvault.emulator.storage import StoredChunk, StoredFile, TemporaryStorage
from tests.emulator.signing import signed_headers
from tests.emulator.stage import Acs, StagedCall, advance

AUDIO = {"recordingContentType": "audio", "recordingFormatType": "wav"}


def recorded(acs: Acs) -> dict[str, Any]:
    call = StagedCall(acs)
    recording = call.is_recorded(**AUDIO)
    call.lasts(1)
    acs.stop(recording)
    chunk: dict[str, Any] = call.rendered()["chunks"][0]
    return chunk


@pytest.fixture(scope="module")
def chunk(acs: Acs) -> dict[str, Any]:
    return recorded(acs)


def test_content_and_metadata_are_what_was_rendered(acs: Acs, chunk: dict[str, Any]) -> None:
    content = acs.fetch(chunk["contentLocation"])
    metadata = acs.fetch(chunk["metadataLocation"])
    assert content.headers["content-type"] == "application/octet-stream"
    assert int(content.headers["content-length"]) == len(content.content) == chunk["size"]
    assert hashlib.sha256(content.content).hexdigest() == chunk["sha256"]
    assert hashlib.sha256(metadata.content).hexdigest() == chunk["metadataSha256"]


def test_ranges_are_parts_of_the_whole(acs: Acs, chunk: dict[str, Any]) -> None:
    whole = acs.fetch(chunk["contentLocation"])
    part = acs.fetch(chunk["contentLocation"], Range="bytes=100-199")
    rest = acs.fetch(chunk["contentLocation"], Range="bytes=200-")
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{chunk['size']}"
    assert rest.content == whole.content[200:]
    assert part.headers["etag"] == rest.headers["etag"] == whole.headers["etag"]


def test_a_range_beyond_the_end_is_416(acs: Acs, chunk: dict[str, Any]) -> None:
    answer = acs.fetch(chunk["contentLocation"], Range=f"bytes={chunk['size']}-")
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{chunk['size']}"


def test_content_needs_a_signature_over_the_acs_host(acs: Acs, chunk: dict[str, Any]) -> None:
    target = chunk["contentLocation"].removeprefix(acs.emulator.endpoint)
    unsigned = acs.http.get(chunk["contentLocation"])
    assert (unsigned.status_code, unsigned.content) == (401, b"")
    host = "contoso.communication.azure.com"
    headers = signed_headers(acs.key, "GET", target, host)
    assert acs.http.get(chunk["contentLocation"], headers=headers).status_code == 401
    headers["x-ms-host"] = host
    assert acs.http.get(chunk["contentLocation"], headers=headers).status_code == 200


def test_nothing_is_deleted_without_a_signature(acs: Acs, chunk: dict[str, Any]) -> None:
    unsigned = acs.http.delete(chunk["deleteLocation"])
    assert (unsigned.status_code, unsigned.content) == (401, b"")
    assert acs.fetch(chunk["contentLocation"]).status_code == 200


@pytest.mark.parametrize("view", ["video", "nonsense"])
def test_a_view_that_is_not_there_is_an_empty_404(
    acs: Acs, chunk: dict[str, Any], view: str
) -> None:
    answer = acs.fetch(f"{chunk['deleteLocation']}/content/{view}")
    assert (answer.status_code, answer.content) == (404, b"")


def test_deleted_media_and_metadata_are_gone(acs: Acs) -> None:
    chunk = recorded(acs)
    deleted = acs.delete(chunk["deleteLocation"])
    assert (deleted.status_code, deleted.content) == (200, b"")
    for location in (chunk["contentLocation"], chunk["metadataLocation"]):
        assert acs.fetch(location).status_code == 404
    assert acs.delete(chunk["deleteLocation"]).status_code == 404


def test_what_is_deleted_or_expired_leaves_the_disk(tmp_path: Path) -> None:
    clock = EmulatorClock()
    storage = TemporaryStorage(clock)
    soon = clock.now() + timedelta(hours=1)
    for name in ("deleted", "expired"):
        files = [StoredFile(tmp_path / f"{name}.{ext}", 1, "") for ext in ("wav", "json")]
        for file in files:
            file.path.write_bytes(b"1")
        storage.add(StoredChunk(name, 0, "SessionEnded", "audio", 1, files[0], files[1], soon))
    assert storage.delete("deleted")
    clock.advance(timedelta(hours=1))
    assert storage.find("expired", "audio") is None
    assert list(tmp_path.iterdir()) == []


def test_the_service_keeps_a_file_for_48_hours_and_no_longer(acs: Acs) -> None:
    chunk = recorded(acs)
    advance(acs, 48 * 3600 - 60)
    assert acs.fetch(chunk["contentLocation"]).status_code == 200
    advance(acs, 60)
    for location in (chunk["contentLocation"], chunk["metadataLocation"]):
        assert acs.fetch(location).status_code == 404
