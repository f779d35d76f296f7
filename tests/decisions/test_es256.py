"""ES256: which signatures count, at the bounds of r and s."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callvault.archive.manifests import es256
from callvault.archive.manifests.es256 import LENGTH, ORDER

KEY = generate_private_key(SECP256R1())
DATA = b"what is sealed"
HALF = ORDER // 2


def joined(r: int, s: int) -> bytes:
    return r.to_bytes(32) + s.to_bytes(32)


def parts(signature: bytes) -> tuple[int, int]:
    return int.from_bytes(signature[:32]), int.from_bytes(signature[32:])


def test_only_a_key_on_p256_is_one() -> None:
    assert es256.is_p256(KEY)
    assert es256.is_p256(KEY.public_key())
    others = (generate_private_key(SECP384R1()), Ed25519PrivateKey.generate(), None)
    assert not any(map(es256.is_p256, others))


def test_every_signature_has_the_form_that_counts_and_proves_its_bytes_alone() -> None:
    for _ in range(8):
        signature = es256.sign(KEY, DATA)
        assert len(signature) == LENGTH
        assert parts(signature)[1] <= HALF
        assert es256.proves(KEY.public_key(), signature, DATA)
        assert not es256.proves(KEY.public_key(), signature, DATA + b"!")
        r, s = parts(signature)
        twin = joined(r, ORDER - s)
        assert not es256.proves(KEY.public_key(), twin, DATA), "anybody can compute it"
        assert es256.with_low_s(twin) == es256.with_low_s(signature) == signature


@pytest.mark.parametrize(
    ("s", "low"),
    [
        (1, 1),
        (HALF, HALF),
        (HALF + 1, ORDER - HALF - 1),
        (ORDER - 1, 1),
        (ORDER, ORDER),
        (ORDER + 1, ORDER + 1),
    ],
)
def test_of_two_forms_the_lower_counts_and_what_is_none_stays(s: int, low: int) -> None:
    assert parts(es256.with_low_s(joined(7, s))) == (7, low)


@pytest.mark.parametrize("signature", [b"", bytes(LENGTH - 1), bytes(LENGTH + 1)])
def test_what_has_another_length_is_no_signature(signature: bytes) -> None:
    assert es256.with_low_s(signature) == signature
    assert not es256.proves(KEY.public_key(), signature, DATA)


class AnyKey:
    """A key that finds every signature to fit."""

    def verify(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("r", "s", "counts"),
    [
        (1, 1, True),
        (0, 1, False),
        (ORDER - 1, 1, True),
        (ORDER, 1, False),
        (1, 0, False),
        (1, HALF, True),
        (1, HALF + 1, False),
    ],
)
def test_r_and_s_lie_within_the_order_of_the_curve(r: int, s: int, counts: bool) -> None:
    assert es256.proves(AnyKey(), joined(r, s), DATA) is counts
    assert not es256.proves(KEY.public_key(), joined(r, s), DATA)
