"""Against the vectors of ACS's own SDK, and over HTTP."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from callvault.emulator.errors import ServiceError
from callvault.emulator.http.signing import SignedRequest, authenticate
from callvault.emulator.settings import EmulatorSettings
from tests.emulator.signing import content_hash, signature, signed_headers
from tests.emulator.stage import API, Acs

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
HOST = "contoso.communication.azure.com"
DATE = "Tue, 02 Jan 2024 03:04:05 GMT"
NOW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
START = b'{"callLocator":{"serverCallId":"c2VydmVyQ2FsbElk","kind":"serverCallLocator"}}'
OBJECT = "/v1/objects/0-eus-d1-0123456789abcdef0123456789abcdef"
ONE = f"/calling/recordings/REC123?{API}"

VECTORS = [
    ("POST", f"/calling/recordings?{API}", START, "d9Bq+rUaXh20Fp1mZ8lmifPbe1+og1aTBR3LYS/Rj6Q="),
    (
        "POST",
        f"/calling/recordings/REC123:pause?{API}",
        b"",
        "CIlpscO6MnNahge1MzyCrivl29w7QVgM48jWvZzo4vE=",
    ),
    ("GET", f"{OBJECT}/content/video", b"", "yP51JQgS1vTaX2dbZU8ZUtQOFqfLavwc6nwpiVdKqXk="),
    ("DELETE", OBJECT, b"", "7+Cf6RAfGKPS5BG4NDbw2IiQPEPyMHmG+6bT4dxY5ys="),
    ("GET", ONE, b"", "LRGvY30PF0r073wFpHKBWHB8cZauCuOibBmNKDAaqsw="),
    ("DELETE", ONE, b"", "H2u96xvD0Vr2XxtxMyijqHCp8OqK0Yqk8AdnWLzq7EU="),
    ("GET", f"{OBJECT}/content/acsmetadata", b"", "njRUXbv7b7V45xbNUNPTI/tXlHXEi907EOI8Xqx63VM="),
]


def vector(method: str, target: str, body: bytes, signed: str, **headers: str) -> SignedRequest:
    return SignedRequest(
        method,
        target,
        {
            "host": "us-storage.asm.skype.com",
            "x-ms-host": HOST,
            "x-ms-date": DATE,
            "x-ms-content-sha256": content_hash(body),
            "authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
            f"&Signature={signed}",
        }
        | headers,
        body,
    )


@pytest.mark.parametrize(("method", "target", "body", "expected"), VECTORS)
def test_signer_of_the_tests_and_verifier_agree_with_the_sdk(
    method: str, target: str, body: bytes, expected: str
) -> None:
    assert signature(KEY, method, target, DATE, HOST, body) == expected
    authenticate(vector(method, target, body, expected), ("b3RoZXI=", KEY), (), NOW)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"x-ms-host": "other.communication.azure.com"}, "7509"),
        ({"x-ms-content-sha256": content_hash(b"other")}, "Denied"),
        ({"x-ms-date": "yesterday"}, "7509"),
        ({"authorization": ""}, "Denied"),
        ({"authorization": "Bearer anything"}, "Denied"),
    ],
)
def test_a_changed_header_is_refused(changed: dict[str, str], code: str) -> None:
    request = vector(*VECTORS[0], **changed)
    with pytest.raises(ServiceError) as refused:
        authenticate(request, (KEY,), (), NOW)
    assert (refused.value.status, refused.value.code) == (401, code)


@pytest.mark.parametrize("skew", [timedelta(minutes=6), timedelta(minutes=-6)])
def test_a_signature_far_from_the_real_time_is_refused(skew: timedelta) -> None:
    with pytest.raises(ServiceError, match="five minutes"):
        authenticate(vector(*VECTORS[0]), (KEY,), (), NOW + skew)


def test_both_keys_are_accepted_and_a_third_is_not(acs: Acs, http: httpx.Client) -> None:
    keys = (*EmulatorSettings().access_keys, KEY)
    target = f"/calling/recordings/unknown?{API}"
    answers = [
        http.get(
            acs.emulator.endpoint + target, headers=signed_headers(key, "GET", target, acs.host)
        ).status_code
        for key in keys
    ]
    assert answers == [404, 404, 401]


def test_a_body_that_was_not_hashed_is_denied(acs: Acs) -> None:
    target = f"/calling/recordings?{API}"
    headers = signed_headers(acs.key, "POST", target, acs.host, b"{}")
    answer = acs.http.post(acs.emulator.endpoint + target, content=b"{ }", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"] == {
        "code": "Denied",
        "message": "Request 'x-ms-content-sha256' differs from generated content hash.",
    }


def test_a_listed_bearer_token_is_enough(acs: Acs) -> None:
    address = f"{acs.emulator.endpoint}/calling/recordings/unknown?{API}"
    listed = acs.http.get(address, headers={"Authorization": "Bearer let-me-in"})
    other = acs.http.get(address, headers={"Authorization": "Bearer let-me-out"})
    assert (listed.status_code, other.status_code) == (404, 401)


def test_the_percent_encoding_is_signed_as_it_was_sent(acs: Acs) -> None:
    assert acs.state("a%2Bb%3D").status_code == 404
