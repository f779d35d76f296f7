"""Does an error of ACS say what a person has to mend?"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta, tzinfo
from typing import Any

import httpx
import pytest

from callvault.acs.client import AcsClient, Timeouts
from callvault.acs.credentials import AccessKey, parse_connection_string
from callvault.acs.errors import Operation, connection_failed
from callvault.causes import Cause
from callvault.emulator.server import RunningEmulator, running
from callvault.errors import AccessDenied, CallvaultError, Unavailable
from tests.acs.service import KEY_TEXT, Answer, Service, serving

IMPATIENT = Timeouts(connect=0.3, control=0.3, content=0.3)


class Ahead(datetime):
    """A machine's clock that is ten minutes ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(minutes=10)


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with running() as emulator:
        yield emulator


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Any], None]]:
    """Return a function that makes the system's resolver fail, or wait, for one host."""
    resolve, over = socket.getaddrinfo, threading.Event()
    answers: dict[str, Any] = {}

    def getaddrinfo(host: str, *arguments: Any, **options: Any) -> Any:
        if host not in answers:
            return resolve(host, *arguments, **options)
        if answers[host] is None:
            over.wait()
        raise answers[host] or socket.gaierror("gone")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield answers.__setitem__
    over.set()


def cause(endpoint: str, key: AccessKey, expected: type[CallvaultError] = Unavailable) -> Any:
    """Ask for a pause, and return why it fails."""
    with (
        AcsClient(endpoint, key, timeout=IMPATIENT) as client,
        pytest.raises(expected) as caught,
    ):
        client.pause("recording", "call")
    return caught.value.cause


def test_a_dead_key_is_told_from_all_else(emulator: RunningEmulator) -> None:
    endpoint, _ = parse_connection_string(emulator.connection_string)
    assert cause(endpoint, AccessKey(KEY_TEXT), AccessDenied) == Cause.KEY


def test_a_dead_key_stays_the_cause_where_the_clock_is_wrong_too(
    emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request was signed with ACS's own time, and refused all the same."""
    endpoint, _ = parse_connection_string(emulator.connection_string)
    monkeypatch.setattr("callvault.acs.credentials.datetime", Ahead)
    assert cause(endpoint, AccessKey(KEY_TEXT), AccessDenied) == Cause.KEY


def test_a_wrong_clock_is_told_where_a_download_is_refused_for_it(
    emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, key = parse_connection_string(emulator.connection_string)
    monkeypatch.setattr("callvault.acs.credentials.datetime", Ahead)
    with AcsClient(endpoint, key) as client:
        content = client.ranged_content(f"{endpoint}/v1/objects/0-eus-d1-1/content/video")
        with closing(content.reader()) as reader, pytest.raises(AccessDenied) as caught:
            reader.open(0, 10)
    assert caught.value.cause == Cause.CLOCK


def test_a_name_service_that_hangs_is_told_from_a_service_that_is_away(
    resolver: Callable[[str, Any], None],
) -> None:
    resolver("contoso.communication.azure.com", None)
    endpoint = "https://contoso.communication.azure.com"
    assert cause(endpoint, AccessKey(KEY_TEXT)) == Cause.NAME_SERVICE


def test_a_download_waits_for_a_name_no_longer_than_for_a_connection(
    resolver: Callable[[str, Any], None],
) -> None:
    resolver("contoso.communication.azure.com", None)
    endpoint = "https://contoso.communication.azure.com"
    with AcsClient(endpoint, AccessKey(KEY_TEXT), timeout=IMPATIENT) as client:
        content = client.ranged_content(f"{endpoint}/v1/objects/0-eus-d1-1/content/video")
        began = time.monotonic()
        with closing(content.reader()) as reader, pytest.raises(Unavailable) as caught:
            reader.open(0, 10)
    assert time.monotonic() - began < 5
    assert caught.value.cause == Cause.NAME_SERVICE


def test_a_resource_whose_name_service_hangs_keeps_no_other_one_waiting(
    resolver: Callable[[str, Any], None], emulator: RunningEmulator
) -> None:
    """Many threads ask for it; the pause of another resource goes through at once."""
    resolver("contoso.communication.azure.com", None)
    endpoint, key = parse_connection_string(emulator.connection_string)
    with ThreadPoolExecutor(20) as threads, AcsClient(endpoint, key) as healthy:
        hanging = [
            threads.submit(cause, "https://contoso.communication.azure.com", AccessKey(KEY_TEXT))
            for _ in range(20)
        ]
        began = time.monotonic()
        with pytest.raises(CallvaultError) as caught:
            healthy.pause("recording", "call")
        assert caught.value.cause == Cause.REFUSED
        assert time.monotonic() - began < 2
        assert {each.result() for each in hanging} == {Cause.NAME_SERVICE}
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("number", "expected"),
    [(socket.EAI_AGAIN, Cause.NAME_SERVICE), (socket.EAI_NONAME, Cause.ENDPOINT)],
)
def test_a_resource_that_was_renamed_is_told_from_a_name_service_that_fails(
    resolver: Callable[[str, Any], None], number: int, expected: Cause
) -> None:
    resolver("renamed.communication.azure.com", socket.gaierror(number, "the resolver's words"))
    endpoint = "https://renamed.communication.azure.com"
    assert cause(endpoint, AccessKey(KEY_TEXT)) == expected


def test_a_port_where_nobody_listens_is_unreachable() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{bound.getsockname()[1]}"
        assert cause(endpoint, AccessKey(KEY_TEXT)) == Cause.UNREACHABLE


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as service:
        yield service


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (500, b"", Cause.SERVICE),
        (429, b"", Cause.THROTTLED),
        (400, b'{"error":{"code":"8583","message":"no"}}', Cause.REFUSED),
        (404, b"<html>no such site</html>", Cause.ENDPOINT),
        (404, b'{"error":{"code":"8522","message":"gone"}}', Cause.REFUSED),
    ],
)
def test_each_answer_has_its_cause(
    service: Service, status: int, body: bytes, expected: Cause
) -> None:
    service.answers = [Answer(status, body)]
    assert cause(service.url, AccessKey(KEY_TEXT), CallvaultError) == expected


def test_a_service_that_takes_a_request_and_answers_nothing_is_told() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert cause(endpoint, AccessKey(KEY_TEXT)) == Cause.NO_ANSWER


def test_a_host_that_takes_no_connection_in_time_is_unreachable() -> None:
    late = connection_failed(httpx.ConnectTimeout("late"), Operation("pause", "recording"))
    assert late.cause == Cause.UNREACHABLE
