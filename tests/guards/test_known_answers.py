"""Answers computed apart from the code: from docs/manifest.md, and from published vectors."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from activities.webhooks import signature_headers
from callvault.archive.manifests.chain import append
from callvault.archive.stores.directory import DirectoryArchive
from callvault.contracts.manifest import ObjectReference
from tests.archive.sealed import SIGNER, archived, sealed


@pytest.fixture
def directory_archive(tmp_path: Path) -> DirectoryArchive:
    archive = DirectoryArchive("main", tmp_path / "archive")
    archive.make()
    return archive


def written(archive: DirectoryArchive, name: str) -> bytes:
    """Return the bytes of an object as they lie on the disk."""
    return Path(archive.location(name)).read_bytes()


def documented_bytes(document: dict[str, Any]) -> bytes:
    """Write a document without its signature, as docs/manifest.md says: sorted, no white space.

    RFC 8785 also fixes the spelling of numbers; `json` writes those of these documents the same.
    """
    bare = {name: value for name, value in document.items() if name != "signature"}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")


def assert_signed(data: bytes) -> dict[str, Any]:
    """Verify a signed document without any code of Callvault, and return it."""
    document: dict[str, Any] = json.loads(data)
    key = load_pem_public_key(SIGNER.public.pem())
    assert isinstance(key, Ed25519PublicKey)
    key.verify(bytes.fromhex(document["signature"]["value"]), documented_bytes(document))
    return document


def test_i7_the_signature_of_a_manifest_and_of_its_link_covers_every_documented_byte(
    directory_archive: DirectoryArchive,
) -> None:
    sealed(directory_archive, archived(directory_archive))
    found = sealed(
        directory_archive, archived(directory_archive, recording_id="r2"), recording_id="r2"
    )
    manifest = assert_signed(written(directory_archive, found.object_name))
    link = assert_signed(written(directory_archive, "manifests/0000000002.json"))
    assert manifest["previous"]["sequence"] == link["previous"]["sequence"] == 1
    with pytest.raises(InvalidSignature):
        assert_signed(json.dumps({**link, "previous": None}).encode())


def test_i6_who_loses_a_race_follows_the_link_that_won_it(
    directory_archive: DirectoryArchive,
) -> None:
    # Both writers read an empty chain; one was faster.
    for number in (1, 2, 3):
        reference = ObjectReference(object_name=f"m-{number}", size=1, sha256=f"{number:064x}")
        assert append(directory_archive, reference, SIGNER, after=None).sequence == number
    previous = None
    for number in (1, 2, 3):
        data = written(directory_archive, f"manifests/{number:010}.json")
        assert assert_signed(data)["previous"] == previous
        previous = {"sequence": number, "sha256": hashlib.sha256(data).hexdigest()}


def test_an_object_is_on_the_disk_before_its_name_and_its_name_before_the_answer(
    directory_archive: DirectoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, str]] = []
    fsync, link = os.fsync, os.link

    def synced(descriptor: int) -> None:
        steps.append(("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        fsync(descriptor)

    def linked(source: Path, target: Path) -> None:
        steps.append(("link", str(target)))
        link(source, target)

    with directory_archive.begin("recordings/file.wav", block_size=4) as upload:
        upload.put(0, b"once")
        monkeypatch.setattr(os, "fsync", synced)
        monkeypatch.setattr(os, "link", linked)
        upload.commit(size=4, content_type="audio/wav", metadata={})

    path = Path(directory_archive.location("recordings/file.wav"))
    named = steps.index(("link", str(path)))
    before = {Path(what).suffixes[-2] for step, what in steps[:named] if step == "fsync"}
    assert ".json" in before, "its metadata"
    assert len(before) == 2, "and its content"
    assert ("fsync", str(path.parent)) in steps[named:], "its name"


def test_an_alarm_is_signed_as_the_specification_of_standard_webhooks_shows() -> None:
    # The example of the specification's own libraries, github.com/standard-webhooks.
    headers = signature_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        1_614_265_330,
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
