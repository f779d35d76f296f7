"""The vCon follows draft-ietf-vcon-vcon-core-03: its rules here, the working group's library apart.

`make vcon` runs the library, which needs a newer Python than Callvault and two packages of its own.
"""

import base64
import hashlib
import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from callvault.archive.manifests.documents import Keyring, is_proven_by, read_document
from callvault.archive.stores.directory import DirectoryArchive
from callvault.contracts.manifest import Manifest
from callvault.evidence.people import People
from callvault.evidence.recording import RecordingFacts, sealed_recording
from callvault.evidence.vcon import Dialog, content_hash, vcon_of
from tests.archive.sealed import SIGNER

from .calls import ANNA, BERT, hashed, sealed_call, unmixed

MADE = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)
PHONE_OF_BERT = "4:+49301234567"

_CHECK = """
import sys
from vcon import Vcon
is_valid, errors = Vcon.build_from_json(sys.stdin.read()).is_valid()
sys.exit(None if is_valid else "; ".join(errors))
"""


@pytest.fixture
def facts(directory_archive: DirectoryArchive) -> RecordingFacts:
    found = sealed_call(directory_archive)
    keys = Keyring([SIGNER.public])
    return sealed_recording(directory_archive, found.object_name, keys, lambda raw: [hashed(raw)])


def manifest_bytes(archive: DirectoryArchive, facts: RecordingFacts) -> bytes:
    return b"".join(archive.read(facts.manifest.object_name))


@pytest.fixture
def vcon(directory_archive: DirectoryArchive, facts: RecordingFacts) -> dict[str, Any]:
    """Write the vCon of the whole file, for Anna."""
    people = People(facts, subjects=[hashed(ANNA)], are_hashes_shown=False)
    channels = [[hashed(ANNA)], [hashed(BERT)]]
    digest = hashlib.sha512(unmixed()).hexdigest()
    dialog = Dialog(facts.manifest.chunks[0], "media-0000.wav", digest, channels, unmixed())
    manifest = manifest_bytes(directory_archive, facts).decode()
    made = vcon_of(facts, people, {hashed(ANNA): ANNA}, [dialog], manifest, MADE)
    found: dict[str, Any] = json.loads(json.dumps(made))
    return found


def test_its_members_are_those_of_the_draft(vcon: dict[str, Any]) -> None:
    assert set(vcon) == {
        "vcon",
        "uuid",
        "created_at",
        "subject",
        "parties",
        "dialog",
        "attachments",
        "analysis",
    }
    assert vcon["vcon"] == "0.4.0"  # section vcon
    assert UUID(vcon["uuid"]).version == 8  # section uuid
    assert vcon["created_at"] == "2026-03-09T08:30:00.000Z"


def test_an_external_file_has_the_hash_of_the_draft(vcon: dict[str, Any]) -> None:
    """Section JSON Notation: ``sha512``, a hyphen, and the digest in base64url without padding."""
    (dialog,) = vcon["dialog"]
    name, _, digest = dialog["content_hash"].partition("-")
    assert name == "sha512"
    padded = digest + "=" * (-len(digest) % 4)
    assert base64.urlsafe_b64decode(padded) == hashlib.sha512(unmixed()).digest()
    assert base64.urlsafe_b64decode(dialog["body"] + "==") == unmixed()
    assert dialog["encoding"] == "base64url"
    assert content_hash("00" * 64) == f"sha512-{'A' * 86}"


def test_each_channel_has_its_party(vcon: dict[str, Any]) -> None:
    """Section parties: of several channels an array of the same size."""
    (dialog,) = vcon["dialog"]
    assert dialog["type"] == "recording"
    assert dialog["parties"] == [0, 1]
    assert dialog["mediatype"] == "audio/x-wav"
    assert dialog["start"] == "2026-03-02T12:00:00.000Z"
    assert dialog["duration"] == pytest.approx(12, abs=0.2)
    assert [(each["party"], each["event"]) for each in dialog["party_history"]] == [
        (0, "join"),
        (1, "join"),
        (1, "drop"),
    ]


def test_others_are_parties_without_a_name(vcon: dict[str, Any]) -> None:
    assert vcon["parties"] == [{"name": ANNA}, {"name": "Person 2"}, {"name": "Callvault"}]
    text = json.dumps({**vcon, "attachments": []})
    assert hashed(BERT) not in text
    assert "1234567" not in text


def test_a_telephone_is_a_tel_url(facts: RecordingFacts) -> None:
    people = People(facts, subjects=[hashed(BERT)])
    made = vcon_of(facts, people, {hashed(BERT): PHONE_OF_BERT}, [], "{}", MADE)
    assert made["parties"][1] == {"name": PHONE_OF_BERT, "tel": "tel:+49301234567"}


def test_the_manifest_in_it_can_be_proven(vcon: dict[str, Any]) -> None:
    manifest, consents = vcon["attachments"]
    data = manifest["body"].encode()
    assert is_proven_by(SIGNER.public, read_document(Manifest, data), data)
    assert manifest["encoding"] == "none"
    for each in (manifest, consents):
        assert vcon["parties"][each["party"]] == {"name": "Callvault"}
        assert each["dialog"] < len(vcon["dialog"])
    assert [each["participant"] for each in consents["body"]] == [hashed(ANNA)]


def test_a_file_that_is_not_given_out_has_no_content(facts: RecordingFacts) -> None:
    people = People(facts)
    made = vcon_of(facts, people, {}, [Dialog(facts.manifest.chunks[0])], "{}", MADE)
    (dialog,) = made["dialog"]
    assert not {"body", "url", "encoding", "content_hash", "filename"} & set(dialog)
    # and without any dialog there is nothing that an attachment could belong to
    assert vcon_of(facts, people, {}, [], "{}", MADE)["attachments"] == []


def test_its_id_is_the_same_again_and_another_for_others(facts: RecordingFacts) -> None:
    people = People(facts)

    def made(*who: str, later: int = 0) -> str:
        at = MADE + timedelta(days=later)
        found = vcon_of(facts, people, dict.fromkeys(who, "x"), [], "{}", at)
        return str(found["uuid"])

    assert made(hashed(ANNA)) == made(hashed(ANNA), later=1)
    assert made(hashed(ANNA)) != made(hashed(BERT))


def test_the_library_of_the_working_group_takes_it(vcon: dict[str, Any], tmp_path: Path) -> None:
    python = os.environ.get("VCON_PYTHON")
    if python is None:
        pytest.skip("the library vcon needs an environment of its own: make vcon")
    ended = subprocess.run(
        [python, "-W", "ignore", "-c", _CHECK],
        input=json.dumps(vcon),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
