"""Keys: which can sign here, and what each of them proves."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from callvault.archive.manifests.keys import PrivateKey, PublicKey, Signer
from callvault.errors import BrokenContent, ConfigurationError

KEYS = {kind: Signer.generate(kind) for kind in ("Ed25519", "ES256")}
P384, RSA = generate_private_key(SECP384R1()), rsa(65537, 2048)
DATA = b"what is sealed"


def pem_of(key, password: bytes | None = None) -> bytes:
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


def public_pem_of(key) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(("kind", "length"), [("Ed25519", 32), ("ES256", 65)])
def test_a_key_is_of_its_kind_and_read_as_it_was_written(kind: str, length: int) -> None:
    key = KEYS[kind]
    assert (key.public.algorithm, len(key.public.raw)) == (kind, length)
    for read in (
        PublicKey.from_pem(key.public.pem()),
        Signer.from_secret(key.pem().decode()).public,
    ):
        assert (read.algorithm, read.key_id) == (kind, key.public.key_id)
    assert Signer.generate().public.algorithm == "Ed25519"


@pytest.mark.parametrize("mine", KEYS)
@pytest.mark.parametrize("theirs", KEYS)
def test_a_key_proves_what_it_signed_by_its_own_algorithm_alone(mine: str, theirs: str) -> None:
    signature = KEYS[mine].sign(DATA)
    public = KEYS[theirs].public
    assert public.proves(signature, DATA) is (mine == theirs)
    assert not public.proves(signature, b"other")
    posing = signature.model_copy(update={"algorithm": theirs, "key_id": public.key_id})
    assert public.proves(posing, DATA) is (mine == theirs)
    renamed = signature.model_copy(update={"key_id": "0" * 16})
    assert not public.proves(renamed, DATA)
    other = {"Ed25519": "ES256", "ES256": "Ed25519"}[mine]
    assert not KEYS[mine].public.proves(signature.model_copy(update={"algorithm": other}), DATA)


@pytest.mark.parametrize(
    "text", [b"", b"no pem", public_pem_of(P384), public_pem_of(RSA), pem_of(RSA)]
)
def test_a_public_key_of_another_kind_is_refused(text: bytes) -> None:
    with pytest.raises(ConfigurationError, match="no Ed25519 or P-256 public key"):
        PublicKey.from_pem(text)


@pytest.mark.parametrize("length", [31, 32, 33])
def test_32_bytes_in_base64_are_a_key(length: int) -> None:
    text = base64.b64encode(bytes(length)).decode()
    if length == 32:
        assert Signer.from_secret(f" {text}\n").public.algorithm == "Ed25519"
    else:
        with pytest.raises(ConfigurationError):
            Signer.from_secret(text)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "not base64!",
        pem_of(P384).decode(),
        pem_of(RSA).decode(),
        pem_of(P384, b"passphrase").decode(),
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
    ],
)
def test_a_private_key_of_another_kind_is_refused_and_never_repeated(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="callvault keygen") as error:
        Signer.from_secret(secret)
    assert error.value.__cause__ is None
    assert not secret or secret[30:60] not in str(error.value) or not secret[30:60]


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("returned", [b"", bytes(63), bytes(64), bytes(65)])
def test_what_comes_back_and_proves_nothing_is_no_signature(kind: str, returned: bytes) -> None:
    signer = Signer(KEYS[kind].public, lambda _: returned)
    with pytest.raises(BrokenContent, match="does not prove"):
        signer.sign(DATA)


@pytest.mark.parametrize("kind", KEYS)
def test_a_signer_elsewhere_is_believed_by_its_public_key(kind: str) -> None:
    held: PrivateKey = KEYS[kind]
    signer = Signer(held.public, lambda data: bytes.fromhex(held.sign(data).value))
    assert held.public.proves(signer.sign(DATA), DATA)
