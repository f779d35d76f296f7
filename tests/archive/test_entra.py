"""An Entra ID token opens the archive: Azurite with TLS, which then insists on real claims."""

import base64
import json
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from azure.core.credentials import AccessToken
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from callvault.archive.store import StoredObject
from callvault.archive.stores.blob import BlobArchive
from callvault.azure_storage.clients import StorageAccess
from callvault.errors import AccessDenied
from callvault.local import azurite as local
from callvault.local.processes import Supervisor

Write = Callable[..., StoredObject]
NAME = "recordings/0000-document.mp4"


class Identity:
    """A `TokenCredential` whose tokens say what Entra ID's say; Azurite checks no signature."""

    def __init__(self, *, audience: str | None = None) -> None:
        self.scopes: list[tuple[str, ...]] = []
        self._audience = audience

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        self.scopes.append(scopes)
        now = int(time.time())
        claims = {
            "aud": self._audience or scopes[0].removesuffix("/.default"),
            "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
            "oid": "0b5b3a9b-5a1b-4f3a-8f0e-1f2a3b4c5d6e",
            "tid": "ab1f708d-50f6-404c-a006-d71b2ac7a606",
            "iat": now - 60,
            "nbf": now - 60,
            "exp": now + 3600,
        }
        parts = (json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims))
        text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
        return AccessToken(f"{text}.c2ln", now + 3600)


def write_certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = directory / "cert.pem", directory / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


@pytest.fixture
def account_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Supervisor], str]:
    """Start an Azurite that speaks TLS and takes tokens."""

    def start(supervisor: Supervisor) -> str:
        certificate, key = write_certificate(tmp_path)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        options = ["--oauth", "basic", "--cert", str(certificate), "--key", str(key)]
        process = supervisor.start(
            "azurite",
            [
                local._node(),
                local._installed(local.BLOB_SERVICE),
                *local._options("blob", None, 0),
                *options,
            ],
            environment={**os.environ, "AZURITE_ACCOUNTS": "somebody:c2VjcmV0"},
        )
        address = process.wait_for(lambda: re.search(r"listens on (https://\S+)", process.tail()))
        return f"{address[1]}/somebody"

    return start


def test_identity_reads_and_writes(
    account_url: Callable[[Supervisor], str], tmp_path: Path, write: Write
) -> None:
    identity = Identity()
    with Supervisor(tmp_path) as supervisor:
        url = account_url(supervisor)
        archive = BlobArchive.open(
            "main", StorageAccess(account_url=url, credential=identity), "recordings"
        )
        archive.make()
        stored = write(archive, NAME, b"media", metadata={"document_id": "1"})
        assert archive.stat(NAME) == stored
        assert b"".join(archive.read(NAME)) == b"media"
        assert archive.location(NAME) == f"{url}/recordings/{NAME}"
        archive.close()

        stranger = Identity(audience="https://graph.microsoft.com")
        archive = BlobArchive.open(
            "main", StorageAccess(account_url=url, credential=stranger), "recordings"
        )
        with pytest.raises(AccessDenied):
            archive.make()
        archive.close()
    assert set(identity.scopes) == {("https://storage.azure.com/.default",)}
