"""Signed documents with any content end in a finding: verify, failback and reconcile (fault C4)."""

import json
import random
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from callvault.archive.failback.candidates import failback_candidates
from callvault.archive.failback.failback import Failback
from callvault.archive.manifests.documents import Keyring, sha256
from callvault.archive.names import link_object_name
from callvault.archive.store import put_bytes
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.verifier import verify_archive
from callvault.errors import CallvaultError
from callvault.reconcile.inventory import Inventory
from tests.archive.sealed import NOON, SIGNER, archived, judged, paused, sealed, wav

KEYS = Keyring([SIGNER.public])
ROUNDS = 60
USED = {"objectName", "size", "sha256", "sequence", "index", "durationMs", "properties", "check"}
"""Members that are worked with, not only copied: tried more often."""

ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    2**53 - 1,
    1.7e308,
    "",
    "\x1b[31mred",
    "recordings/../../etc/passwd",
    "/etc/passwd",
    "recordings/2026",
    "recordings/a/manifest.json",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "2026-03-02T12:00:00",
    "a" * 70_000,
    [],
    {},
    [[[[]]]],
    ["a"] * 5_000,
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("vault")
    archive = DirectoryArchive("main", root)
    media = wav(0.1)
    chunk = archived(archive, media=media, duration_ms=100, check=judged(media, 100))
    sealed(archive, chunk, recording_duration_ms=100, pauses=[paused()])
    return root


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every member of a document, as its holder and its key."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(items):
        yield tree, key
        if isinstance(value, dict | list):
            yield from places(value)


def altered(data: bytes, dice: random.Random) -> bytes:
    """Change a member or two, and sign the document again."""
    tree = json.loads(data)
    for _ in range(dice.randint(1, 2)):
        every = list(places(tree))
        used = [place for place in every if place[1] in USED]
        holder, key = dice.choice(used if used and dice.random() < 0.5 else every)
        alike = [odd for odd in ODD if type(odd) is type(holder[key])]
        # mostly of the member's own type, so that the document as such can be read
        holder[key] = dice.choice(alike if alike and dice.random() < 0.8 else ODD)
    return signed(tree)


def signed(tree: dict[str, Any]) -> bytes:
    tree.pop("signature", None)
    signature = SIGNER.sign(rfc8785.dumps(tree)).model_dump(mode="json")
    return rfc8785.dumps({**tree, "signature": signature})


def rewrite(archive: DirectoryArchive, name: str, data: bytes) -> None:
    path = Path(archive.location(name))
    path.unlink()
    path.with_name(f".{path.name}.json").unlink()
    put_bytes(archive, name, data, content_type="application/json", metadata={})


def tamper(archive: DirectoryArchive, dice: random.Random) -> str:
    """Alter the manifest and link it, or alter the link; returns the name of what was altered."""
    link_name = link_object_name(1)
    link = json.loads(b"".join(archive.read(link_name)))
    if dice.random() < 0.25:
        rewrite(archive, link_name, altered(b"".join(archive.read(link_name)), dice))
        return link_name
    name = link["manifest"]["objectName"]
    data = altered(b"".join(archive.read(name)), dice)
    rewrite(archive, name, data)
    link["manifest"].update(size=len(data), sha256=sha256(data))
    rewrite(archive, link_name, signed(link))
    return str(name)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_c4_a_signed_document_of_any_content_ends_in_a_finding(
    template: Path, tmp_path: Path, seed: int
) -> None:
    vault = DirectoryArchive("main", shutil.copytree(template, tmp_path / "vault"))
    primary = DirectoryArchive("home", tmp_path / "home")
    primary.make()
    tamper(vault, random.Random(seed))
    report = verify_archive(vault, KEYS)
    json.loads(report.model_dump_json())
    assert "\x1b" not in report.model_dump_json().encode().decode("unicode_escape", "replace")
    for each in failback_candidates(vault):
        assert isinstance(each.matches("call-1"), bool)
        try:
            Failback(vault, primary, KEYS, SIGNER, lambda: NOON).fail_back(each)
        except CallvaultError:
            continue
    inventory = Inventory({"main": lambda: vault})
    inventory.list_objects(NOON - timedelta(days=1), NOON + timedelta(days=1))
    expected = [each for found in inventory.manifests([]) for each in found.record.expected_objects]
    inventory.discrepancies(expected, deep=True)
