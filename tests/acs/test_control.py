"""Start, state, pause, resume, stop: what goes over the wire and what comes back."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest

from callvault.acs.client import AcsClient, Timeouts
from callvault.acs.credentials import AccessKey
from callvault.acs.models import Repeatability, ServerCallLocator, StartRecording
from callvault.acs.routes import STABLE_VERSIONS
from callvault.contracts.media import ChannelType, ContentType, FormatType
from callvault.errors import (
    AlreadyRecording,
    CallvaultError,
    ConfigurationError,
    InvalidRequest,
    RecordingNotFound,
    Throttled,
    Unavailable,
)
from tests.acs.service import KEY_TEXT, Answer, Service, serving

PREVIEW = "2021-06-15-preview"
REPEATABILITY = Repeatability(
    request_id=UUID("11111111-2222-4333-8444-555555555555"),
    first_sent=datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
)
ORDER = StartRecording(
    call_locator=ServerCallLocator(server_call_id="aHR0cHM6Ly9jb252"),
    recording_state_callback_uri="https://callvault.example/callbacks",
)
STARTED = json.dumps(
    {
        "recordingId": "REC",
        "recordingState": "inactive",
        "recordingKind": "azureCommunicationServices",
    }
).encode()


@pytest.fixture
def preview(acs: Service) -> AcsClient:
    return AcsClient(acs.url, AccessKey(KEY_TEXT), api_version=PREVIEW)


def ask(verb: str, client: AcsClient) -> None:
    {"pause": client.pause, "resume": client.resume, "stop": client.stop}[verb]("REC", "CALL")


@pytest.mark.parametrize("status", [200, 202])
def test_start_sends_the_documented_request(acs: Service, client: AcsClient, status: int) -> None:
    acs.answers = [Answer(status, STARTED)]
    started = client.start(ORDER, REPEATABILITY)
    assert started.model_dump(by_alias=True) == json.loads(STARTED)
    (seen,) = acs.seen
    assert (seen.method, seen.target) == ("POST", "/calling/recordings?api-version=2026-03-12")
    assert json.loads(seen.body) == {
        "callLocator": {"kind": "serverCallLocator", "serverCallId": "aHR0cHM6Ly9jb252"},
        "recordingStateCallbackUri": "https://callvault.example/callbacks",
        "recordingContentType": "audioVideo",
        "recordingChannelType": "mixed",
        "recordingFormatType": "mp4",
        "pauseOnStart": False,
    }
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["repeatability-request-id"] == "11111111-2222-4333-8444-555555555555"
    assert seen.headers["repeatability-first-sent"] == "Tue, 02 Jan 2024 03:04:05 GMT"
    assert seen.is_signed_for(acs.host)
    assert "x-ms-host" not in seen.headers


def test_repeated_start_keeps_the_identity_its_caller_gave(acs: Service, client: AcsClient) -> None:
    acs.answers = [Answer(500), Answer(200, STARTED)]
    with pytest.raises(Unavailable):
        client.start(ORDER, REPEATABILITY)
    client.start(ORDER, REPEATABILITY)
    first, second = acs.seen
    for header in ("repeatability-request-id", "repeatability-first-sent"):
        assert first.headers[header] == second.headers[header]


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_pause_and_resume_are_posts_without_body(
    acs: Service, client: AcsClient, verb: str
) -> None:
    acs.answers = [Answer(202)]
    ask(verb, client)
    (seen,) = acs.seen
    assert seen.method == "POST"
    assert seen.target == f"/calling/recordings/REC:{verb}?api-version=2026-03-12"
    assert (seen.headers["content-length"], seen.body) == ("0", b"")
    assert "repeatability-request-id" not in seen.headers
    assert seen.is_signed_for(acs.host)


def test_stop_is_a_delete(acs: Service, client: AcsClient) -> None:
    acs.answers = [Answer(204)]
    client.stop("REC", "CALL")
    assert acs.seen[0].method == "DELETE"
    assert acs.seen[0].target == "/calling/recordings/REC?api-version=2026-03-12"


def test_state_is_read(acs: Service, client: AcsClient) -> None:
    acs.answers = [Answer(200, b'{"recordingId":"REC","recordingState":"active","new":1}')]
    state = client.get_state("REC", "CALL")
    assert (state.recording_id, state.recording_state, state.recording_kind) == (
        "REC",
        "active",
        None,
    )


@pytest.mark.parametrize("verb", ["pause", "resume", "stop"])
def test_what_is_over_is_reported_and_left_to_the_caller(
    acs: Service, client: AcsClient, verb: str
) -> None:
    acs.answers = [Answer(404, b'{"error":{"code":"8522","message":"Recording not found."}}')]
    with pytest.raises(RecordingNotFound, match=f"could not {verb} a recording"):
        ask(verb, client)


@pytest.mark.parametrize("verb", ["pause", "resume", "stop"])
def test_success_of_another_kind_confirms_nothing(
    acs: Service, client: AcsClient, verb: str
) -> None:
    """A captive portal's 200 must never pass for a pause that protects a card number."""
    acs.answers = [Answer(200, b"<html>Please log in</html>")]
    with pytest.raises(Unavailable, match="answered 200"):
        ask(verb, client)


def test_redirect_of_a_control_request_is_not_followed(
    acs: Service, client: AcsClient, stranger: Service
) -> None:
    acs.answers = [Answer(307, headers={"Location": f"{stranger.url}/calling"})]
    with pytest.raises(Unavailable, match="307"):
        client.pause("REC", "CALL")
    assert stranger.seen == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"recordingId":5}',
        b"[" * 60_000,
        b"{" + b" " * 99_999,
    ],
)
def test_start_answered_with_nonsense_is_worth_another_try(
    acs: Service, client: AcsClient, body: bytes
) -> None:
    acs.answers = [Answer(200, body)]
    with pytest.raises(Unavailable, match="not a recording's state"):
        client.start(ORDER, REPEATABILITY)


def test_client_never_repeats_a_request_by_itself(acs: Service, client: AcsClient) -> None:
    acs.answers = [Answer(429, headers={"Retry-After": "9"})]
    with pytest.raises(Throttled) as throttled:
        client.pause("REC", "CALL")
    assert throttled.value.retry_after is not None
    assert throttled.value.retry_after.total_seconds() == 9
    assert len(acs.seen) == 1


def test_second_recording_of_a_call_is_somebody_elses(acs: Service, client: AcsClient) -> None:
    acs.answers = [Answer(400, b'{"error":{"code":"8553","message":"Only one"}}')]
    with pytest.raises(AlreadyRecording, match="8553"):
        client.start(ORDER, REPEATABILITY)


def test_silence_ends_with_the_timeout(acs: Service) -> None:
    hold = threading.Event()
    acs.answers = [Answer(202, b"late", hold=hold)]
    timeout = Timeouts(control=0.1)
    with AcsClient(acs.url, AccessKey(KEY_TEXT), timeout=timeout) as client:
        try:
            with pytest.raises(Unavailable, match="in time"):
                client.pause("REC", "CALL")
        finally:
            hold.set()


def test_nobody_there_is_unavailable() -> None:
    with serving() as gone:
        pass
    with (
        AcsClient(gone.url, AccessKey(KEY_TEXT)) as client,
        pytest.raises(Unavailable, match="connection failed"),
    ):
        client.stop("REC", "CALL")


@pytest.mark.parametrize("recording_id", ["", ".", ".."])
def test_id_that_would_vanish_from_the_path_is_refused(
    acs: Service, client: AcsClient, recording_id: str
) -> None:
    calls: list[Callable[[str, str], object]] = [client.stop, client.pause, client.get_state]
    for call in calls:
        with pytest.raises(InvalidRequest, match="recordingId"):
            call(recording_id, "CALL")
    assert acs.seen == []


def test_one_client_serves_many_threads(acs: Service, client: AcsClient) -> None:
    acs.answers = [Answer(202)]
    failures: list[CallvaultError] = []

    def pause_often() -> None:
        try:
            for _ in range(10):
                client.pause("REC", "CALL")
        except CallvaultError as error:
            failures.append(error)

    threads = [threading.Thread(target=pause_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(acs.seen) == 80
    assert all(seen.is_signed_for(acs.host) for seen in acs.seen)


def test_no_cookie_is_kept(acs: Service, client: AcsClient) -> None:
    acs.answers = [Answer(202, headers={"Set-Cookie": "affinity=1; Path=/"})]
    client.pause("REC", "CALL")
    client.pause("REC", "CALL")
    assert "cookie" not in acs.seen[1].headers


def test_proxy_of_the_environment_is_not_asked_for_loopback(
    acs: Service, stranger: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", stranger.url)
    monkeypatch.setenv("ALL_PROXY", stranger.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    acs.answers = [Answer(202)]
    with AcsClient(acs.url, AccessKey(KEY_TEXT)) as client:
        client.pause("REC", "CALL")
    assert stranger.seen == []
    assert len(acs.seen) == 1


@pytest.mark.parametrize("version", STABLE_VERSIONS)
def test_every_stable_version_has_the_same_paths(acs: Service, version: str) -> None:
    acs.answers = [Answer(202)]
    with AcsClient(acs.url, AccessKey(KEY_TEXT), api_version=version) as client:
        client.pause("REC", "CALL")
    assert acs.seen[0].target == f"/calling/recordings/REC:pause?api-version={version}"


def test_unknown_api_version_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="2026-03-12"):
        AcsClient("https://c.communication.azure.com", AccessKey(KEY_TEXT), api_version="2026")


def test_preview_starts_under_its_call(acs: Service, preview: AcsClient) -> None:
    acs.answers = [Answer(200, b'{"recordingId":"REC"}')]
    with preview:
        started = preview.start(ORDER, REPEATABILITY)
    assert (started.recording_id, started.recording_state) == ("REC", "inactive")
    (seen,) = acs.seen
    assert seen.target == (
        "/calling/serverCalls/aHR0cHM6Ly9jb252/recordings?api-version=2021-06-15-preview"
    )
    assert json.loads(seen.body) == {
        "recordingStateCallbackUri": "https://callvault.example/callbacks"
    }
    assert seen.is_signed_for(acs.host)


def test_preview_addresses_a_recording_under_its_call(acs: Service, preview: AcsClient) -> None:
    acs.answers = [Answer(200, b'{"recordingState":"active"}'), Answer(200)]
    with preview:
        state = preview.get_state("REC", "a/b")
        preview.pause("REC", "a/b")
        preview.resume("REC", "a/b")
        preview.stop("REC", "a/b")
    assert (state.recording_id, state.recording_state) == ("REC", "active")
    base = "/calling/serverCalls/a%2Fb/recordings/REC"
    assert [(seen.method, seen.target.partition("?")[0]) for seen in acs.seen] == [
        ("GET", base),
        ("POST", f"{base}/:pause"),
        ("POST", f"{base}/:resume"),
        ("DELETE", base),
    ]
    assert all(seen.is_signed_for(acs.host) for seen in acs.seen)


@pytest.mark.parametrize(
    "order",
    [
        ORDER.model_copy(update={"pause_on_start": True}),
        StartRecording(
            call_locator=ORDER.call_locator,
            recording_content_type=ContentType.AUDIO,
            recording_channel_type=ChannelType.MIXED,
            recording_format_type=FormatType.MP3,
        ),
    ],
    ids=["pauseOnStart", "mp3"],
)
def test_preview_refuses_what_it_would_silently_ignore(
    acs: Service, preview: AcsClient, order: StartRecording
) -> None:
    with preview, pytest.raises(InvalidRequest, match=PREVIEW):
        preview.start(order, REPEATABILITY)
    assert acs.seen == []
