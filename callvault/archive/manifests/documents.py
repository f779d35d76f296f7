"""Signed JSON documents, in one spelling for each content, and the keys that prove them."""

import hashlib
import json
from collections.abc import Iterable
from contextlib import nullcontext
from threading import BoundedSemaphore
from typing import Any, TypeVar

import rfc8785
from pydantic import ValidationError

from callvault.archive.manifests.keys import PublicKey, Signer
from callvault.archive.store import MAX_DOCUMENT
from callvault.contracts.access import AccessRecord
from callvault.contracts.base import Message, explain
from callvault.contracts.checkpoints import Checkpoint
from callvault.contracts.duties import DutyRecord
from callvault.contracts.erasures import ErasureCertificate, ErasureRecord, Tombstone
from callvault.contracts.holds import HoldRecord
from callvault.contracts.json_text import check_depth, without_texts
from callvault.contracts.manifest import ChainLink, Manifest, ObjectReference
from callvault.errors import BrokenContent, InvalidRequest

Document = TypeVar(
    "Document",
    Manifest,
    ChainLink,
    Checkpoint,
    DutyRecord,
    HoldRecord,
    ErasureRecord,
    ErasureCertificate,
    Tombstone,
    AccessRecord,
)
AnyDocument = (
    Manifest
    | ChainLink
    | Checkpoint
    | DutyRecord
    | HoldRecord
    | ErasureRecord
    | ErasureCertificate
    | Tombstone
    | AccessRecord
)

MAX_VALUES = 400_000
"""Values of a document at most, by its commas and opening brackets outside of texts.

A manifest of 500 files has some 30,000, and an order of 2 MiB, were it all pauses, 120,000 more.
Each takes a hundred bytes of memory or more once it is parsed, however short it is written.
"""

LARGE_DOCUMENT = 64 * 1024
"""Bytes from which on a document waits for others to be parsed; most have a quarter of that."""

_MAX_LARGE = 2
_large = BoundedSemaphore(_MAX_LARGE)
"""Large documents that are parsed at a time: Python runs no more beside each other anyway."""

MAX_INTEGER = 2**53 - 1
"""The largest that every reader of JSON keeps to the last digit."""

UNSIGNED_DESPITE_KEY = (
    "it is unsigned, though a key was given: its signature was removed, or it never had one"
)


def canonical(message: Message) -> bytes:
    """Write the message in the one spelling of RFC 8785."""
    return canonical_tree(message.model_dump(mode="json"))


def sha256(data: bytes) -> str:
    """Return the SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha512(data: bytes) -> str:
    """Return the SHA-512 in lower-case hexadecimal."""
    return hashlib.sha512(data).hexdigest()


def reference_to(object_name: str, data: bytes) -> ObjectReference:
    """Refer to an object of these bytes."""
    return ObjectReference(
        object_name=object_name, size=len(data), sha256=sha256(data), sha512=sha512(data)
    )


def signed(document: Document, signer: Signer | None) -> bytes:
    """Write the document with its signature, or with none where there is no signer."""
    bare = document.model_copy(update={"signature": None})
    if signer is None:
        return _readable(bare)
    signature = signer.sign(_to_sign(bare.model_dump(mode="json")))
    return _readable(bare.model_copy(update={"signature": signature}))


def _readable(document: Document) -> bytes:
    """Write a document; `InvalidRequest` where nobody could read it: it may lie there for years."""
    data = canonical(document)
    try:
        read_document(type(document), data)
    except BrokenContent as error:
        raise InvalidRequest(
            f"this {type(document).__name__} could not be read again ({error}): nothing is written"
        ) from error
    return data


def read_document(model: type[Document], data: bytes) -> Document:
    """Read a document that `signed` wrote; `BrokenContent` where a single byte differs.

    The signature is not judged here: see `is_proven_by`.
    """
    with _large if len(data) > LARGE_DOCUMENT else nullcontext():
        return _read(model, data)


def _read(model: type[Document], data: bytes) -> Document:
    try:
        tree = parsed(data)
        if canonical_tree(tree) != data:
            raise BrokenContent("it is not canonical JSON: it was changed", owner="archive")
        return model.model_validate(tree)
    except ValidationError as error:
        problem = explain(error)
    except (ValueError, InvalidRequest, RecursionError):
        problem = "it is not JSON"
    raise BrokenContent(f"{problem}: it was changed", owner="archive")


def is_proven_by(key: PublicKey, document: AnyDocument, data: bytes) -> bool:
    """Tell if ``data``, which `read_document` read as ``document``, was signed with the key."""
    signature = document.signature
    return signature is not None and key.proves(signature, _to_sign(parsed(data)))


class Keyring:
    """Public keys that a verification believes: those given or, without any, the archive's own."""

    def __init__(self, given: Iterable[PublicKey] = ()) -> None:
        self._keys = {key.key_id: key for key in given}
        self.is_given = bool(self._keys)

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._keys

    def offer(self, key: PublicKey) -> None:
        """Add a key that lies in the archive, unless keys were given: those alone are believed."""
        if not self.is_given:
            self._keys[key.key_id] = key

    def objection(self, document: AnyDocument, data: bytes) -> str | None:
        """Say why the signature of ``data`` proves nothing; None if it does.

        A missing signature is an objection only where keys were given.
        """
        signature = document.signature
        if signature is None:
            # whoever changes a document can leave its signature out as well
            return UNSIGNED_DESPITE_KEY if self.is_given else None
        key = self._keys.get(signature.key_id)
        if key is None:
            source = "among those given" if self.is_given else "in the archive"
            return f"it is signed with key {signature.key_id}, which is not {source}"
        if not is_proven_by(key, document, data):
            return f"its signature with key {signature.key_id} does not fit: it was changed"
        return None


def _to_sign(tree: dict[str, Any]) -> bytes:
    return canonical_tree({name: tree[name] for name in tree if name != "signature"})


def parsed(data: bytes) -> Any:
    """Parse what `canonical_tree` wrote; `ValueError` where it is no JSON.

    `BrokenContent`, before anything is parsed, where it is larger than any document of ours:
    whoever can write into an archive must not decide how much memory its readers need.
    """
    if len(data) > MAX_DOCUMENT or _has_too_many_values(data):
        raise BrokenContent(
            "it is larger than any document of its kind: it was changed", owner="archive"
        )
    check_depth(data)
    return json.loads(data, parse_int=_number)


def _has_too_many_values(data: bytes) -> bool:
    # nearly all documents end at the first look; texts may hold brackets and commas as they like
    return _marks(data) > MAX_VALUES and _marks(without_texts(data)) > MAX_VALUES


def _marks(data: bytes) -> int:
    return sum(map(data.count, (b",", b"[", b"{")))


def _number(digits: str) -> int | float:
    value = int(digits)
    # RFC 8785 writes a float from 2^53 to below 1e21 without a fraction, and no such integer
    return value if abs(value) <= MAX_INTEGER else float(digits)


def canonical_tree(tree: Any) -> bytes:
    """Write parsed JSON in the one spelling of RFC 8785; `InvalidRequest` where it has none."""
    try:
        return rfc8785.dumps(tree)
    except rfc8785.CanonicalizationError as error:
        raise InvalidRequest(f"this cannot be written as canonical JSON: {error}") from error
