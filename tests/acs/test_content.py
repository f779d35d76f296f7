"""Downloads: which bytes come, from whom, and whether they are all there."""

import gzip
import threading
from collections.abc import Iterator

import pytest

from callvault.acs.client import MAX_METADATA, MAX_REDIRECTS, AcsClient, Timeouts
from callvault.acs.credentials import AccessKey
from callvault.errors import (
    BrokenContent,
    CallvaultError,
    ContentMissing,
    NotReady,
    Unavailable,
    UrlNotAllowed,
)
from tests.acs.service import KEY_TEXT, Answer, Seen, Service, serving

MEDIA = bytes(range(256)) * 40
SIZE = len(MEDIA)
OBJECT = "/v1/objects/0-eus-d1-0123456789abcdef0123456789abcdef"
PATH = f"{OBJECT}/content/video"
METADATA = f"{OBJECT}/content/acsmetadata"
BINARY = {"Content-Type": "application/octet-stream"}
CHUNKED = {"Transfer-Encoding": "chunked", "Content-Length": ""}


@pytest.fixture
def relay() -> Iterator[Service]:
    """A second media host that the client may ask."""
    with serving() as service:
        yield service


@pytest.fixture
def travelled(acs: Service, media: Service, relay: Service) -> Iterator[AcsClient]:
    hosts = [media.host, relay.host]
    with AcsClient(acs.url, AccessKey(KEY_TEXT), content_hosts=hosts) as client:
        yield client


def part(first: int, last: int, status: int = 206, size: int | str = SIZE) -> Answer:
    headers = BINARY | {"Content-Range": f"bytes {first}-{last}/{size}"}
    return Answer(status, MEDIA[first : last + 1], headers)


def download(client: AcsClient, url: str, *, offset: int = 0, length: int | None = None) -> bytes:
    with client.open_content(url, offset=offset, length=length) as content:
        return b"".join(content.iter_bytes(1_000))


def test_whole_file_is_streamed_with_what_is_known_of_it(
    acs: Service, media: Service, client: AcsClient
) -> None:
    headers = BINARY | {"ETag": '"v1"', "Last-Modified": "Wed, 02 Feb 2022 12:07:29 GMT"}
    media.answers = [Answer(200, MEDIA, headers)]
    with client.open_content(media.url + PATH) as content:
        pieces = list(content.iter_bytes(1_000))
    assert b"".join(pieces) == MEDIA
    assert {len(piece) for piece in pieces[:-1]} == {1_000}
    assert (content.size, content.offset, content.length) == (SIZE, 0, SIZE)
    assert (content.etag, content.content_type) == ('"v1"', "application/octet-stream")
    assert content.headers["Last-Modified"] == "Wed, 02 Feb 2022 12:07:29 GMT"
    (seen,) = media.seen
    assert "range" not in seen.headers
    assert seen.headers["accept-encoding"] == "identity"
    assert (seen.headers["x-ms-host"], seen.headers["host"]) == (acs.host, media.host)
    assert seen.target == PATH
    assert seen.is_signed_for(acs.host)
    assert not seen.is_signed_for(media.host)


@pytest.mark.parametrize(
    ("offset", "length", "header", "answer"),
    [
        (0, 100, "bytes=0-99", part(0, 99)),
        (100, 50, "bytes=100-149", part(100, 149)),
        (100, None, "bytes=100-", part(100, SIZE - 1)),
        (SIZE - 5, 50, f"bytes={SIZE - 5}-{SIZE + 44}", part(SIZE - 5, SIZE - 1)),
        (0, 2 * SIZE, f"bytes=0-{2 * SIZE - 1}", part(0, SIZE - 1)),
        (100, 50, "bytes=100-149", part(100, 149, status=200)),
        (100, 50, "bytes=100-149", part(100, 149, size="*")),
    ],
)
def test_part_of_a_file_is_served_as_asked(
    media: Service,
    client: AcsClient,
    offset: int,
    length: int | None,
    header: str,
    answer: Answer,
) -> None:
    media.answers = [answer]
    with client.open_content(media.url + PATH, offset=offset, length=length) as content:
        body = b"".join(content.iter_bytes())
    end = SIZE if length is None else offset + length
    assert body == MEDIA[offset:end]
    assert (content.offset, content.length) == (offset, len(body))
    assert content.size in {SIZE, None}
    assert media.seen[0].headers["range"] == header


@pytest.mark.parametrize("status", [200, 206])
def test_whole_file_may_come_with_a_content_range(
    media: Service, client: AcsClient, status: int
) -> None:
    media.answers = [part(0, SIZE - 1, status)]
    assert download(client, media.url + PATH) == MEDIA


@pytest.mark.parametrize("answer", [Answer(200, MEDIA), part(0, SIZE - 1, 200)])
def test_ignored_range_shows(media: Service, client: AcsClient, answer: Answer) -> None:
    media.answers = [answer]
    with client.open_content(media.url + PATH, offset=100, length=50) as content:
        assert (content.offset, content.length, content.size) == (0, SIZE, SIZE)


@pytest.mark.parametrize(
    "answer",
    [
        part(101, 150),
        part(100, 148),
        part(100, 150),
        part(100, 149, size=140),
        part(100, 149, size=120),
        Answer(206, MEDIA[100:150], BINARY),
        Answer(206, MEDIA[100:150], {"Content-Range": "bytes=100-149/10240"}),
        Answer(206, MEDIA[100:150], {"Content-Range": "items 100-149/10240"}),
        Answer(206, MEDIA[100:149], {"Content-Range": f"bytes 100-149/{SIZE}"}),
        Answer(206, b"", {"Content-Range": f"bytes 149-100/{SIZE}"}),
        Answer(200, MEDIA[:50], {"Content-Range": f"bytes 0-49/{SIZE}"}),
    ],
)
def test_other_part_than_asked_for_is_refused(
    media: Service, client: AcsClient, answer: Answer
) -> None:
    media.answers = [answer]
    with (
        pytest.raises(BrokenContent),
        client.open_content(media.url + PATH, offset=100, length=50),
    ):
        pass


@pytest.mark.parametrize("status", [200, 206])
def test_part_in_place_of_the_whole_is_refused(
    media: Service, client: AcsClient, status: int
) -> None:
    media.answers = [part(0, 99, status)]
    with pytest.raises(BrokenContent, match=f"announces 100 from 0 of {SIZE}"):
        download(client, media.url + PATH)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(200), NotReady),
        (Answer(200, headers=CHUNKED, body=b"0\r\n\r\n"), NotReady),
        (Answer(416), NotReady),
        (Answer(416, headers={"Content-Range": "bytes */0"}), NotReady),
        (Answer(416, headers={"Content-Range": "bytes */9"}), BrokenContent),
        (Answer(204), Unavailable),
        (Answer(400, b"<!DOCTYPE html><h1>Bad Request</h1>"), BrokenContent),
        (Answer(404), ContentMissing),
        (Answer(410), ContentMissing),
        (Answer(503), Unavailable),
        (Answer(200, b"<html>", {"Content-Type": "text/html; charset=utf-8"}), BrokenContent),
        (Answer(200, b"<html>", {"Content-Type": "Application/XHTML+xml"}), BrokenContent),
        (Answer(200, b"{}", {"Content-Type": "application/json"}), BrokenContent),
        (Answer(200, b"{}", {"Content-Type": "application/problem+json"}), BrokenContent),
        (Answer(200, b"<a/>", {"Content-Type": "application/xml"}), BrokenContent),
        (Answer(200, gzip.compress(MEDIA), {"Content-Encoding": "gzip"}), BrokenContent),
        (Answer(200, MEDIA, {"Content-Length": ""}), BrokenContent),
    ],
)
def test_what_is_not_the_file_is_refused(
    media: Service, client: AcsClient, answer: Answer, expected: type[CallvaultError]
) -> None:
    media.answers = [answer]
    with pytest.raises(expected) as refused:
        download(client, media.url + PATH)
    assert type(refused.value) is expected


def test_empty_file_is_refused_before_it_is_read(media: Service, client: AcsClient) -> None:
    media.answers = [Answer(200)]
    with pytest.raises(NotReady), client.open_content(media.url + PATH, offset=5):
        pass


def test_file_of_unknown_size_ends_where_the_service_says(
    media: Service, client: AcsClient
) -> None:
    media.answers = [Answer(200, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", CHUNKED)]
    with client.open_content(media.url + PATH) as content:
        assert content.size is None
        assert b"".join(content.iter_bytes()) == b"abcde"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, MEDIA[:-1], {"Content-Length": str(SIZE)}),
        Answer(200, b"3\r\nabc\r\n", CHUNKED),
        Answer(206, b"3\r\nabc\r\n0\r\n\r\n", CHUNKED | {"Content-Range": "bytes 0-3/4"}),
    ],
)
def test_file_cut_on_the_way_is_broken(media: Service, client: AcsClient, answer: Answer) -> None:
    media.answers = [answer]
    with pytest.raises(BrokenContent):
        download(client, media.url + PATH)


def test_more_bytes_than_announced_are_broken(media: Service, client: AcsClient) -> None:
    answer = Answer(206, b"6\r\nabcdef\r\n0\r\n\r\n", CHUNKED | {"Content-Range": "bytes 0-3/4"})
    media.answers = [answer]
    with pytest.raises(BrokenContent, match="more than the announced 4"):
        download(client, media.url + PATH)


def test_stall_in_the_middle_of_a_file_ends_with_the_timeout(acs: Service, media: Service) -> None:
    hold = threading.Event()
    media.answers = [Answer(200, MEDIA, hold=hold)]
    client = AcsClient(
        acs.url,
        AccessKey(KEY_TEXT),
        content_hosts=[media.host],
        timeout=Timeouts(content=0.1),
    )
    try:
        with client, pytest.raises(Unavailable, match="in time"):
            download(client, media.url + PATH)
    finally:
        hold.set()


def test_client_goes_on_after_a_download_was_given_up(media: Service, client: AcsClient) -> None:
    media.answers = [Answer(200, MEDIA)]
    for _ in range(3):
        with client.open_content(media.url + PATH) as content:
            next(content.iter_bytes(10))
    assert download(client, media.url + PATH) == MEDIA


def test_error_of_the_reader_passes_through(media: Service, client: AcsClient) -> None:
    media.answers = [Answer(200, MEDIA)]
    with pytest.raises(ZeroDivisionError), client.open_content(media.url + PATH):
        raise ZeroDivisionError


@pytest.mark.parametrize(("offset", "length"), [(-1, None), (0, 0), (0, -5)])
def test_impossible_range_is_a_mistake_of_the_caller(
    media: Service, client: AcsClient, offset: int, length: int | None
) -> None:
    with pytest.raises(ValueError, match="no such range"):
        download(client, media.url + PATH, offset=offset, length=length)
    assert media.seen == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_followed_and_signed_anew(
    acs: Service, media: Service, relay: Service, travelled: AcsClient, status: int
) -> None:
    media.answers = [Answer(status, headers={"Location": f"{relay.url}{PATH}"})]
    relay.answers = [part(100, 149)]
    body = download(travelled, media.url + PATH, offset=100, length=50)
    assert body == MEDIA[100:150]
    (seen,) = relay.seen
    assert seen.target == PATH
    assert (seen.headers["host"], seen.headers["x-ms-host"]) == (relay.host, acs.host)
    assert seen.headers["range"] == "bytes=100-149"
    assert seen.is_signed_for(acs.host)


def test_redirect_within_a_host_may_be_relative(media: Service, client: AcsClient) -> None:
    media.answers = [Answer(302, headers={"Location": "thumbnail"}), Answer(200, MEDIA)]
    assert download(client, media.url + PATH) == MEDIA
    assert media.seen[1].target == PATH.replace("/video", "/thumbnail")


@pytest.mark.parametrize("location", ["{url}/x", "//{host}/x", "http://{media}@{host}/x"])
def test_redirect_to_a_stranger_is_not_followed(
    media: Service, stranger: Service, client: AcsClient, location: str
) -> None:
    target = location.format(url=stranger.url, host=stranger.host, media=media.host)
    media.answers = [Answer(302, headers={"Location": target})]
    with pytest.raises(UrlNotAllowed):
        download(client, media.url + PATH)
    with pytest.raises(UrlNotAllowed):
        client.delete_content(media.url + OBJECT)
    assert stranger.seen == []


def test_redirects_in_circles_come_to_an_end(media: Service, client: AcsClient) -> None:
    media.answers = [Answer(302, headers={"Location": PATH})]
    with pytest.raises(Unavailable, match="redirects"):
        download(client, media.url + PATH)
    assert len(media.seen) == MAX_REDIRECTS + 1


def test_last_permitted_redirect_still_arrives(media: Service, client: AcsClient) -> None:
    again = [Answer(302, headers={"Location": PATH}) for _ in range(MAX_REDIRECTS)]
    media.answers = [*again, Answer(200, MEDIA)]
    assert download(client, media.url + PATH) == MEDIA


def test_metadata_is_read_whole_even_when_it_says_that_it_is_json(
    media: Service, client: AcsClient
) -> None:
    media.answers = [Answer(200, b'{"a":1}', {"Content-Type": "application/json"})]
    assert client.read_metadata(media.url + METADATA) == b'{"a":1}'


@pytest.mark.parametrize("size", [MAX_METADATA + 1, 3 * MAX_METADATA])
def test_metadata_is_bounded(media: Service, client: AcsClient, size: int) -> None:
    media.answers = [Answer(200, b"x" * size)]
    with pytest.raises(BrokenContent, match="metadata file exceeds"):
        client.read_metadata(media.url + METADATA)


def test_html_in_place_of_metadata_is_refused(media: Service, client: AcsClient) -> None:
    media.answers = [Answer(200, b"<html>", {"Content-Type": "text/html"})]
    with pytest.raises(BrokenContent):
        client.read_metadata(media.url + METADATA)


def test_delete_is_signed_and_follows_redirects(
    acs: Service, media: Service, relay: Service, travelled: AcsClient
) -> None:
    media.answers = [Answer(307, headers={"Location": f"{relay.url}/v1/objects/0"})]
    relay.answers = [Answer(200)]
    travelled.delete_content(f"{media.url}/v1/objects/0")
    assert relay.seen[0].method == "DELETE"
    assert relay.seen[0].is_signed_for(acs.host)


@pytest.mark.parametrize(
    ("status", "expected"), [(404, ContentMissing), (500, Unavailable), (206, CallvaultError)]
)
def test_delete_that_was_not_done_says_so(
    media: Service, client: AcsClient, status: int, expected: type[CallvaultError]
) -> None:
    media.answers = [Answer(status)]
    with pytest.raises(expected, match="could not delete"):
        client.delete_content(f"{media.url}/v1/objects/0")


def test_content_of_the_resource_itself_needs_no_permission(
    acs: Service, client: AcsClient
) -> None:
    acs.decide = lambda seen: Answer(200, MEDIA) if isinstance(seen, Seen) else Answer(500)
    assert download(client, f"{acs.url}/recording/download/0") == MEDIA


_DIGITS = "9" * 5_000


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (206, {"Content-Range": f"bytes 0-99/{_DIGITS}"}),
        (206, {"Content-Range": f"bytes 0-{_DIGITS}/*"}),
        (206, {"Content-Range": f"bytes {_DIGITS}-{_DIGITS}/{_DIGITS}"}),
        (200, {"Content-Length": _DIGITS}),
        (200, {"Content-Length": "9" * 20}),
        (416, {"Content-Range": f"bytes */{_DIGITS}"}),
    ],
)
def test_b20_a_number_of_any_length_in_a_head_is_one_of_our_errors(
    status: int, headers: dict[str, str], media: Service, client: AcsClient
) -> None:
    media.answers = [Answer(status, MEDIA[:100], BINARY | headers)]
    with pytest.raises((BrokenContent, NotReady, Unavailable)):
        download(client, media.url + PATH, offset=0, length=100)
