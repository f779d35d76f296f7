"""Signed JSON documents: one spelling for each content, so that every bit of them counts."""

import hashlib
import json
from typing import Any, TypeVar

import rfc8785
from pydantic import ValidationError

from callvault.archive.manifests.keys import PublicKey, Signer
from callvault.contracts.base import Message, explain
from callvault.contracts.manifest import ChainLink, Manifest
from callvault.errors import BrokenContent, InvalidRequest

Document = TypeVar("Document", Manifest, ChainLink)


def canonical(message: Message) -> bytes:
    """The message in the one spelling of RFC 8785."""
    return _canonical(message.model_dump(mode="json"))


def sha256(data: bytes) -> str:
    """Lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def signed(document: Document, signer: Signer | None) -> bytes:
    """The document's bytes with its signature, or with none where there is no signer."""
    bare = document.model_copy(update={"signature": None})
    if signer is None:
        return canonical(bare)
    signature = signer.sign(_to_sign(bare.model_dump(mode="json")))
    return canonical(bare.model_copy(update={"signature": signature}))


def read_document(model: type[Document], data: bytes) -> Document:
    """Read what `signed` wrote; `BrokenContent` where a single byte is spelt in another way.

    The signature is not judged here: see `is_proven_by`.
    """
    try:
        tree = json.loads(data)
        if _canonical(tree) != data:
            raise BrokenContent("it is not canonical JSON: it was changed", owner="archive")
        return model.model_validate(tree)
    except ValidationError as error:
        problem = explain(error)
    except (ValueError, InvalidRequest, RecursionError):
        problem = "it is not JSON"
    raise BrokenContent(f"{problem}: it was changed", owner="archive")


def is_proven_by(key: PublicKey, document: Manifest | ChainLink, data: bytes) -> bool:
    """Whether ``data``, which `read_document` gave ``document`` for, was signed with the key."""
    signature = document.signature
    return signature is not None and key.proves(signature, _to_sign(json.loads(data)))


def _to_sign(tree: dict[str, Any]) -> bytes:
    return _canonical({name: value for name, value in tree.items() if name != "signature"})


def _canonical(tree: Any) -> bytes:
    try:
        return rfc8785.dumps(tree)
    except rfc8785.CanonicalizationError as error:
        raise InvalidRequest(f"this cannot be written as canonical JSON: {error}") from error
