"""Signed records that hang in an archive's chain beside the manifests: holds and erasures."""

from contextlib import suppress
from typing import TypeVar

from callvault.archive.manifests.chain import append
from callvault.archive.manifests.documents import read_document, reference_to, signed
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.seal import publish_key
from callvault.archive.store import Archive, put_bytes, read_small
from callvault.contracts.erasures import ErasureCertificate, ErasureRecord
from callvault.contracts.holds import HoldRecord
from callvault.errors import ObjectExists

Record = TypeVar("Record", HoldRecord, ErasureRecord, ErasureCertificate)


def keep_record(archive: Archive, record: Record, signer: Signer | None) -> Record:
    """Write a record under its own name, and link it; return the one that lies there.

    Repeated after a crash it finds what it wrote, links that, and returns it.
    """
    if signer:
        publish_key(archive, signer)
    name = record.object_name
    if archive.stat(name) is None:
        with suppress(ObjectExists):  # another attempt was faster
            put_bytes(
                archive,
                name,
                signed(record, signer),
                content_type="application/json",
                metadata={},
            )
    data = read_small(archive, name)
    there = read_document(type(record), data)
    append(archive, reference_to(name, data), signer, after=there.previous)
    return there


def find_record(archive: Archive, model: type[Record], object_name: str) -> Record | None:
    """Read a record; None where there is none, `BrokenContent` where it is damaged."""
    if archive.stat(object_name) is None:
        return None
    return read_document(model, read_small(archive, object_name))
