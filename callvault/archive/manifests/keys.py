"""Keys: the private one that signs manifests, the public ones that prove them.

Ed25519, or ES256 for keys that must stay in Azure Key Vault, which has no Ed25519.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from callvault.archive.manifests import es256
from callvault.contracts.manifest import Signature, SignatureAlgorithm
from callvault.errors import BrokenContent, ConfigurationError

_RAW_LENGTH = 32

_Private = Ed25519PrivateKey | EllipticCurvePrivateKey

_PEM = b"-----BEGIN "


class PublicKey:
    """A public key that proves signatures."""

    def __init__(self, key: Ed25519PublicKey | EllipticCurvePublicKey) -> None:
        self._key = key
        self.algorithm: SignatureAlgorithm = (
            "Ed25519" if isinstance(key, Ed25519PublicKey) else "ES256"
        )
        self.key_id = hashlib.sha256(self.raw).hexdigest()[:16]

    @classmethod
    def from_pem(cls, text: bytes) -> "PublicKey":
        """Read a public key; `ConfigurationError` where it is none that can sign here."""
        try:
            key = load_pem_public_key(text)
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if isinstance(key, Ed25519PublicKey):
            return cls(key)
        if isinstance(key, EllipticCurvePublicKey) and es256.is_p256(key):
            return cls(key)
        raise ConfigurationError(
            "this is no Ed25519 or P-256 public key in PEM form: give the .pub file that"
            " `callvault keygen` wrote, or download the public key from Key Vault"
        )

    @classmethod
    def all_from_pem(cls, text: bytes) -> "list[PublicKey]":
        """Read one public key after the other; `ConfigurationError` where one is none."""
        head, *rest = text.split(_PEM)
        return [cls.from_pem(_PEM + each) for each in rest] if rest else [cls.from_pem(head)]

    @property
    def raw(self) -> bytes:
        """The 32 bytes of an Ed25519 key, or the 65 of an uncompressed point (04, x, y)."""
        if isinstance(self._key, Ed25519PublicKey):
            return self._key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return self._key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def pem(self) -> bytes:
        """Write the key in PEM."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def proves(self, signature: Signature, data: bytes) -> bool:
        """Tell if the holder of this key's private half signed exactly these bytes."""
        # The key says how it is used, never what was signed: no signature chooses its algorithm.
        if (signature.algorithm, signature.key_id) != (self.algorithm, self.key_id):
            return False
        value = bytes.fromhex(signature.value)
        if not isinstance(self._key, Ed25519PublicKey):
            return es256.proves(self._key, value, data)
        try:
            self._key.verify(value, data)
        except InvalidSignature:
            return False
        return True


class Signer:
    """A private key that signs, wherever it is: the bytes go to it, and a signature comes back."""

    def __init__(self, public: PublicKey, sign: Callable[[bytes], bytes]) -> None:
        """``sign`` returns the 64 bytes of a signature; of ES256 r and s, with any of both s."""
        self.public = public
        self._sign = sign

    @classmethod
    def generate(cls, algorithm: SignatureAlgorithm = "Ed25519") -> "PrivateKey":
        """Make a new key in memory."""
        if algorithm == "ES256":
            return PrivateKey(generate_private_key(SECP256R1()))
        return PrivateKey(Ed25519PrivateKey.generate())

    @classmethod
    def from_secret(cls, secret: str) -> "PrivateKey":
        """Read a private key: PEM, not encrypted, or the 32 raw bytes of Ed25519 in base64.

        Raises `ConfigurationError` where it is neither; the message never repeats the secret.
        """
        text = secret.strip()
        key = _from_pem(text) if text.startswith("-----BEGIN") else _from_base64(text)
        if key is None:
            # not chained: the causes' messages may quote the secret
            raise ConfigurationError(
                "the signing key is neither an Ed25519 or P-256 private key in PEM form without a"
                " passphrase, nor 32 bytes in base64: make one with `callvault keygen`"
            )
        return PrivateKey(key)

    def sign(self, data: bytes) -> Signature:
        """Sign exactly these bytes; `BrokenContent` where what comes back does not prove them."""
        value = self._sign(data)
        if self.public.algorithm == "ES256":
            value = es256.with_low_s(value)
        if len(value) == es256.LENGTH:
            signature = Signature(
                algorithm=self.public.algorithm, key_id=self.public.key_id, value=value.hex()
            )
            # Nothing that is sealed can be signed again.
            if self.public.proves(signature, data):
                return signature
        raise BrokenContent(
            f"key {self.public.key_id} returned a signature that it does not prove: nothing was"
            " signed; find out whether the key was replaced",
            owner="caller",
        )


class PrivateKey(Signer):
    """A signer whose key is in this process's memory."""

    def __init__(self, key: _Private) -> None:
        self._key = key
        super().__init__(PublicKey(key.public_key()), self._sign_here)

    def pem(self) -> bytes:
        """Write the private key. Keep it where only the worker can read it."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def _sign_here(self, data: bytes) -> bytes:
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(data)
        return es256.sign(self._key, data)


SignerOf = Callable[[str], Signer | None]
"""The signer of an archive, by the archive's name; None where no key is configured."""


def _from_pem(text: str) -> _Private | None:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if isinstance(key, Ed25519PrivateKey):
        return key
    return key if isinstance(key, EllipticCurvePrivateKey) and es256.is_p256(key) else None


def _from_base64(text: str) -> Ed25519PrivateKey | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return Ed25519PrivateKey.from_private_bytes(raw) if len(raw) == _RAW_LENGTH else None
