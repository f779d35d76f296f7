"""Files on two hosts, behind redirects, and in ranges."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings
from tests.emulator.signing import signed_headers
from tests.emulator.stage import Acs, StagedCall

WAV = {"recordingContentType": "audio", "recordingFormatType": "wav"}


@pytest.fixture(scope="module")
def faulty(http: httpx.Client) -> Iterator[Acs]:
    with running() as emulator:
        yield Acs(emulator, http)


@pytest.fixture
def own(faulty: Acs) -> Iterator[Acs]:
    """An emulator whose behaviours a test may change."""
    yield faulty
    usual = EmulatorSettings().behaviours.model_dump(mode="json")
    behave(faulty, **usual)


def behave(acs: Acs, **behaviours: Any) -> None:
    answer = acs.http.post(f"{acs.emulator.control}/behaviours", json=behaviours)
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def call(faulty: Acs) -> StagedCall:
    call = StagedCall(faulty)
    recording = call.is_recorded(**WAV)
    call.lasts(1)
    faulty.stop(recording)
    call.rendered()
    return call


def location(call: StagedCall) -> str:
    chunk: dict[str, Any] = call.truth()["recordings"][0]["chunks"][0]
    return str(chunk["contentLocation"])


def fetch(acs: Acs, url: str, **headers: str) -> httpx.Response:
    """Sign for the ACS host, though another host is asked."""
    path = "/" + url.split("/", 3)[3]
    signed = signed_headers(acs.key, "GET", path, acs.host) | {"x-ms-host": acs.host}
    return acs.http.get(url, headers=signed | headers, follow_redirects=False)


def test_files_can_be_on_a_host_of_their_own(own: Acs, call: StagedCall) -> None:
    here = location(call)
    behave(own, content_host="other")
    there = location(call)
    assert here.startswith(own.emulator.endpoint)
    assert there.startswith(own.emulator.content_endpoint)
    assert fetch(own, there).content == fetch(own, here).content


@pytest.mark.parametrize("host", ["same", "other"])
def test_the_named_host_redirects_to_the_other(own: Acs, call: StagedCall, host: str) -> None:
    behave(own, content_host=host, content_redirect=True)
    redirected = fetch(own, location(call))
    assert (redirected.status_code, redirected.content) == (302, b"")
    target = redirected.headers["location"]
    assert not target.startswith(location(call).partition("/v1")[0])
    answer = fetch(own, target, Range="bytes=0-9")
    assert (answer.status_code, len(answer.content)) == (206, 10)


def test_a_range_can_be_answered_with_200(own: Acs, call: StagedCall) -> None:
    behave(own, range_status="200")
    answer = fetch(own, location(call), Range="bytes=10-19")
    assert (answer.status_code, len(answer.content)) == (200, 10)
    assert answer.headers["content-range"].startswith("bytes 10-19/")


@pytest.mark.parametrize(
    "header",
    ["bytes=None", "bytes=--5", "bytes=9-5", "bytes=-", "lines=1-2", "bytes=0-1,4-5", "bytes=1e3-"],
)
def test_a_range_that_makes_no_sense_is_ignored(own: Acs, call: StagedCall, header: str) -> None:
    whole = fetch(own, location(call))
    answer = fetch(own, location(call), Range=header)
    assert (answer.status_code, answer.content) == (200, whole.content)


@pytest.mark.parametrize("header", ["bytes=-0", "bytes=99999999-", "bytes=99999999-99999999"])
def test_a_range_without_a_byte_is_416(own: Acs, call: StagedCall, header: str) -> None:
    assert fetch(own, location(call), Range=header).status_code == 416


def test_a_range_is_for_the_file_that_it_names(own: Acs, call: StagedCall) -> None:
    whole = fetch(own, location(call))
    tag = whole.headers["etag"]
    wanted = {"Range": "bytes=-5"}
    assert fetch(own, location(call), **wanted, **{"If-Range": tag}).content == whole.content[-5:]
    assert fetch(own, location(call), **wanted, **{"If-Range": '"x"'}).status_code == 200


def test_a_401_can_have_a_body(own: Acs, call: StagedCall) -> None:
    assert own.http.get(location(call)).content == b""
    behave(own, content_unauthorized="json")
    assert own.http.get(location(call)).json()["status"] == 401
