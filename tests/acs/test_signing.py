"""The vectors come from the SDK's own policy with a frozen clock."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from callvault.acs.credentials import AccessKey
from callvault.acs.signing import content_hash, http_date, signed_headers, string_to_sign
from tests.acs.service import KEY_TEXT

AT = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
DATE = "Tue, 02 Jan 2024 03:04:05 GMT"
HOST = "contoso.communication.azure.com"
BODY = b'{"callLocator":{"serverCallId":"c2VydmVyQ2FsbElk","kind":"serverCallLocator"}}'
BODY_HASH = "c4zSKzj/Io9fZuPyT4/vAkngBZ868O2cK1FC3BsXYTE="
EMPTY_HASH = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
OBJECT = "/v1/objects/0-eus-d1-0123456789abcdef0123456789abcdef"

VECTORS = [
    (
        "POST",
        "/calling/recordings?api-version=2026-03-12",
        BODY,
        "d9Bq+rUaXh20Fp1mZ8lmifPbe1+og1aTBR3LYS/Rj6Q=",
    ),
    (
        "POST",
        "/calling/recordings/REC123:pause?api-version=2026-03-12",
        b"",
        "CIlpscO6MnNahge1MzyCrivl29w7QVgM48jWvZzo4vE=",
    ),
    ("GET", f"{OBJECT}/content/video", b"", "yP51JQgS1vTaX2dbZU8ZUtQOFqfLavwc6nwpiVdKqXk="),
    ("DELETE", OBJECT, b"", "7+Cf6RAfGKPS5BG4NDbw2IiQPEPyMHmG+6bT4dxY5ys="),
    (
        "GET",
        "/calling/recordings/REC123?api-version=2026-03-12",
        b"",
        "LRGvY30PF0r073wFpHKBWHB8cZauCuOibBmNKDAaqsw=",
    ),
    (
        "DELETE",
        "/calling/recordings/REC123?api-version=2026-03-12",
        b"",
        "H2u96xvD0Vr2XxtxMyijqHCp8OqK0Yqk8AdnWLzq7EU=",
    ),
    ("GET", f"{OBJECT}/content/acsmetadata", b"", "njRUXbv7b7V45xbNUNPTI/tXlHXEi907EOI8Xqx63VM="),
]


@pytest.mark.parametrize(("method", "target", "body", "signature"), VECTORS)
def test_signature_equals_the_service_own(
    method: str, target: str, body: bytes, signature: str
) -> None:
    key = AccessKey(KEY_TEXT).key_bytes
    headers = signed_headers(key, method=method, target=target, host=HOST, body=body, at=AT)
    assert headers == {
        "x-ms-date": DATE,
        "x-ms-content-sha256": content_hash(body),
        "Authorization": (
            f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}"
        ),
    }


def test_body_hashes_equal_the_service_own() -> None:
    assert len(BODY) == 78
    assert content_hash(BODY) == BODY_HASH
    assert content_hash(b"") == EMPTY_HASH


def test_string_to_sign_has_the_documented_form() -> None:
    text = string_to_sign("POST", "/calling/recordings?api-version=2026-03-12", DATE, HOST, "H")
    assert text == f"POST\n/calling/recordings?api-version=2026-03-12\n{DATE};{HOST};H"


def test_date_is_written_in_gmt_whatever_zone_it_came_in() -> None:
    assert http_date(AT.astimezone(timezone(timedelta(hours=5, minutes=30)))) == DATE
