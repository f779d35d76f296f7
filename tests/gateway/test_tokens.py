"""Are genuine tokens accepted, and no others, also while keys rotate and the issuer is away?"""

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from callvault.errors import AccessDenied, Unavailable
from callvault.gateway import tokens
from callvault.gateway.tokens import TokenValidator
from tests.gateway.issuer import AUDIENCE, Issuer, issuing


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def validator(issuer: Issuer) -> TokenValidator:
    return TokenValidator(issuer.issuer, issuer.url, ["other", AUDIENCE])


async def test_a_genuine_token_says_who_it_is(issuer: Issuer, validator: TokenValidator) -> None:
    claims = await validator.claims(issuer.token(sub="crm", roles=["Callvault.Read"]))
    assert (claims["sub"], claims["roles"]) == ("crm", ["Callvault.Read"])


NOW = int(time.time())


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW - 60}, "expired"),
        ({"nbf": NOW + 86_400}, "not valid yet"),
        ({"aud": "somebody else"}, "another audience"),
        ({"aud": None}, "lacks one of"),
        ({"exp": None}, "lacks one of"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": None}, "lacks one of"),
    ],
)
async def test_a_token_that_is_not_for_us_is_refused_with_the_reason(
    claims: dict[str, Any], reason: str, issuer: Issuer, validator: TokenValidator
) -> None:
    with pytest.raises(AccessDenied, match=reason):
        await validator.claims(issuer.token(**claims))


async def test_clocks_may_differ_by_some_seconds(issuer: Issuer, validator: TokenValidator) -> None:
    now = int(time.time())
    await validator.claims(issuer.token(exp=now - 5, nbf=now - 10))
    await validator.claims(issuer.token(nbf=now + 5))


@pytest.mark.parametrize(
    ("published", "is_accepted"),
    [
        ({}, True),
        ({"use": "sig"}, True),
        ({"key_ops": ["verify"]}, True),
        ({"use": "sig", "key_ops": ["sign", "verify"]}, True),
        ({"use": "enc"}, False),
        ({"use": "tls"}, False),
        ({"key_ops": ["encrypt", "wrapKey"]}, False),
        ({"use": "sig", "key_ops": []}, False),
        ({"use": "sig", "key_ops": "verify"}, False),
    ],
)
async def test_b13_only_keys_that_verify_signatures_verify_tokens(
    published: dict[str, Any], is_accepted: bool, issuer: Issuer, validator: TokenValidator
) -> None:
    issuer.published = published
    issuer.others = [7, None, {"kty": "odd"}, {"kid": issuer.key_id, "kty": "oct", "k": "eA"}]
    if is_accepted:
        assert (await validator.claims(issuer.token()))["iss"] == issuer.issuer
        return
    with pytest.raises((AccessDenied, Unavailable)):
        await validator.claims(issuer.token())


async def test_a_public_key_is_never_taken_for_a_shared_secret(
    issuer: Issuer, validator: TokenValidator
) -> None:
    """The classic: HS256, with the published key as the secret."""
    forged = issuer.token(algorithm="HS256", key="-" * 64)
    unsigned = jwt.encode(
        {"iss": issuer.issuer, "aud": AUDIENCE, "exp": NOW + 86_400},
        "",
        "none",
        headers={"kid": issuer.key_id},
    )
    for token in (forged, unsigned):
        with pytest.raises(AccessDenied, match="algorithm"):
            await validator.claims(token)
    assert issuer.asked == 0


async def test_a_changed_token_is_refused(issuer: Issuer, validator: TokenValidator) -> None:
    head, claims, signature = issuer.token(sub="crm").split(".")
    other = issuer.token(sub="admin").split(".")[1]
    with pytest.raises(AccessDenied, match="signature is wrong"):
        await validator.claims(f"{head}.{other}.{signature}")
    for junk in ("", "a.b.c", f"{head}.{claims}", "Ä.Ä.Ä", "." * 10_000):
        with pytest.raises(AccessDenied):
            await validator.claims(junk)


async def test_keys_are_fetched_once_for_many_and_again_when_they_rotate(
    issuer: Issuer, validator: TokenValidator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.gather(*(validator.claims(issuer.token()) for _ in range(20)))
    assert issuer.asked == 2, "the configuration and the keys"
    former = issuer.token()
    issuer.rotate()
    monkeypatch.setattr(tokens, "MIN_FETCH_INTERVAL", 0.0)
    await validator.claims(issuer.token())
    with pytest.raises(AccessDenied, match="does not publish"):
        await validator.claims(former)


async def test_invented_key_ids_do_not_make_us_ask_the_issuer_each_time(
    issuer: Issuer, validator: TokenValidator
) -> None:
    await validator.claims(issuer.token())
    for number in range(50):
        issuer.key_id = f"invented-{number}"
        with pytest.raises(AccessDenied, match="does not publish"):
            await validator.claims(issuer.token())
    assert issuer.asked == 2


async def test_while_the_issuer_is_away_known_keys_are_used_on(
    issuer: Issuer, validator: TokenValidator, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer.is_away = True
    with pytest.raises(Unavailable):
        await validator.claims(issuer.token())
    issuer.is_away = False
    with pytest.raises(Unavailable):
        await validator.claims(issuer.token())
    monkeypatch.setattr(tokens, "MIN_FETCH_INTERVAL", 0.0)
    await validator.claims(issuer.token())
    monkeypatch.setattr(tokens, "KEY_LIFETIME", 0.0)
    issuer.is_away = True
    await validator.claims(issuer.token())


async def test_a_crowd_of_junk_does_not_wait_for_a_slow_issuer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, issuing() as issuer:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        validator = TokenValidator(issuer.issuer, url, [AUDIENCE])
        crowd = [asyncio.create_task(validator.claims(issuer.token())) for _ in range(40)]
        await asyncio.sleep(0.2)
        turned_away = [task for task in crowd if task.done()]
        for task in crowd:
            task.cancel()
        answers = await asyncio.gather(*crowd, return_exceptions=True)
    assert len(turned_away) == len(crowd) - tokens.MAX_WAITING
    assert sum(isinstance(answer, Unavailable) for answer in answers) == len(turned_away)


async def test_the_configuration_must_be_the_issuers_own(
    issuer: Issuer, validator: TokenValidator
) -> None:
    issuer.published_as = "https://evil.example"
    with pytest.raises(Unavailable):
        await validator.claims(issuer.token())


async def test_b17_an_issuer_that_drips_holds_nobody_beyond_one_deadline(
    issuer: Issuer, validator: TokenValidator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte came in time, and the keys took minutes."""
    monkeypatch.setattr(tokens, "FETCH_TIMEOUT", 0.5)
    issuer.drip = 0.05
    began = time.monotonic()
    with pytest.raises(Unavailable, match="cannot be fetched"):
        await validator.claims(issuer.token())
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(("pad", "encoding"), [(tokens.MAX_DOCUMENT, None), (0, "gzip")])
async def test_b17_what_an_issuer_answers_is_bounded_and_never_unpacked(
    pad: int, encoding: str | None, issuer: Issuer, validator: TokenValidator
) -> None:
    issuer.pad, issuer.encoding = pad, encoding
    with pytest.raises(Unavailable, match="cannot be fetched"):
        await validator.claims(issuer.token())


async def test_keys_of_a_usual_size_are_read(issuer: Issuer, validator: TokenValidator) -> None:
    issuer.pad = tokens.MAX_DOCUMENT // 2
    assert (await validator.claims(issuer.token(sub="crm")))["sub"] == "crm"


@pytest.mark.parametrize("document", [[], "text", None, 7])
async def test_what_is_no_document_is_none(
    document: Any,
    issuer: Issuer,
    validator: TokenValidator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(issuer, "document", lambda path: document)
    with pytest.raises(Unavailable, match="cannot be fetched"):
        await validator.claims(issuer.token())
