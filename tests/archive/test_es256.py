"""ES256 beside Ed25519: one form of each signature, and none that chooses its algorithm."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from pydantic import ValidationError
from typer.testing import CliRunner

from callvault.archive.manifests import es256
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.key_vault import key_vault_signer
from callvault.archive.manifests.keys import PublicKey, Signer
from callvault.archive.store import Archive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.verifier import verify_archive
from callvault.cli.main import app
from callvault.clients import open_signer
from callvault.config.storage import DirectorySettings
from callvault.contracts.manifest import Signature
from callvault.errors import (
    AccessDenied,
    BrokenContent,
    CallvaultError,
    ConfigurationError,
    Throttled,
    Unavailable,
)
from tests.archive.key_vault import VERSION, Token, Vault, serving
from tests.archive.sealed import SIGNER, lost, sealed
from tests.archive.test_proof import rewrite

ES256 = Signer.generate("ES256")
DATA = b"what is sealed"


def content(archive: Archive, name: str) -> bytes:
    return b"".join(archive.read(name))


def changed(signature: Signature, **facts: Any) -> Signature:
    return signature.model_copy(update=facts)


def with_s(signature: Signature, s: int) -> Signature:
    return changed(signature, value=signature.value[:64] + f"{s:064x}")


def test_a_signature_is_r_and_s_of_ecdsa_with_sha256() -> None:
    """By the library alone, as an auditor does it."""
    signature = ES256.sign(DATA)
    r, s = int(signature.value[:64], 16), int(signature.value[64:], 16)
    key = load_pem_public_key(ES256.public.pem())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(encode_dss_signature(r, s), DATA, ec.ECDSA(SHA256()))
    assert (signature.algorithm, signature.key_id) == ("ES256", ES256.public.key_id)


def test_every_signature_has_the_lower_s_and_the_higher_one_proves_nothing() -> None:
    for number in range(40):
        data = f"{number}".encode()
        signature = ES256.sign(data)
        s = int(signature.value[64:], 16)
        assert s <= es256.ORDER // 2
        assert ES256.public.proves(signature, data)
        assert not ES256.public.proves(with_s(signature, es256.ORDER - s), data)


@pytest.mark.parametrize("s", [0, es256.ORDER, es256.ORDER // 2 + 1, 2**256 - 1])
def test_numbers_out_of_their_range_prove_nothing(s: int) -> None:
    signature = ES256.sign(DATA)
    assert not ES256.public.proves(with_s(signature, s), DATA)
    swapped = changed(signature, value=f"{s:064x}" + signature.value[64:])
    assert not ES256.public.proves(swapped, DATA)


@pytest.mark.parametrize("value", ["", "ab" * 63, "ab" * 65, "AB" * 64, "ab" * 63 + "a "])
def test_a_signature_of_another_length_or_spelling_is_no_document(value: str) -> None:
    with pytest.raises(ValidationError):
        Signature(algorithm="ES256", key_id=ES256.public.key_id, value=value)


def test_the_key_and_never_the_signature_says_which_algorithm_it_is() -> None:
    for signer, other in ((ES256, SIGNER), (SIGNER, ES256)):
        signature = signer.sign(DATA)
        assert signer.public.proves(signature, DATA)
        assert not signer.public.proves(signature, DATA + b"!")
        named = changed(signature, algorithm=other.public.algorithm)
        assert not signer.public.proves(named, DATA)
        assert not other.public.proves(named, DATA)
        assert not other.public.proves(changed(named, key_id=other.public.key_id), DATA)


def test_an_algorithm_that_is_unknown_or_none_is_no_document() -> None:
    for algorithm in ("none", "HS256", "es256", "Ed25519ph", ""):
        with pytest.raises(ValidationError):
            Signature.model_validate({**ES256.sign(DATA).model_dump(), "algorithm": algorithm})


def rotated(archive: Archive) -> None:
    """An archive whose key was rotated from Ed25519 to ES256, and back."""
    for number, signer in enumerate((SIGNER, ES256, SIGNER, ES256)):
        sealed(archive, lost(0, "gone"), recording_id=f"rec-{number}", signer=signer)


def test_an_archive_of_both_algorithms_verifies(archive: Archive) -> None:
    rotated(archive)
    assert verify_archive(archive, Keyring([SIGNER.public, ES256.public])).ok
    assert verify_archive(archive, Keyring()).ok
    for only, number in ((SIGNER, 2), (ES256, 1)):
        report = verify_archive(archive, Keyring([only.public]))
        assert "which is not among those given" in report.problems[0].text
        assert report.problems[0].object_name == f"manifests/{number:010d}.json"


@pytest.mark.parametrize("change", ["higher s", "other algorithm"])
def test_a_document_with_another_form_of_its_signature_is_named(
    directory_archive: DirectoryArchive, change: str
) -> None:
    """Of the newest link: no other document holds its hash."""
    rotated(directory_archive)
    name = "manifests/0000000004.json"
    link = json.loads(content(directory_archive, name))
    value = link["signature"]["value"]
    if change == "higher s":
        s = es256.ORDER - int(value[64:], 16)
        link["signature"]["value"] = value[:64] + f"{s:064x}"
    else:
        link["signature"]["algorithm"] = "Ed25519"
    rewrite(directory_archive, name, rfc8785.dumps(link))
    report = verify_archive(directory_archive, Keyring([SIGNER.public, ES256.public]))
    assert [each.object_name for each in report.problems] == [name]
    assert "does not fit" in report.problems[0].text


def pems(key: Any) -> tuple[bytes, str]:
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return public, private.decode()


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-384", "secp256k1", "RSA"],
)
def test_a_key_of_another_kind_is_refused(key: Any) -> None:
    public, private = pems(key)
    with pytest.raises(ConfigurationError, match="no Ed25519 or P-256 public key"):
        PublicKey.from_pem(public)
    with pytest.raises(ConfigurationError, match="neither an Ed25519 or P-256"):
        Signer.from_secret(private)


def test_keygen_makes_a_key_of_either_algorithm(tmp_path: Path) -> None:
    for algorithm in ("Ed25519", "ES256"):
        file = tmp_path / algorithm
        made = CliRunner().invoke(app, ["keygen", str(file), "--algorithm", algorithm, "--json"])
        assert made.exit_code == 0
        signer = Signer.from_secret(file.read_text())
        public = PublicKey.from_pem(file.with_name(f"{algorithm}.pub").read_bytes())
        assert signer.public.algorithm == public.algorithm == algorithm
        assert json.loads(made.output)["algorithm"] == algorithm
        assert public.proves(signer.sign(DATA), DATA)
    refused = CliRunner().invoke(app, ["keygen", str(tmp_path / "x"), "--algorithm", "RS256"])
    assert refused.exit_code == 2


@pytest.mark.parametrize("file", ["", ".", "/"])
def test_keygen_of_no_file_is_a_wrong_argument(file: str) -> None:
    refused = CliRunner().invoke(app, ["keygen", file])
    assert refused.exit_code == 2
    assert "is no file: name one" in refused.stderr


@pytest.fixture
def vault() -> Iterator[Vault]:
    with serving(Vault()) as served:
        yield served


def signer_of(vault: Vault, token: Token | None = None) -> Signer:
    return key_vault_signer(f"{vault.url}/keys/seal", token or Token())


def test_a_key_in_key_vault_seals_and_its_public_half_proves(
    archive: Archive, vault: Vault
) -> None:
    signer = signer_of(vault)
    sealed(archive, lost(0, "gone"), signer=signer)
    report = verify_archive(archive, Keyring([PublicKey.from_pem(signer.public.pem())]))
    assert report.problems == []
    assert report.warnings[0].text.startswith("when it was sealed")
    version = f"/keys/seal/{VERSION}"
    assert vault.requests == [
        "GET /keys/seal?api-version=7.4",
        *[f"POST {version}/sign?api-version=7.4"] * 2,
    ]


def test_key_vault_may_return_either_s(vault: Vault) -> None:
    for low in (True, False):
        vault.s_of = lambda s, low=low: s if (s <= es256.ORDER // 2) is low else es256.ORDER - s
        signer = signer_of(vault)
        assert signer.public.proves(signer.sign(DATA), DATA)


def test_a_token_is_asked_for_the_cloud_of_the_vault(vault: Vault) -> None:
    token = Token()
    vault.url = vault.url.replace("127.0.0.1", "localhost")
    with pytest.raises(CallvaultError):
        key_vault_signer("http://127.0.0.1:9/keys/seal", token)
    assert token.scopes == ["https://0.0.1/.default"]


def test_nothing_is_signed_by_a_key_that_was_replaced(vault: Vault) -> None:
    signer = signer_of(vault)
    vault.key = Vault().key
    with pytest.raises(BrokenContent, match="does not prove: nothing was signed"):
        signer.sign(DATA)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b"{}", AccessDenied),
        (403, b"{}", AccessDenied),
        (404, b"{}", AccessDenied),
        (429, b"{}", Throttled),
        (500, b"{}", Unavailable),
        (302, b"{}", Unavailable),
        (200, b"<html>", Unavailable),
        (200, b"[]", Unavailable),
        (200, b"{}", Unavailable),
    ],
)
def test_each_refusal_says_what_to_do(
    vault: Vault, status: int, body: bytes, kind: type[CallvaultError]
) -> None:
    vault.answer = status, body
    with pytest.raises(kind, match=re.escape(vault.url)) as refused:
        signer_of(vault)
    assert refused.value.retry_after == (timedelta(seconds=7) if status == 429 else None)


@pytest.mark.parametrize("value", ["", "YQ", "?", "A" * 88])
def test_an_answer_that_is_no_signature_signs_nothing(vault: Vault, value: str) -> None:
    signer = signer_of(vault)
    vault.answer = 200, json.dumps({"value": value}).encode()
    with pytest.raises(BrokenContent, match="nothing was signed"):
        signer.sign(DATA)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"kty": "RSA"}, ConfigurationError),
        ({"crv": "P-384"}, ConfigurationError),
        ({"x": "AQ"}, ConfigurationError),
        ({"y": "?"}, ConfigurationError),
    ],
)
def test_a_key_that_cannot_sign_es256_is_refused(
    vault: Vault, told: dict[str, str], kind: type[CallvaultError]
) -> None:
    vault.told = told
    with pytest.raises(kind, match="P-256"):
        signer_of(vault)


def test_the_token_goes_to_no_other_place_than_the_vault(vault: Vault) -> None:
    with serving(Vault()) as other:
        vault.told = {"kid": f"{other.url}/keys/seal/{VERSION}"}
        signer = signer_of(vault)
        with pytest.raises(Unavailable, match="as a place of its own"):
            signer.sign(DATA)
        assert other.requests == []


def test_the_settings_name_one_key_at_most(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    facts: dict[str, Any] = {"kind": "directory", "path": "/a"}
    url = f"{vault.url}/keys/seal"
    settings = DirectorySettings(**facts, signing_key_vault=url)
    assert settings.is_signed
    assert not DirectorySettings(**facts).is_signed
    monkeypatch.setattr("callvault.archive.manifests.key_vault.ProcessIdentity", Token)
    signer = open_signer(settings)
    assert signer
    assert signer.public.proves(signer.sign(DATA), DATA)
    with pytest.raises(ValidationError, match="not both"):
        DirectorySettings(**facts, signing_key="env:X", signing_key_vault=url)
    for wrong in ("https://x.vault.azure.net/secrets/a", "https://x.vault.azure.net/keys/a/b"):
        with pytest.raises(ValidationError, match="keys/NAME"):
            DirectorySettings(**facts, signing_key_vault=wrong)
