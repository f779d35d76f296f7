import httpx
import pytest

from callvault.acs.allowed_hosts import AllowedHosts, parse_endpoint
from callvault.acs.client import AcsClient
from callvault.acs.credentials import AccessKey
from callvault.errors import ConfigurationError, UrlNotAllowed
from tests.acs.service import KEY_TEXT

ENDPOINT = "https://contoso.communication.azure.com"
NAMED = ("media.example", "relay.example:8443", "127.0.0.1:9000", "127.0.0.2", "[::1]:9001")


@pytest.mark.parametrize(
    "url",
    [
        "https://storage.asm.skype.com/v1/objects/0/content/video",
        "https://us-storage.asm.skype.com/v1",
        "https://a.b.as.asm.skype.com/v1",
        "https://asm.skype.com/v1",
        "https://STORAGE.ASM.Skype.com/v1",
        "HTTPS://storage.asm.skype.com/v1",
        "https://storage.asm.skype.com:443/v1",
        "https://prod.asyncgw.teams.microsoft.com/v1",
        "https://x.ams.gov.teams.microsoft.us/v1",
        "https://contoso.communication.azure.com/recording/download/1",
        "https://media.example/x",
        "https://media.example:444/x",
        "https://relay.example:8443/x",
        "http://127.0.0.1:9000/x",
        "http://127.0.0.2:1/x",
        "http://[::1]:9001/x",
    ],
)
def test_known_host_may_see_credentials(url: str) -> None:
    checked = AllowedHosts(parse_endpoint(ENDPOINT), NAMED).check(url)
    assert checked == httpx.URL(url)


REFUSED = [
    "http://storage.asm.skype.com/v1",
    "https://storage.asm.skype.com:8443/v1",
    "https://asm.skype.com.evil.example/v1",
    "https://evilasm.skype.com/v1",
    "https://skype.com/v1",
    "https://storage.asm.skype.com@evil.example/v1",
    "https://storage.asm.skype.com:443@evil.example/v1",
    "https://me@storage.asm.skype.com/v1",
    "https://evil.example/storage.asm.skype.com",
    "https://evil.example?.asm.skype.com",
    "https://evil.example#.asm.skype.com",
    "https://evil.example\\.asm.skype.com/v1",
    "https://evil.example\\@storage.asm.skype.com/v1",
    "https://evil.example%2f.asm.skype.com/v1",
    "https://evil.example%00.asm.skype.com/v1",
    "https://storage.asm.skype.com./v1",
    "https://.asm.skype.com/v1",
    "https://storage.asm.skype\u3002com/v1",
    "https://storage.\u0430sm.skype.com/v1",
    "https://storage.xn--sm-6kc.skype.com/v1",
    "https://evil.example\n.asm.skype.com/v1",
    "https://storage.asm.skype.com:port/v1",
    "https://[storage.asm.skype.com/v1",
    "ftp://storage.asm.skype.com/v1",
    "//storage.asm.skype.com/v1",
    "storage.asm.skype.com/v1",
    "/v1/objects/0",
    "",
    "https://contoso.communication.azure.com:444/x",
    "http://contoso.communication.azure.com/x",
    "https://other.communication.azure.com/x",
    "http://media.example/x",
    "https://sub.media.example/x",
    "https://relay.example/x",
    "http://127.0.0.1/x",
    "http://127.0.0.1:9002/x",
    "http://2130706433:9000/x",
    "http://localhost:9000/x",
    "https://169.254.169.254/latest",
    "https://storage.asm.skype.com:65536/v1",
    "https://storage.asm.skype.com:80/v1",
    "https://storage.asm.skype.com:443:443/v1",
    "https://storage.asm.skype.com%2eevil.example/v1",
    "https://storage.asm.skype.com%40evil.example/v1",
    "https://storage.asm.skype.com,evil.example/v1",
    "https://storage.asm.skype.com;evil.example/v1",
    "https://storage.asm.skype.com:pw@evil.example:443/v1",
    "https://storage.asm.skype.com..evil.example/v1",
    "https://a..asm.skype.com/v1",
    "https://storage.asm.skype.com.evil.example:443/v1",
    "https://storage-asm.skype.com/v1",
    "https://xn--asm-skype.com/v1",
    "https://xn--asm.skype.com.evil.example/v1",
    "https://storage.asm.skype\uff0ecom/v1",
    "https://storage.asm.skype.com\u2024evil.example/v1",
    "https://storage.asm.\u017fkype.com/v1",
    "https://storage.a\tsm.skype.com/v1",
    " https://storage.asm.skype.com/v1",
    "https:storage.asm.skype.com/v1",
    "https:///storage.asm.skype.com/v1",
    "https:\\\\storage.asm.skype.com\\v1",
    "https://[2001:db8::1]/v1",
    "https://[::ffff:127.0.0.1]:9000/x",
    "http://[::ffff:127.0.0.1]:9000/x",
    "http://[::1]/x",
    "http://[::1%25lo]:9001/x",
    "http://127.1:9000/x",
    "http://0x7f.0.0.1:9000/x",
    "http://0177.0.0.1:9000/x",
    "http://127.0.0.1.:9000/x",
    "http://127.0.0.1.nip.io:9000/x",
    "https://contoso.communication.azure.com.:443/x",
    "https://contoso.communication.azure.com.evil.example/x",
    "https://contoso-communication.azure.com/x",
    "https://media.example./x",
    "https://media.example@evil.example/x",
    "https://mediaXexample/x",
]


@pytest.mark.parametrize("url", REFUSED)
def test_foreign_or_look_alike_host_never_sees_credentials(url: str) -> None:
    with pytest.raises(UrlNotAllowed):
        AllowedHosts(parse_endpoint(ENDPOINT), NAMED).check(url)


@pytest.mark.parametrize("url", REFUSED)
def test_nothing_at_all_is_sent_to_a_foreign_host(url: str) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"a request went to {request.url}")

    transport = httpx.MockTransport(fail)
    client = AcsClient(
        ENDPOINT, AccessKey(KEY_TEXT), content_hosts=list(NAMED), transport=transport
    )
    with client:
        with pytest.raises(UrlNotAllowed), client.open_content(url):
            pass
        with pytest.raises(UrlNotAllowed):
            client.read_metadata(url)
        with pytest.raises(UrlNotAllowed):
            client.delete_content(url)


def test_refusal_names_the_host_but_not_the_query() -> None:
    with pytest.raises(UrlNotAllowed, match=r"evil\.example") as refused:
        AllowedHosts(parse_endpoint(ENDPOINT)).check("https://evil.example/x?sig=secret")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "entry",
    ["", "*.example", "https://media.example", "media.example/path", "me@media.example", "h:x"],
)
def test_content_host_that_is_no_exact_host_stops_the_start(entry: str) -> None:
    with pytest.raises(ConfigurationError, match="content host"):
        AllowedHosts(parse_endpoint(ENDPOINT), [entry])


@pytest.mark.parametrize(
    "endpoint",
    ["https://contoso.communication.azure.com/", " https://contoso.communication.azure.com// "],
)
def test_trailing_slash_of_the_endpoint_is_dropped(endpoint: str) -> None:
    assert str(parse_endpoint(endpoint)) == ENDPOINT


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "contoso.communication.azure.com",
        "http://contoso.communication.azure.com",
        "https://contoso.communication.azure.com/calling",
        "https://contoso.communication.azure.com?x=1",
        "https://me:pw@contoso.communication.azure.com",
        "https://[bad",
        "https://xn--asm.communication.azure.com",
    ],
)
def test_wrong_endpoint_stops_the_start(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="endpoint") as refused:
        parse_endpoint(endpoint)
    assert "pw" not in str(refused.value)
