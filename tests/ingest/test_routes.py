"""The resource of an event is looked up once, with all that its events need."""

from typing import Any

import pytest

from callvault.clients import own_containers
from callvault.config.settings import Settings
from callvault.contracts.events import FileStatusUpdated
from callvault.errors import InvalidRequest
from callvault.ingest.routes import Route, Routes

DOCUMENT = "d"
MEDIA = f"https://storage.asm.skype.com/v1/objects/{DOCUMENT}/content/video"
OWN = "https://contoso.blob.core.windows.net/own"
STORAGE = {
    "account": {"account_url": "https://contoso.blob.core.windows.net/"},
    "sas": {"sas_url": "env:SAS_URL"},
    "connection": {"connection_string": "env:CONNECTION"},
}


def settings(storage: dict[str, str], **resource: Any) -> Settings:
    """Two resources, of which one has recordings written to its own container."""
    common = {"endpoint": "https://acs.example", "credential": {"entra": True}, "archive": "main"}
    return Settings.model_validate(
        {
            "resources": {
                "plain": {**common, "topic": "/plain"},
                "own": {**common, "topic": "/own", "own_storage": "own", **resource},
            },
            "archives": {
                "main": {"kind": "directory", "path": "/never-written"},
                "own": {"kind": "azure_blob", "container": "own", **storage},
            },
        }
    )


def files(url: str, **chunk: str) -> FileStatusUpdated:
    """An event about one file."""
    chunks = [{"documentId": DOCUMENT, "contentLocation": url, **chunk}]
    return FileStatusUpdated.model_validate(
        {"eventTime": "2026-07-27T15:20:34Z", "serverCallId": "s", "chunks": chunks}
    )


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAS_URL", f"{OWN}?sv=2024&sig=c2VjcmV0")
    monkeypatch.setenv(
        "CONNECTION",
        "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=c2VjcmV0;"
        "EndpointSuffix=core.windows.net",
    )


@pytest.mark.parametrize("way_in", list(STORAGE))
def test_own_containers_are_known_by_their_url_without_a_secret(way_in: str) -> None:
    assert own_containers(settings(STORAGE[way_in])) == {"own": OWN}


def route(topic: str, **resource: Any) -> Route:
    known = settings(STORAGE["account"], **resource)
    found = Routes(known, own_containers(known)).of(topic)
    assert found is not None
    return found


def test_a_resource_is_found_by_its_topic_whatever_its_case() -> None:
    known = settings(STORAGE["account"])
    routes = Routes(known, own_containers(known))
    assert [getattr(routes.of(topic), "resource", None) for topic in ("/OWN", "/plain/", "/x")] == [
        "own",
        "plain",
        None,
    ]


def test_only_the_resources_own_container_may_hold_its_files_beside_the_service() -> None:
    mine, other = route("/own"), route("/plain")
    blob = "20260727/c/r/0-video.d.mp4"
    for each, announced in ((mine, f"{OWN}/{blob}"), (mine, MEDIA), (other, MEDIA)):
        assert each.without_foreign_urls(files(announced)) == files(announced)
    with pytest.raises(InvalidRequest, match="credentials must not go"):
        other.without_foreign_urls(files(f"{OWN}/{blob}"))
    for foreign in (f"{OWN}-not/{blob}", f"https://contoso.blob.core.windows.net/other/{blob}"):
        with pytest.raises(InvalidRequest, match="credentials must not go"):
            mine.without_foreign_urls(files(foreign))


@pytest.mark.parametrize(
    ("field", "url"),
    [
        ("metadataLocation", f"https://evil.example/v1/objects/{DOCUMENT}/content/acsmetadata"),
        ("metadataLocation", f"{OWN}/20260727/c/r/0-acsmetadata.{DOCUMENT}.json"),
        ("deleteLocation", f"https://evil.example/v1/objects/{DOCUMENT}"),
        ("deleteLocation", f"http://storage.asm.skype.com/v1/objects/{DOCUMENT}"),
    ],
)
def test_b3_a_foreign_url_beside_the_content_is_left_out_and_said_so(field: str, url: str) -> None:
    announced = files(MEDIA, **{field: url})
    left = route("/plain").without_foreign_urls(announced)
    assert left.chunks == files(MEDIA).chunks
    [note] = left.left_out
    assert note.startswith(f"{field} of {DOCUMENT}: a media URL ")
    assert (left.chunks_left_out, len(note) <= 200) == (0, True)


def test_b3_of_several_chunks_only_the_one_with_foreign_content_is_left_out() -> None:
    announced = files(MEDIA)
    [good] = announced.chunks
    bad = good.model_copy(update={"content_location": MEDIA.replace("storage.asm", "evil.asm.x")})
    left = route("/plain").without_foreign_urls(
        announced.model_copy(update={"chunks": (bad, good)})
    )
    assert (left.chunks, left.chunks_left_out, len(left.left_out)) == ((good,), 1, 1)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("no", None),
        ("mp4", ("audioVideo", "mixed", "mp4")),
        ("mp3", ("audio", "mixed", "mp3")),
        ("wav", ("audio", "mixed", "wav")),
        ("unmixed_wav", ("audio", "unmixed", "wav")),
    ],
)
def test_every_call_is_recorded_as_the_setting_says(
    setting: str, expected: tuple[str, str, str] | None
) -> None:
    found = route("/own", record_all_calls=setting)
    request = found.recording_request("s")
    assert found.records_all_calls == found.tracks_calls == (expected is not None)
    if expected is None:
        assert request is None
    else:
        assert request is not None
        assert request == found.recording_request("s"), "the same call twice is one request"
        said = request.model_dump(mode="json", by_alias=False)
        assert (
            said["recording_content_type"],
            said["recording_channel_type"],
            said["recording_format_type"],
        ) == expected
