"""Do alarms and announcements reach their webhooks, signed, and does a refusal say what to do?"""

import base64
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.webhooks import AnnouncementActivities, Webhook
from callvault.contracts.activity_io import AnnouncementInput
from callvault.contracts.alarms import Alarm, AlarmKind, Severity
from callvault.errors import AccessDenied, InvalidRequest, Unavailable

KEY = base64.b64encode(b"a shared secret").decode()
ALARM = Alarm(
    id="recording-1/1",
    kind=AlarmKind.LOST,
    severity=Severity.CRITICAL,
    at=datetime(2026, 3, 2, 12, tzinfo=UTC),
    what="chunk 0 is lost",
    workflow_id="recording-1",
    resource="default",
)


class Receiver(ThreadingHTTPServer):
    """A webhook that remembers what it got and answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = 204
        self.got: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?token=secret"

    @classmethod
    @contextmanager
    def answering(cls, status: int) -> Iterator["Receiver"]:
        """Run one that answers so."""
        with cls() as server:
            server.answer = status
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield server
            finally:
                server.shutdown()
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((dict(self.headers.items()), body))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.answering(204) as server:
        yield server


def webhook(url: str) -> Webhook:
    return Webhook(lambda: url, lambda: [f"whsec_{KEY}"], httpx.Client(trust_env=False))


def test_an_alarm_arrives_as_a_cloud_event_that_its_signature_proves(receiver: Receiver) -> None:
    webhook(receiver.url).send(ALARM)

    headers, body = receiver.got[0]
    event = json.loads(body)
    assert (event["specversion"], event["type"]) == ("1.0", "callvault.alarm.lost")
    assert event["data"]["what"] == "chunk 0 is lost"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    proof = hmac.new(b"a shared secret", signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(proof).decode()}"


@pytest.mark.parametrize(
    ("answer", "error"),
    [(503, Unavailable), (429, Unavailable), (401, AccessDenied), (404, InvalidRequest)],
)
def test_a_refusal_is_an_error_that_hides_the_address(
    receiver: Receiver, answer: int, error: type[Exception]
) -> None:
    receiver.answer = answer
    with pytest.raises(error) as refused:
        webhook(receiver.url).send(ALARM)
    assert "token" not in str(refused.value)


class OddReceiver:
    """A webhook that answers what a test wants, for as long as it is listened to."""

    def __init__(self, answer: Iterable[bytes]) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.sent = 0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/hook?token=secret"

    def _serve(self) -> None:
        with self._listener, self._listener.accept()[0] as connection, suppress(OSError):
            connection.recv(65_536)
            for piece in self._answer:
                connection.sendall(piece)
                self.sent += len(piece)


def dripping(every: float) -> Iterator[bytes]:
    """A head that never ends."""
    yield b"HTTP/1.1 200 OK\r\nX-A: "
    while True:
        time.sleep(every)
        yield b"a"


def endless(head: bytes) -> Iterator[bytes]:
    yield head
    while True:
        yield b"\x00" * 65_536


def test_a_webhook_that_drips_is_given_up_at_the_deadline() -> None:
    """B17: the deadline is for the whole exchange, and nothing is left running behind it."""
    receiver = OddReceiver(dripping(0.05))
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="alarm webhook did not answer within") as said:
        webhook(receiver.url).post({}, "1", timeout=0.4)
    assert time.monotonic() - begun < 2
    assert "token" not in str(said.value)
    receiver.thread.join(5)
    assert not receiver.thread.is_alive()
    assert "exchange" not in [thread.name for thread in threading.enumerate() if dies_not(thread)]


def dies_not(thread: threading.Thread) -> bool:
    if thread.name == "exchange":
        thread.join(5)
    return thread.is_alive()


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br", b"identity"])
def test_the_body_of_an_answer_is_neither_read_nor_inflated(encoding: bytes) -> None:
    """B17: a receiver that answers gibibytes costs no memory and no time."""
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: "
        + encoding
        + b"\r\nContent-Length: 9999999999\r\n\r\n"
    )
    receiver = OddReceiver(endless(head))
    assert webhook(receiver.url).post({}, "1", timeout=5) == 200
    receiver.thread.join(5)
    assert receiver.sent < 16 * 1024 * 1024


def test_an_endless_head_is_no_answer() -> None:
    """B17: neither its size nor its time is the receiver's choice."""
    receiver = OddReceiver(endless(b"HTTP/1.1 200 OK\r\nX-A: "))
    with pytest.raises(Unavailable, match="cannot be reached: RemoteProtocolError"):
        webhook(receiver.url).post({}, "1", timeout=5)


def test_a_name_that_is_not_resolved_in_time_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """B17: the deadline begins with the name."""
    told = threading.Event()

    def resolve(*_: object, **__: object) -> list[object]:
        told.wait(10)
        raise OSError("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(Unavailable, match="did not answer within"):
        webhook("http://hooks.example/").post({}, "1", timeout=0.2)
    told.set()


def test_an_address_that_is_none_is_refused_without_being_told() -> None:
    with pytest.raises(InvalidRequest, match="the URL of the alarm webhook is none") as refused:
        webhook("https://host:port/?token=secret").send(ALARM)
    assert "token" not in str(refused.value)


def test_a_webhook_that_is_away_is_tried_again_and_not_named() -> None:
    with pytest.raises(Unavailable) as refused:
        webhook("http://127.0.0.1:9/hook?token=secret").send(ALARM)
    assert "token" not in str(refused.value)


def told_by_hand(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `callvault alarms test`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CALLVAULT_", "TEMPORAL_"))}
    settings = {
        "ALARM_URL": url,
        "ALARM_SECRET": f"whsec_{KEY}",
        "CALLVAULT_ALARMS__WEBHOOK_URL": "env:ALARM_URL",
        "CALLVAULT_ALARMS__WEBHOOK_SECRET": "env:ALARM_SECRET",
    }
    command = [sys.executable, "-m", "callvault", "alarms", "test", *options]
    return subprocess.run(
        command, env=kept | settings, capture_output=True, text=True, check=False, timeout=60
    )


def test_an_alarm_sent_by_hand_arrives_signed_and_says_what_was_answered(
    receiver: Receiver,
) -> None:
    done = told_by_hand(receiver.url, "--severity", "critical")

    assert done.returncode == 0, done.stderr
    headers, body = receiver.got[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    proof = hmac.new(b"a shared secret", signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(proof).decode()}"
    event = json.loads(body)
    assert (event["type"], event["data"]["severity"]) == ("callvault.alarm.test", "critical")
    assert f"webhook env:ALARM_URL: {event['id']} taken, answered 204 (signed)" in done.stdout
    [line] = [text for text in done.stderr.splitlines() if "ALARM test: This is a test" in text]
    logged = json.loads(line)
    assert (logged["kind"], logged["severity"], logged["status"]) == ("test", "critical", "firing")
    assert logged["runbook_url"] == event["data"]["runbookUrl"]
    assert logged["runbook_url"].endswith("docs/operations.md#test")
    for secret in (KEY, "token=secret"):
        assert secret not in done.stdout + done.stderr


def test_an_alarm_sent_by_hand_that_nobody_takes_is_a_failure_with_its_reason(
    receiver: Receiver,
) -> None:
    receiver.answer = 401
    done = told_by_hand(receiver.url)
    assert done.returncode == 1
    assert "NOT taken (signed): the alarm webhook answered 401: check its URL" in done.stdout
    assert "token=secret" not in done.stdout + done.stderr


# Announcements.


ORDER = AnnouncementInput(
    id="recording-1/announcement/1",
    resource="default",
    server_call_id="call-1",
    workflow_id="recording-1",
    recording=1,
    requested_by="crm",
    consent_policy="all_parties",
    timeout=timedelta(seconds=5),
)


def announce(url: str | None) -> None:
    webhook = None
    if url is not None:
        http = httpx.Client(trust_env=False)
        webhook = Webhook(lambda: url, lambda: [KEY], http, what="announcement")
    activities = AnnouncementActivities({"default": webhook}.get)
    ActivityEnvironment().run(activities.announce_recording, ORDER)


def test_an_announcement_is_a_cloud_event_that_its_signature_proves(
    receiver: Receiver,
) -> None:
    announce(receiver.url)
    headers, body = receiver.got[0]
    event = json.loads(body)
    assert (event["type"], event["id"]) == ("callvault.recording.announced", ORDER.id)
    assert event["data"]["serverCallId"] == "call-1"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    proof = hmac.new(b"a shared secret", signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(proof).decode()}"


@pytest.mark.parametrize(("answer", "is_final"), [(404, True), (410, True), (503, False)])
def test_an_answer_that_is_not_2xx_is_no_leave_to_record(
    receiver: Receiver,
    answer: int,
    is_final: bool,
) -> None:
    receiver.answer = answer
    with pytest.raises(ApplicationError, match=f"announcement webhook answered {answer}") as said:
        announce(receiver.url)
    assert said.value.non_retryable is is_final
    assert "token" not in str(said.value)


def test_a_worker_that_knows_no_webhook_says_so_and_lets_nothing_begin() -> None:
    with pytest.raises(ApplicationError, match="no announcement_url on this worker") as said:
        announce(None)
    assert said.value.non_retryable
