import base64
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError
from azure.identity import CredentialUnavailableError

from callvault import rereading
from callvault.acs.client import AcsClient
from callvault.acs.credentials import (
    AccessKey,
    EntraToken,
    RotatingKey,
    parse_connection_string,
)
from callvault.emulator.server import running
from callvault.errors import AccessDenied, CallvaultError, ConfigurationError, Unavailable
from tests.acs.service import KEY_TEXT, Answer, Service


class Identity:
    """An Entra ID credential with a token of its own for each question."""

    def __init__(self, error: AzureError | None = None) -> None:
        self.scopes: list[str] = []
        self._error = error

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        if self._error:
            raise self._error
        self.scopes += scopes
        return AccessToken(f"token-{len(self.scopes)}", 4_102_444_800)


def test_connection_string_gives_endpoint_and_key() -> None:
    text = f"endpoint=https://contoso.communication.azure.com/;accesskey={KEY_TEXT}"
    assert parse_connection_string(text) == (
        "https://contoso.communication.azure.com",
        AccessKey(KEY_TEXT),
    )


def test_connection_string_is_read_in_any_order_case_and_with_a_last_semicolon() -> None:
    text = f" AccessKey={KEY_TEXT}; Endpoint=https://contoso.communication.azure.com; "
    endpoint, key = parse_connection_string(text)
    assert endpoint == "https://contoso.communication.azure.com"
    assert key.key_bytes == b"0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", "endpoint"),
        (f"accesskey={KEY_TEXT}", "endpoint"),
        ("endpoint=https://contoso.communication.azure.com/", "accesskey"),
        ("endpoint=https://contoso.communication.azure.com/;accesskey=", "accesskey"),
        (f"endpoint=https://c.communication.azure.com;accesskye={KEY_TEXT}", "accesskey"),
        ("endpoint=https://c.communication.azure.com;accesskey=not+base64!", "not base64"),
    ],
)
def test_wrong_connection_string_is_refused_by_the_name_of_the_part(
    text: str, missing: str
) -> None:
    with pytest.raises(ConfigurationError, match=missing) as refused:
        parse_connection_string(text)
    assert KEY_TEXT not in str(refused.value)
    assert "not+base64!" not in str(refused.value)


def test_secrets_never_print() -> None:
    assert KEY_TEXT not in repr(AccessKey(KEY_TEXT))
    assert "Identity" not in repr(EntraToken(Identity()))


def test_empty_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="empty"):
        AccessKey("")


def test_entra_token_of_the_acs_scope_authenticates_control_and_content(
    acs: Service, media: Service
) -> None:
    acs.answers = [Answer(202)]
    media.answers = [Answer(200)]
    identity = Identity()
    with AcsClient(acs.url, EntraToken(identity), content_hosts=[media.host]) as client:
        client.pause("REC", "CALL")
        client.delete_content(f"{media.url}/v1/objects/0")
    assert identity.scopes == ["https://communication.azure.com//.default"] * 2
    assert acs.seen[0].headers["authorization"] == "Bearer token-1"
    assert media.seen[0].headers["authorization"] == "Bearer token-2"
    assert media.seen[0].headers["x-ms-host"] == acs.host
    assert "x-ms-content-sha256" not in acs.seen[0].headers


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (ClientAuthenticationError, AccessDenied),
        (CredentialUnavailableError, Unavailable),
        (ServiceRequestError, Unavailable),
    ],
)
def test_failure_to_get_a_token_sends_nothing(
    acs: Service, failure: Callable[..., AzureError], expected: type[CallvaultError]
) -> None:
    identity = Identity(failure(message="tenant secret=hunter2"))
    with AcsClient(acs.url, EntraToken(identity)) as client, pytest.raises(expected) as raised:
        client.pause("REC", "CALL")
    assert acs.seen == []
    assert "hunter2" not in str(raised.value)


def test_key_signs_the_body_and_the_raw_path_that_are_sent(acs: Service) -> None:
    acs.answers = [Answer(204)]
    with AcsClient(acs.url + "/", AccessKey(KEY_TEXT)) as client:
        client.stop("a/b:ü?#%2F", "CALL")
    (seen,) = acs.seen
    assert seen.target == ("/calling/recordings/a%2Fb%3A%C3%BC%3F%23%252F?api-version=2026-03-12")
    assert seen.headers["host"] == acs.host
    assert seen.is_signed_for(acs.host)


def test_every_request_is_signed_with_its_own_date(
    acs: Service, client: AcsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signature made once and kept would be too old by the next request."""

    class Clock:
        hour = 0

        @classmethod
        def now(cls, zone: tzinfo) -> datetime:
            cls.hour += 1
            return datetime(2024, 1, 2, cls.hour, tzinfo=zone)

    monkeypatch.setattr("callvault.acs.credentials.datetime", Clock)
    acs.answers = [Answer(202)]
    client.pause("REC", "CALL")
    client.pause("REC", "CALL")
    assert [seen.headers["x-ms-date"] for seen in acs.seen] == [
        "Tue, 02 Jan 2024 01:00:00 GMT",
        "Tue, 02 Jan 2024 02:00:00 GMT",
    ]
    assert all(seen.is_signed_for(acs.host) for seen in acs.seen)


NEW_KEY = base64.b64encode(b"another key of the same resource").decode()


class Kept:
    """A place where a key is kept, and may be replaced, or be away."""

    def __init__(self) -> None:
        self.key = KEY_TEXT
        self.reads = 0

    def read(self) -> AccessKey:
        self.reads += 1
        return AccessKey(self.key)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_a_401_makes_it_read_the_key_again_and_ask_once_more(acs: Service, kept: Kept) -> None:
    acs.answers = [Answer(401), Answer(202), Answer(202)]
    with AcsClient(acs.url, RotatingKey(kept.read)) as client:
        kept.key = NEW_KEY
        client.pause("REC", "CALL")
        client.pause("REC", "CALL")
    old, new, later = acs.seen
    assert old.is_signed_for(acs.host)
    for seen in (new, later):
        assert seen.is_signed_for(acs.host, NEW_KEY)
    assert kept.reads == 2


def test_a_401_with_the_same_key_is_not_repeated(acs: Service, kept: Kept) -> None:
    acs.answers = [Answer(401)]
    with (
        AcsClient(acs.url, RotatingKey(kept.read)) as client,
        pytest.raises(AccessDenied),
    ):
        client.pause("REC", "CALL")
    assert len(acs.seen) == 1


def test_a_key_that_cannot_be_read_again_stays_what_it_was(acs: Service, kept: Kept) -> None:
    acs.answers = [Answer(401), Answer(202)]
    with AcsClient(acs.url, RotatingKey(kept.read)) as client:
        kept.key = ""
        with pytest.raises(AccessDenied):
            client.pause("REC", "CALL")
        client.pause("REC", "CALL")
    assert all(seen.is_signed_for(acs.host) for seen in acs.seen)


def test_reading_in_ranges_notices_another_key_after_a_while(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = RotatingKey(kept.read)
    kept.key = NEW_KEY
    assert key.key.current() == base64.b64decode(KEY_TEXT)
    monkeypatch.setattr(rereading, "REREAD_INTERVAL", 0.0)
    assert key.key.current() == base64.b64decode(NEW_KEY)


class Ahead(datetime):
    """The clock of a machine that is ten minutes ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(minutes=10)


def test_h10_acs_is_asked_with_its_own_time_where_this_machine_has_a_wrong_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running() as emulator:
        endpoint, key = parse_connection_string(emulator.connection_string)
        with AcsClient(endpoint, key) as client:
            monkeypatch.setattr("callvault.acs.credentials.datetime", Ahead)
            _, problem = client.probe()
            assert problem == ""
            monkeypatch.undo()
            _, problem = client.probe()
            assert problem == "", "the clock was set right"
