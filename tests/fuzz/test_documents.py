"""Whatever a file or a message holds, its reader raises its own error or none, in bounded time."""

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callvault.archive.manifests.documents import read_document
from callvault.archive.manifests.keys import PublicKey
from callvault.archive.stores.directory import DirectoryArchive
from callvault.contracts.alarms import Acknowledge
from callvault.contracts.base import Unreadable, read_one
from callvault.contracts.chunk_metadata import parse_chunk_metadata
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.events import FileStatusUpdated, RecordingStateChanged
from callvault.contracts.manifest import ChainLink, Manifest
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import CallEnded, ControlRequest, RecordingRequest
from callvault.errors import BrokenContent, CallvaultError, ConfigurationError, InvalidRequest
from callvault.gateway.callbacks import read_callback
from callvault.ingest import eventgrid
from callvault.ingest.deliveries import read_delivery
from tests.archive.sealed import SIGNER, archived, sealed
from tests.fuzz.hostile import (
    CHEAP,
    hostile_bytes,
    hostile_values,
    is_read_or_refused,
    many,
    nested,
    written,
)
from tests.fuzz.profile import fuzz
from tests.fuzz.samples import (
    DOCUMENT_ID,
    callbacks,
    chunk_metadata,
    events,
    files_event,
    requests,
)


@given(content=hostile_bytes(chunk_metadata()))
@example(content=written({**chunk_metadata(), "chunkDuration": nested(200_000)}))
@example(content=b'{"chunkDuration":' + b"9" * 1_000_000 + b"}")
@fuzz(100)
def test_d5_a_metadata_file_is_read_as_far_as_it_can_be(content: bytes) -> None:
    assert is_read_or_refused(BrokenContent, parse_chunk_metadata, content)


KEPT = (("chunkDocumentId",), ("chunkStartTime",), ("chunkDuration",))


@given(content=hostile_values(chunk_metadata(), CHEAP, KEPT).map(written))
@fuzz(50)
def test_d5_odd_fields_of_a_metadata_file_cost_no_other(content: bytes) -> None:
    read = parse_chunk_metadata(content)
    assert (read.chunk_document_id, read.chunk_duration) == (DOCUMENT_ID, 6620.0)
    assert read.chunk_start_time


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[type[Any], Any]:
    archive = DirectoryArchive("main", tmp_path_factory.mktemp("documents"))
    done = sealed(archive, archived(archive))
    manifest = json.loads(b"".join(archive.read(done.object_name)))
    link = json.loads(b"".join(archive.read("manifests/0000000001.json")))
    return {Manifest: manifest, ChainLink: link}


@given(data=st.data())
@pytest.mark.parametrize("model", [Manifest, ChainLink])
@fuzz(50)
def test_c4_a_signed_document_that_differs_is_refused(
    documents: dict[type[Any], Any], model: type[Any], data: st.DataObject
) -> None:
    content = data.draw(hostile_bytes(documents[model]))
    try:
        document = read_document(model, content)
    except BrokenContent:
        return
    # What can be read in the one spelling has its content, so that a signature decides.
    assert read_document(model, content) == document
    if json.loads(content) != documents[model] and document.signature:
        assert not SIGNER.public.proves(document.signature, content)


@given(content=st.binary(max_size=200) | hostile_bytes(SIGNER.public.pem().decode()))
@fuzz(50)
def test_c4_a_key_is_read_or_refused(content: bytes) -> None:
    assert is_read_or_refused(ConfigurationError, PublicKey.from_pem, content)


MESSAGES = (
    FileStatusUpdated, RecordingStateChanged, CallEnded, ParticipantChanged, ControlRequest,
    RecordingRequest, ConsentDecision, Acknowledge,
)  # fmt: skip
PAYLOADS = st.sampled_from([*events(), *requests().values(), *callbacks()]).flatmap(hostile_values)


def _as_python(value: Any) -> Any:
    """Read a payload as the data converter does: with Python's own parser, or not at all."""
    try:
        return json.loads(written(value))
    except (ValueError, RecursionError):
        return None


@given(payload=PAYLOADS.map(_as_python))
@pytest.mark.parametrize("model", MESSAGES)
@fuzz(25)
def test_a8_a_payload_is_a_message_or_unreadable(model: type[Any], payload: Any) -> None:
    read = read_one(model, [payload])
    if isinstance(read, Unreadable):
        assert read.problem
        assert len(read.problem) <= 1_024
    else:
        # It goes on into activities and into the next run: it must be possible to write it.
        assert read_one(model, [json.loads(read.model_dump_json())]) == read


def _delivery(body: bytes) -> None:
    for event in read_delivery(body):
        with contextlib.suppress(InvalidRequest):
            eventgrid.read(event, lambda raw: raw[:64])


def _callbacks(body: bytes) -> None:
    for callback in json.loads(body):
        with contextlib.suppress(InvalidRequest):
            read_callback(callback, 1)


GROWING: dict[str, Callable[[int], Any]] = {
    "question marks": lambda size: "?" * size,
    "slashes": lambda size: "/recordingId/" * (size // 13),
    "backslashes": lambda size: "\\" * size,
    "digits": lambda size: "9" * size,
    "fractions": lambda size: "2026-07-27T15:20:34." + "3" * size,
    "blanks": lambda size: " " * size + "x",
    "elements": lambda size: [0] * (size // 3),
    "objects": lambda size: [{}] * (size // 3),
    "members": lambda size: {str(number): 0 for number in range(size // 10)},
    "base64": lambda size: "QUJD" * (size // 4),
}
READERS: dict[str, Callable[[bytes], Any]] = {
    "delivery": _delivery,
    "callbacks": _callbacks,
    "metadata": parse_chunk_metadata,
}


def _wrapped(door: str, value: Any) -> bytes:
    if door == "metadata":
        return written(
            {**chunk_metadata(), "chunkDocumentId": value, "pauseResumeIntervals": value}
        )
    if door == "callbacks":
        [callback] = callbacks()[0]
        data = {**callback["data"], "recordingId": value, "state": value}
        return written([{**callback, "data": data, "time": value}])
    event = files_event()
    chunks = {"recordingChunks": value}
    data = {**event["data"], "recordingStorageInfo": chunks, "recordingStartTime": value}
    return written([{**event, "subject": value, "data": data, "id": value, "eventTime": value}])


def _seconds(read: Callable[[bytes], Any], body: bytes) -> float:
    """Return the least processor time of some attempts: other load disturbs the least."""
    least = float("inf")
    for _ in range(3):
        since = time.process_time()
        with contextlib.suppress(CallvaultError):
            read(body)
        least = min(least, time.process_time() - since)
    return least


@pytest.mark.parametrize("door", READERS)
@pytest.mark.parametrize("growing", GROWING)
def test_b6_the_time_grows_with_the_size_and_not_with_its_square(door: str, growing: str) -> None:
    small, large = (_wrapped(door, GROWING[growing](size)) for size in (10_000, 160_000))
    # Sixteen times the size: quadratic time would be 256 times as much.
    assert _seconds(READERS[door], large) < 64 * max(_seconds(READERS[door], small), 0.000_5)


@pytest.mark.parametrize("element", [b"0", b"{}", b"[]", b'"\\ud83d"'])
def test_a7_too_many_chunks_cost_no_more_than_their_parsing(element: bytes) -> None:
    """Fault A7: a worker's workflow task has two seconds, for all the messages in it."""
    payload = json.loads(written({"chunks": many(element, 200_000)}))
    parsing = _seconds(json.loads, written(payload))
    assert isinstance(read_one(FileStatusUpdated, [payload]), Unreadable)
    assert _seconds(lambda _: read_one(FileStatusUpdated, [payload]), b"") < parsing
