"""ES256 (RFC 7518): ECDSA on the curve P-256 with SHA-256, in the form that Azure Key Vault speaks.

A signature is r and s, 32 bytes each. With (r, s) also (r, n - s) is valid, which anybody can
compute: only the one with the lower s counts here, so that a document has one form.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

LENGTH = 64
"""Bytes of a signature."""

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n, the order of the curve's group."""


def is_p256(key: object) -> bool:
    """Tell if it is a public or private key on P-256."""
    if isinstance(key, EllipticCurvePublicKey | EllipticCurvePrivateKey):
        return isinstance(key.curve, SECP256R1)
    return False


def sign(key: EllipticCurvePrivateKey, data: bytes) -> bytes:
    """Sign with a key in memory."""
    r, s = decode_dss_signature(key.sign(data, ECDSA(SHA256())))
    return with_low_s(_joined(r, s))


def with_low_s(signature: bytes) -> bytes:
    """Return the one form of a signature that counts; anything else stays as it is."""
    if len(signature) != LENGTH:
        return signature
    r, s = _split(signature)
    return _joined(r, ORDER - s) if ORDER // 2 < s < ORDER else signature


def proves(key: EllipticCurvePublicKey, signature: bytes, data: bytes) -> bool:
    """Tell if the signature is of these bytes, and in the one form that counts."""
    if len(signature) != LENGTH:
        return False
    r, s = _split(signature)
    if not (0 < r < ORDER and 0 < s <= ORDER // 2):
        return False
    try:
        key.verify(encode_dss_signature(r, s), data, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _split(signature: bytes) -> tuple[int, int]:
    half = LENGTH // 2
    return int.from_bytes(signature[:half]), int.from_bytes(signature[half:])


def _joined(r: int, s: int) -> bytes:
    half = LENGTH // 2
    return r.to_bytes(half) + s.to_bytes(half)
