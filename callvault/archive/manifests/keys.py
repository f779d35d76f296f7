"""Ed25519 keys: the private one that signs manifests, the public ones that prove them."""

import base64
import binascii
import hashlib
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from callvault.contracts.manifest import Signature
from callvault.errors import ConfigurationError

_RAW_LENGTH = 32


class PublicKey:
    """A public key that proves signatures."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = hashlib.sha256(raw).hexdigest()[:16]

    @classmethod
    def from_pem(cls, text: bytes) -> "PublicKey":
        """Read a public key; `ConfigurationError` where it is none, or not an Ed25519 one."""
        try:
            key = load_pem_public_key(text)
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise ConfigurationError(
                "this is no Ed25519 public key in PEM form: give the .pub file that"
                " `callvault keygen` wrote"
            )
        return cls(key)

    def pem(self) -> bytes:
        """Write the key in PEM."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def proves(self, signature: Signature, data: bytes) -> bool:
        """Tell if the holder of this key's private half signed exactly these bytes."""
        try:
            self._key.verify(bytes.fromhex(signature.value), data)
        except InvalidSignature:
            return False
        return signature.key_id == self.key_id


class Signer:
    """A private key that signs."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    @classmethod
    def generate(cls) -> "Signer":
        """Make a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_secret(cls, secret: str) -> "Signer":
        """Read a private key: PEM (PKCS #8, not encrypted) or its 32 raw bytes in base64.

        Raises `ConfigurationError` where it is neither; the message never repeats the secret.
        """
        text = secret.strip()
        key = _from_pem(text) if text.startswith("-----BEGIN") else _from_base64(text)
        if key is None:
            # not chained: the causes' messages may quote the secret
            raise ConfigurationError(
                "the signing key is neither an Ed25519 private key in PEM form without a"
                " passphrase, nor 32 bytes in base64: make one with `callvault keygen`"
            )
        return cls(key)

    def pem(self) -> bytes:
        """Write the private key. Keep it where only the worker can read it."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, data: bytes) -> Signature:
        """Sign exactly these bytes."""
        return Signature(key_id=self.public.key_id, value=self._key.sign(data).hex())


SignerOf = Callable[[str], Signer | None]
"""The signer of an archive, by the archive's name; None where no key is configured."""


def _from_pem(text: str) -> Ed25519PrivateKey | None:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, Ed25519PrivateKey) else None


def _from_base64(text: str) -> Ed25519PrivateKey | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return Ed25519PrivateKey.from_private_bytes(raw) if len(raw) == _RAW_LENGTH else None
