"""No signature for anything but a file of the announced document (fault B3)."""

from collections.abc import Callable
from contextlib import closing

import httpx
import pytest

from callvault.acs.client import AcsClient
from callvault.acs.credentials import AccessKey
from callvault.errors import UrlNotAllowed
from tests.acs.service import KEY_TEXT, Answer, Service

OBJECT = "/v1/objects/0-eus-d1-83e9599991e21ad21220427d78fbf558"
CONTENT = f"{OBJECT}/content/video"
METADATA = f"{OBJECT}/content/acsmetadata"
VICTIM = "/calling/recordings/eyJQbGF0Zm9ybSI6InZpY3RpbSJ9"

TRICKS = [
    "",
    "/",
    VICTIM,
    f"{VICTIM}:pause",
    f"{OBJECT}/../../..{VICTIM}",
    f"{OBJECT}/%2e%2e/%2e%2e/%2e%2e{VICTIM}",
    f"{VICTIM}/../../..{OBJECT}",
    f"{OBJECT}%2f..%2f..%2f..{VICTIM}",
    f"{VICTIM}?{OBJECT}",
    f"{VICTIM}#{OBJECT}",
    f"{VICTIM};{OBJECT}",
    f"{VICTIM}\\..\\..\\..{OBJECT}",
    f"/{OBJECT}",
    f"{OBJECT}/",
    f"{OBJECT}?x=1",
    f"{OBJECT}?",
    f"{OBJECT}#x",
    f"{OBJECT}#",
    f"{OBJECT};x",
    f"{OBJECT}\n",
    f"{OBJECT} ",
    f"{OBJECT}%00",
    f"{OBJECT}/permissions",
    f"{OBJECT}/content",
    f"{OBJECT}/content/",
    f"{OBJECT}/content//video",
    f"{OBJECT}/content/video/x",
    f"{OBJECT}/content/video?api-version=2026-03-12",
    f"{OBJECT}/content/../content/video",
    f"{OBJECT}/content/%76ideo",
    f"{OBJECT}/CONTENT/video",
    "/v1/Objects/0/content/video",
    "/V1/objects/0/content/video",
    "/objects/0/content/video",
    "/v1/objects/../content/video",
    "/v1/objects/./content/video",
    "/v1/objects//content/video",
    "/x/v1/objects/0/content/video",
    "/v1/objects/0\u00e9/content/video",
    "/recording/download/",
    "/recording/download/0/x",
    "/recording/download/0/metadata/x",
    "/recording/download/../0",
]

Ask = Callable[[AcsClient, str], object]


def download(client: AcsClient, url: str) -> None:
    with client.open_content(url) as content:
        b"".join(content.iter_bytes())


def download_in_parts(client: AcsClient, url: str) -> None:
    with closing(client.ranged_content(url).reader()) as reader:
        reader.open(0, 1)


def read_metadata(client: AcsClient, url: str) -> None:
    client.read_metadata(url)


def delete(client: AcsClient, url: str) -> None:
    client.delete_content(url)


ASKS: list[tuple[Ask, str]] = [
    (download, CONTENT),
    (download_in_parts, CONTENT),
    (read_metadata, METADATA),
    (delete, OBJECT),
]


@pytest.mark.parametrize("path", TRICKS)
@pytest.mark.parametrize(("ask", "right"), ASKS)
def test_b3_nothing_is_signed_for_a_path_that_is_not_of_media(
    media: Service, client: AcsClient, ask: Ask, right: str, path: str
) -> None:
    for host in (media.url, media.url.replace("http://", "http://user:pw@")):
        with pytest.raises(UrlNotAllowed):
            ask(client, host + path)
    assert media.seen == []


@pytest.mark.parametrize(("ask", "right"), ASKS)
def test_b3_each_request_has_its_own_kind_of_path(
    media: Service, client: AcsClient, ask: Ask, right: str
) -> None:
    for other in {CONTENT, METADATA, OBJECT} - {right}:
        with pytest.raises(UrlNotAllowed):
            ask(client, media.url + other)
    assert media.seen == []


@pytest.mark.parametrize(("ask", "right"), ASKS)
@pytest.mark.parametrize(
    "location",
    [
        "{acs}" + VICTIM,
        "{acs}" + VICTIM + "?api-version=2026-03-12",
        VICTIM,
        "../../../.." + VICTIM,
        "/v1/objects/another-document",
        "/v1/objects/another-document/content/video",
        "/v1/objects/another-document/content/acsmetadata",
        "?x=1",
        OBJECT + "?x",
        CONTENT + "?x",
        METADATA + "?x",
    ],
)
def test_b3_a_redirect_leads_to_the_same_document_or_nowhere(
    acs: Service, media: Service, client: AcsClient, ask: Ask, right: str, location: str
) -> None:
    media.answers = [Answer(307, headers={"Location": location.format(acs=acs.url)})]
    with pytest.raises(UrlNotAllowed):
        ask(client, media.url + right)
    assert (len(media.seen), acs.seen) == (1, [])


@pytest.mark.parametrize(
    "path",
    [
        CONTENT,
        f"{OBJECT}/content/audio",
        f"{OBJECT}/content/audiomp3",
        f"{OBJECT}/views/video",
        "/recording/download/0-eus-d1",
    ],
)
def test_every_documented_form_of_a_content_url_is_asked(
    media: Service, client: AcsClient, path: str
) -> None:
    media.answers = [Answer(200, b"media")]
    download(client, media.url + path)
    download_in_parts(client, media.url + path)
    assert [seen.target for seen in media.seen] == [path, path]


def test_the_previews_metadata_is_asked(media: Service, client: AcsClient) -> None:
    media.answers = [Answer(200, b"{}")]
    client.read_metadata(f"{media.url}/recording/download/0-eus-d1/metadata")
    assert len(media.seen) == 1


def test_b3_the_refusal_names_the_path_and_no_query() -> None:
    with (
        AcsClient("https://contoso.communication.azure.com", AccessKey(KEY_TEXT)) as client,
        pytest.raises(UrlNotAllowed, match="/calling/recordings/x") as refused,
    ):
        client.delete_content("https://contoso.communication.azure.com/calling/recordings/x?sig=y")
    assert "sig" not in str(refused.value)


def test_b3_a_stranger_on_the_resources_own_host_is_never_stopped() -> None:
    """The attack as it was: the host is right, the path is that of another recording."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"{request.method} {request.url} was sent")

    endpoint, transport = "https://contoso.communication.azure.com", httpx.MockTransport(fail)
    with (
        AcsClient(endpoint, AccessKey(KEY_TEXT), transport=transport) as client,
        pytest.raises(UrlNotAllowed),
    ):
        client.delete_content(endpoint + VICTIM)
