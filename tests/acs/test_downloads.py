"""Parts of a file for many threads: asked, signed, followed and checked like any other download."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from callvault.acs.client import AcsClient, Timeouts
from callvault.acs.credentials import AccessKey
from callvault.acs.downloads import MAX_REDIRECTS, RangeReader
from callvault.errors import (
    AccessDenied,
    BrokenContent,
    CallvaultError,
    ContentMissing,
    NotReady,
    Throttled,
    Unavailable,
    UrlNotAllowed,
)
from tests.acs.service import KEY_TEXT, Answer, Seen, Service, serving

MEDIA = bytes(range(256)) * 40
SIZE = len(MEDIA)
PATH = "/v1/objects/0-eus-d1-0123456789abcdef/content/video"


@pytest.fixture
def relay() -> Iterator[Service]:
    """A second media host that the client may ask."""
    with serving() as service:
        yield service


@pytest.fixture
def reader(client: AcsClient, media: Service) -> Iterator[RangeReader]:
    media.decide = ranges
    with closing(client.ranged_content(media.url + PATH).reader()) as reader:
        yield reader


def ranges(seen: Seen) -> Answer:
    """Serve the part that was asked for."""
    if "range" not in seen.headers:
        return Answer(200, MEDIA, {"ETag": '"1"'})
    first, _, last = seen.headers["range"].removeprefix("bytes=").partition("-")
    end = min(int(last or SIZE), SIZE - 1)
    headers = {"Content-Range": f"bytes {first}-{end}/{SIZE}", "ETag": '"1"'}
    return Answer(206, MEDIA[int(first) : end + 1], headers)


def read(reader: RangeReader, offset: int, length: int | None) -> bytes:
    answer = reader.open(offset, length)
    body, buffer = b"", memoryview(bytearray(4_096))
    while came := answer.readinto(buffer):
        body += buffer[:came]
    return body


def test_parts_are_read_as_asked(reader: RangeReader) -> None:
    assert read(reader, 0, 100) == MEDIA[:100]
    assert read(reader, 5_000, 100) == MEDIA[5_000:5_100]
    assert read(reader, SIZE - 7, 100) == MEDIA[-7:]
    assert read(reader, 0, None) == MEDIA
    answer = reader.open(10, 20)
    assert (answer.offset, answer.length, answer.size, answer.etag) == (10, 20, SIZE, '"1"')


def test_an_answer_tells_when_the_file_was_changed_last(
    reader: RangeReader, media: Service
) -> None:
    changed = "Wed, 02 Feb 2022 12:07:29 GMT"
    media.decide = lambda seen: Answer(200, MEDIA, {"Last-Modified": changed})
    answer = reader.open(0, 100)
    assert (answer.etag, answer.last_modified) == (None, changed)


def test_every_request_is_signed_for_itself(
    reader: RangeReader, acs: Service, media: Service
) -> None:
    for offset in (0, 100):
        read(reader, offset, 100)
    assert [seen.headers["range"] for seen in media.seen] == ["bytes=0-99", "bytes=100-199"]
    for seen in media.seen:
        assert seen.is_signed_for(acs.host)
        assert seen.headers["x-ms-host"] == acs.host
        assert seen.headers["accept-encoding"] == "identity"


def test_ignored_range_shows(reader: RangeReader, media: Service) -> None:
    media.decide = lambda seen: Answer(200, MEDIA)
    answer = reader.open(100, 50)
    assert (answer.offset, answer.length, answer.size) == (0, SIZE, SIZE)


def test_redirect_is_signed_anew_and_checked(acs: Service, media: Service, relay: Service) -> None:
    media.answers = [Answer(302, headers={"Location": f"{relay.url}{PATH}"})]
    relay.decide = ranges
    hosts = [media.host, relay.host]
    with (
        AcsClient(acs.url, AccessKey(KEY_TEXT), content_hosts=hosts) as client,
        closing(client.ranged_content(media.url + PATH).reader()) as reader,
    ):
        assert read(reader, 5, 10) == MEDIA[5:15]
    (seen,) = relay.seen
    assert seen.target == PATH
    assert seen.is_signed_for(acs.host)


def test_nothing_is_sent_to_a_stranger(
    reader: RangeReader, client: AcsClient, media: Service, stranger: Service
) -> None:
    media.decide = lambda seen: Answer(302, headers={"Location": f"{stranger.url}/x"})
    with pytest.raises(UrlNotAllowed):
        reader.open(0, 1)
    with pytest.raises(UrlNotAllowed):
        client.ranged_content(stranger.url + PATH).reader().open(0, 1)
    assert stranger.seen == []


def test_redirects_come_to_an_end(reader: RangeReader, media: Service) -> None:
    media.decide = lambda seen: Answer(302, headers={"Location": PATH})
    with pytest.raises(Unavailable, match="redirects"):
        reader.open(0, 1)
    assert len(media.seen) == MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(200), NotReady),
        (Answer(416), NotReady),
        (Answer(401), AccessDenied),
        (Answer(404), ContentMissing),
        (Answer(410), ContentMissing),
        (Answer(429, headers={"Retry-After": "7"}), Throttled),
        (Answer(500), Unavailable),
        (Answer(200, b"<html>", {"Content-Type": "text/html"}), BrokenContent),
        (Answer(200, b"{}", {"Content-Type": "application/json"}), BrokenContent),
        (Answer(206, MEDIA[:5], {"Content-Range": f"bytes 1-5/{SIZE}"}), BrokenContent),
        (Answer(206, MEDIA[:5]), BrokenContent),
    ],
)
def test_what_is_not_the_part_is_refused(
    reader: RangeReader, media: Service, answer: Answer, expected: type[CallvaultError]
) -> None:
    media.decide = lambda seen: answer
    with pytest.raises(expected) as refused:
        reader.open(0, 5)
    assert type(refused.value) is expected


def test_part_that_is_cut_ends_early(reader: RangeReader, media: Service) -> None:
    headers = {"Content-Range": f"bytes 0-99/{SIZE}", "Content-Length": "100"}
    media.decide = lambda seen: Answer(206, MEDIA[:60], headers)
    assert read(reader, 0, 100) == MEDIA[:60]
    media.decide = ranges
    assert read(reader, 60, 40) == MEDIA[60:100]


def test_next_part_may_be_asked_for_before_the_last_was_read(reader: RangeReader) -> None:
    reader.open(0, SIZE)
    assert read(reader, 7, 3) == MEDIA[7:10]


def test_connection_that_the_server_closed_is_replaced(
    reader: RangeReader, client: AcsClient, media: Service
) -> None:
    read(reader, 0, 10)
    assert reader._connection is not None
    reader._connection.sock.shutdown(
        socket.SHUT_RDWR
    )  # what a server's time-out looks like from here
    assert read(reader, 10, 10) == MEDIA[10:20]


def test_service_that_is_away_is_unavailable(acs: Service) -> None:
    with serving() as gone:
        url = gone.url + PATH
    host = gone.host
    with AcsClient(acs.url, AccessKey(KEY_TEXT), content_hosts=[host]) as client:
        reader = client.ranged_content(url).reader()
        with pytest.raises(Unavailable, match="connection failed"):
            reader.open(0, 1)


def test_silence_ends_with_the_timeout(acs: Service, media: Service) -> None:
    hold = threading.Event()
    media.answers = [Answer(200, MEDIA, hold=hold)]
    timeouts = Timeouts(content=0.1)
    with AcsClient(
        acs.url, AccessKey(KEY_TEXT), content_hosts=[media.host], timeout=timeouts
    ) as client:
        reader = client.ranged_content(media.url + PATH).reader()
        try:
            with pytest.raises(Unavailable, match="in time"):
                read(reader, 0, None)
        finally:
            hold.set()
            reader.close()


def test_reading_thread_is_freed_by_abort(acs: Service, media: Service) -> None:
    hold = threading.Event()
    media.answers = [Answer(200, MEDIA, hold=hold)]
    with AcsClient(acs.url, AccessKey(KEY_TEXT), content_hosts=[media.host]) as client:
        reader = client.ranged_content(media.url + PATH).reader()
        threading.Timer(0.1, reader.abort).start()
        began = time.monotonic()
        try:
            assert len(read(reader, 0, None)) < SIZE
        except (Unavailable, BrokenContent):
            pass
        finally:
            hold.set()
            reader.close()
        assert time.monotonic() - began < 5
