"""Does a restore of the archive tell everything that is to be repaired?"""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench.chaos.backups import Backup, restore_archive
from bench.chaos.directory import objects_of


def archive(root: Path, *, files: dict[str, str], manifest: str, linked: bool) -> Path:
    """Make an archive of files with the ids of their documents, of which one is sealed."""
    for name, document in files.items():
        put(root / "recordings" / f".{name}.wav.json", {"metadata": {"document_id": document}})
        (root / "recordings" / f"{name}.wav").write_bytes(b"sound")
        put(root / "recordings" / f"{name}.metadata.json", {})
    put(root / "recordings" / "manifest.json", {"chunks": [{"documentId": manifest}]})
    named = {"objectName": "recordings/manifest.json"}
    put(root / "manifests" / "0000000001.json", {"manifest": None})
    if linked:
        put(root / "manifests" / "0000000002.json", {"manifest": named})
    return root


def put(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def taken(tmp_path: Path, *, linked: bool) -> frozenset[str]:
    files = {"0000-a": "a", "0001-b": "b"}
    there = archive(tmp_path / "archive", files=files, manifest="a", linked=True)
    copy = archive(tmp_path / "copy", files={"0000-a": "a"}, manifest="a", linked=linked)
    cluster: Any = SimpleNamespace(directory=there)
    return restore_archive(cluster, Backup(0, tmp_path / "db", copy), tmp_path / "aside")


def test_what_the_archive_no_longer_has_is_told(tmp_path: Path) -> None:
    assert taken(tmp_path, linked=True) == {"b"}


def test_a_manifest_whose_link_came_after_the_copy_is_told(tmp_path: Path) -> None:
    assert taken(tmp_path, linked=False) == {"a", "b"}


def test_a_file_without_its_hidden_one_is_known_by_its_name(tmp_path: Path) -> None:
    """A copy was made between the two: the file counted as one that nobody had made."""
    root = archive(tmp_path, files={"0000-0-eus-d1-a": "0-eus-d1-a"}, manifest="a", linked=True)
    (root / "recordings" / ".0000-0-eus-d1-a.wav.json").unlink()
    assert [each.document_id for each in objects_of(root)] == ["0-eus-d1-a"]
