"""Recordings of many gigabytes, from the client's side."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from callvault.emulator.media import sparse
from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings, MediaKind
from tests.emulator.stage import Acs, StagedCall

GIB = 1 << 30


@pytest.fixture(scope="module")
def acs(http: httpx.Client) -> Iterator[Acs]:
    settings = EmulatorSettings(media=MediaKind.SPARSE, max_chunk_bytes=2 * GIB)
    with running(settings) as emulator:
        yield Acs(emulator, http)


def recorded(acs: Acs, seconds: float, **size: int) -> dict[str, Any]:
    call = StagedCall(acs, **size)
    recording = call.is_recorded()
    call.lasts(seconds)
    acs.stop(recording)
    return call.rendered()


def test_the_bytes_are_a_function_of_document_and_offset(acs: Acs) -> None:
    (chunk,) = recorded(acs, 60, mediaBytes=2_000_003)["chunks"]
    content = acs.fetch(chunk["contentLocation"]).content
    assert len(content) == chunk["size"] == 2_000_003
    assert content == b"".join(sparse.pieces(chunk["documentId"], 2_000_003))
    assert chunk["sha256"] is None, "nobody read it all"


def test_ranges_of_gigabytes_are_served_where_they_are_asked_for(acs: Acs) -> None:
    chunks = recorded(acs, 3600, mediaBytes=5 * GIB + 1)["chunks"]
    assert [chunk["endReason"] for chunk in chunks] == [
        "ChunkMaximumSizeExceeded",
        "ChunkMaximumSizeExceeded",
        "SessionEnded",
    ]
    assert sum(chunk["size"] for chunk in chunks) == 5 * GIB + 1
    assert all(chunk["size"] <= 2 * GIB for chunk in chunks)
    size, first = chunks[0]["size"], chunks[0]["size"] - 1001
    answer = acs.fetch(chunks[0]["contentLocation"], Range=f"bytes={first}-{first + 999}")
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{first + 999}/{size}"
    assert answer.content == sparse.read(chunks[0]["documentId"], first, 1000)
    etags = {acs.fetch(c["contentLocation"], Range="bytes=0-0").headers["etag"] for c in chunks}
    assert len(etags) == 3


def test_without_a_size_it_is_that_of_the_services_table(acs: Acs) -> None:
    truth = recorded(acs, 3600)
    (chunk,) = truth["chunks"]
    assert chunk["size"] == pytest.approx(450_000_000, rel=0.001)
    assert chunk["durationMs"] == truth["durationMs"] == pytest.approx(3_600_000, abs=500)
    described = acs.fetch(chunk["metadataLocation"]).json()
    assert described["chunkDuration"] == chunk["durationMs"]
    assert described["recordingInfo"]["format"] == "mp4"


def test_deleted_sparse_media_is_gone(acs: Acs) -> None:
    (chunk,) = recorded(acs, 1, mediaBytes=10)["chunks"]
    assert acs.delete(chunk["deleteLocation"]).status_code == 200
    assert acs.fetch(chunk["contentLocation"]).status_code == 404


def test_sparse_files_survive_a_restart(http: httpx.Client, tmp_path: Path) -> None:
    settings = EmulatorSettings(media=MediaKind.SPARSE, state_dir=tmp_path)
    with running(settings) as emulator:
        (chunk,) = recorded(Acs(emulator, http), 60, mediaBytes=3 * GIB)["chunks"]
    with running(settings) as emulator:
        acs = Acs(emulator, http)
        path = chunk["contentLocation"].partition("/v1/")[2]
        answer = acs.send("GET", f"/v1/{path}", Range=f"bytes={2 * GIB}-{2 * GIB + 99}")
    assert answer.headers["content-range"].endswith(f"/{3 * GIB}")
    assert answer.content == sparse.read(chunk["documentId"], 2 * GIB, 100)
