"""The contents of an archive in a directory, read without Callvault."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from bench.chaos.objects import Object, is_document

_NOT_MEDIA = (".json", ".pem")


def objects_of(root: Path) -> list[Object]:
    """Read every media file, and the metadata file beside it."""
    return [
        Object(
            path.relative_to(root).as_posix(),
            _document_id(path),
            _digest(path),
            _digest(_metadata_of(path)),
        )
        for path in _media(root)
    ]


def json_of(root: Path) -> dict[str, bytes]:
    """Read every manifest, and every link of their chain."""
    names = (path.relative_to(root).as_posix() for path in root.rglob("[!.]*.json"))
    return {name: (root / name).read_bytes() for name in names if is_document(name)}


def documents_in(root: Path) -> frozenset[str]:
    """List the ids of the documents whose media and metadata are there."""
    return frozenset(_document_id(path) for path in _media(root) if _metadata_of(path).exists())


def unlinked_in(root: Path) -> frozenset[str]:
    """List the ids of the documents whose manifest is named by no link."""
    documents = {name: json.loads(text) for name, text in json_of(root).items()}
    links = (each for name, each in documents.items() if name.startswith("manifests/"))
    linked = {(each.get("manifest") or {}).get("objectName") for each in links}
    return frozenset(
        chunk["documentId"]
        for name, manifest in documents.items()
        if name.startswith("recordings/") and name not in linked
        for chunk in manifest["chunks"]
    )


def _media(root: Path) -> Iterator[Path]:
    for folder, _, files in os.walk(root):
        for name in files:
            if not name.startswith(".") and not name.endswith(_NOT_MEDIA):
                yield Path(folder, name)


def _metadata_of(path: Path) -> Path:
    return path.with_name(f"{path.name.rpartition('.')[0]}.metadata.json")


def _document_id(path: Path) -> str:
    try:
        facts = json.loads(path.with_name(f".{path.name}.json").read_bytes())
    except FileNotFoundError:
        # A copy may have been made between the two: then the file's own name tells.
        return path.stem.partition("-")[2]
    return str(facts["metadata"].get("document_id", ""))


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
