"""A chunk's URLs are bound to the paths of media and to its document (fault B3)."""

from typing import Any

import pytest
from pydantic import ValidationError

from callvault.acs.models import RecordingResultResponse
from callvault.contracts.activity_io import DeleteInput
from callvault.contracts.events import FileStatusUpdated, RecordingChunk
from callvault.contracts.media_urls import UrlKind, document_of

from .call import NOON, recording_call

DOCUMENT = "0-eus-d12-801b3f3fc462fe8a01e6810cbff729b8"
HOST = "https://us-storage.asm.skype.com"
OBJECT = f"{HOST}/v1/objects/{DOCUMENT}"
CHUNK = {
    "documentId": DOCUMENT,
    "index": 0,
    "contentLocation": f"{OBJECT}/content/video",
    "metadataLocation": f"{OBJECT}/content/acsmetadata",
    "deleteLocation": OBJECT,
}
BLOB = "https://contoso.blob.core.windows.net/own/20260727/c/r/0-{kind}." + DOCUMENT + ".{ext}"
VICTIM = "https://contoso.communication.azure.com/calling/recordings/dmljdGlt"
OTHER = f"{HOST}/v1/objects/0-eus-d1-83e9599991e21ad21220427d78fbf558"

FORGED = {
    "contentLocation": (f"{OTHER}/content/video", f"{OBJECT}/content/acsmetadata", OBJECT),
    "metadataLocation": (f"{OTHER}/content/acsmetadata", f"{OBJECT}/content/video", VICTIM),
    "deleteLocation": (OTHER, f"{OBJECT}/content/video", VICTIM, BLOB.format(kind="x", ext="mp4")),
}


def read(*chunks: dict[str, Any]) -> FileStatusUpdated:
    event = {"recordingId": "r", "eventTime": "2026-07-27T15:20:34Z", "chunks": list(chunks)}
    return FileStatusUpdated.model_validate(event)


def test_the_urls_of_a_chunk_are_those_that_acs_writes() -> None:
    [chunk] = read(CHUNK).chunks
    assert chunk.model_dump(exclude={"end_reason"}) == CHUNK


@pytest.mark.parametrize(
    "locations",
    [
        {
            "contentLocation": BLOB.format(kind="audiomp3", ext="mp3"),
            "metadataLocation": BLOB.format(kind="acsmetadata", ext="json"),
            "deleteLocation": None,
        },
        {
            "contentLocation": f"https://acs.example/recording/download/{DOCUMENT}",
            "metadataLocation": f"https://acs.example/recording/download/{DOCUMENT}/metadata",
        },
        {
            "contentLocation": f"http://127.0.0.1:8080/v1/objects/{DOCUMENT}/content/audio",
            "metadataLocation": f"https://[::1]:1/v1/objects/{DOCUMENT}/content/acsmetadata",
        },
    ],
)
def test_every_documented_form_is_taken(locations: dict[str, str | None]) -> None:
    files = read({**CHUNK, **locations})
    assert (files.left_out, files.chunks_left_out) == ((), 0)
    assert files.chunks[0].content_location == locations["contentLocation"]


def test_the_example_of_the_documentation_is_archived_and_not_deleted() -> None:
    """In Event Grid's own example the URL to delete names another object than the document."""
    files = read({**CHUNK, "deleteLocation": OTHER})
    [chunk] = files.chunks
    assert (chunk.content_location, chunk.delete_location) == (CHUNK["contentLocation"], None)
    [note] = files.left_out
    assert note.startswith("chunks.0.deleteLocation: is no deleteLocation of document ")


@pytest.mark.parametrize("url", FORGED["metadataLocation"])
def test_b3_metadata_of_another_kind_or_document_is_left_out(url: str) -> None:
    files = read({**CHUNK, "metadataLocation": url})
    assert files.chunks[0].model_dump(exclude={"end_reason"}) == {**CHUNK, "metadataLocation": None}
    assert len(files.left_out) == 1


@pytest.mark.parametrize("url", FORGED["deleteLocation"])
def test_b3_a_stranger_is_never_deleted(url: str) -> None:
    files = read({**CHUNK, "deleteLocation": url})
    assert files.chunks[0].delete_location is None
    assert len(files.left_out) == 1
    call = recording_call()
    call.life.files_announced(files, NOON)
    told = [entry.what for entry in call.life.status.timeline]
    assert any("deleteLocation: is no deleteLocation of document" in what for what in told)
    with pytest.raises(ValidationError, match="is no deleteLocation"):
        DeleteInput(resource="default", document_id=DOCUMENT, delete_location=url)


@pytest.mark.parametrize("url", FORGED["contentLocation"])
def test_b3_a_chunk_with_anothers_content_is_not_understood(url: str) -> None:
    with pytest.raises(ValidationError, match="is no contentLocation of document"):
        read({**CHUNK, "contentLocation": url})
    files = read({**CHUNK, "contentLocation": url}, {**CHUNK, "index": 1})
    assert ([chunk.index for chunk in files.chunks], files.chunks_left_out) == ([1], 1)


@pytest.mark.parametrize("field", FORGED)
def test_b3_no_state_or_order_holds_such_a_url(field: str) -> None:
    for url in FORGED[field]:
        with pytest.raises(ValidationError, match=f"is no {field}"):
            RecordingChunk.model_validate({**CHUNK, field: url})


def test_b3_a_polled_result_is_bound_like_an_event() -> None:
    forged = [
        {**CHUNK, "deleteLocation": VICTIM},
        {**CHUNK, "index": 1, "contentLocation": VICTIM},
        {**CHUNK, "index": 2},
    ]
    result = {"recordingId": "r", "recordingStorageInfo": {"recordingChunks": forged}}
    storage = RecordingResultResponse.model_validate(result).recording_storage_info
    assert [(chunk.index, chunk.delete_location) for chunk in storage.recording_chunks] == [
        (0, None),
        (2, OBJECT),
    ]
    assert (storage.chunks_left_out, len(storage.left_out)) == (1, 2)
    for empty in ({}, {"recordingStorageInfo": {}}, {"recordingStorageInfo": None}):
        read_empty = RecordingResultResponse.model_validate(empty)
        assert read_empty.recording_storage_info.recording_chunks == ()


@pytest.mark.parametrize(
    "url",
    [
        f"{HOST}\\@evil.example/v1/objects/{DOCUMENT}",
        f"{HOST}@evil.example/v1/objects/{DOCUMENT}",
        f"{HOST}/v1/objects/{DOCUMENT}?x",
        f"{HOST}/v1/objects/{DOCUMENT}#x",
        f"{HOST}/v1/objects/x/../{DOCUMENT}",
        f"{HOST}/v1/objects/{DOCUMENT}/",
        f"{HOST}//v1/objects/{DOCUMENT}",
        f"{HOST}/V1/objects/{DOCUMENT}",
        f"ftp://storage.asm.skype.com/v1/objects/{DOCUMENT}",
        f"/v1/objects/{DOCUMENT}",
        f" {OBJECT}",
        f"{OBJECT}\n",
        "",
    ],
)
def test_b3_look_alikes_name_no_document(url: str) -> None:
    assert document_of(UrlKind.DELETE, url) is None
    assert document_of(UrlKind.DELETE, OBJECT) == DOCUMENT
