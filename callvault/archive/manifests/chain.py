"""The chain of an archive's manifests: the order of sealing, with no gap and no fork.

Link ``n`` names a manifest and holds the SHA-256 of link ``n - 1``. Links are objects, and objects
are never overwritten: of several writers that want the same number one wins, and the others take
the next one. No lock is needed, on any store.
"""

from callvault.archive.manifests.documents import read_document, sha256, signed
from callvault.archive.manifests.keys import Signer
from callvault.archive.names import link_object_name
from callvault.archive.store import Archive, put_bytes, read_small
from callvault.contracts.manifest import ChainLink, LinkReference, ObjectReference
from callvault.errors import BrokenContent, ObjectExists


def head(archive: Archive) -> LinkReference | None:
    """Find the newest link; None where there is none."""
    sequence = _last(archive)
    return (
        LinkReference(sequence=sequence, sha256=sha256(_read(archive, sequence)))
        if sequence
        else None
    )


def append(
    archive: Archive,
    manifest: ObjectReference,
    signer: Signer | None,
    *,
    after: LinkReference | None,
) -> LinkReference:
    """Append a link to ``manifest`` behind ``after``, and return it.

    Where a link behind ``after`` names the manifest already, that link is returned.
    """
    previous, sequence = after, after.sequence + 1 if after else 1
    while True:
        taken = _taken(archive, sequence)
        if taken is None:
            link = ChainLink(
                archive=archive.name,
                sequence=sequence,
                manifest=manifest,
                previous=previous,
                signature=None,
            )
            try:
                data = _write(archive, link, signer)
            except ObjectExists:  # another writer was faster: look at its link
                continue
            return LinkReference(sequence=sequence, sha256=sha256(data))
        previous = LinkReference(sequence=sequence, sha256=sha256(taken))
        if _names(taken, manifest):
            return previous
        sequence += 1


def _last(archive: Archive) -> int:
    """Find the highest number in use, 0 for none."""
    # numbers are given without a gap: doubling and halving take twice as many requests as the
    # number has binary digits
    beyond = 1
    while _exists(archive, beyond):
        beyond *= 2
    used, free = beyond // 2, beyond
    while free - used > 1:
        middle = (used + free) // 2
        used, free = (middle, free) if _exists(archive, middle) else (used, middle)
    return used


def _exists(archive: Archive, sequence: int) -> bool:
    return archive.stat(link_object_name(sequence)) is not None


def _taken(archive: Archive, sequence: int) -> bytes | None:
    return _read(archive, sequence) if _exists(archive, sequence) else None


def _read(archive: Archive, sequence: int) -> bytes:
    return read_small(archive, link_object_name(sequence))


def _write(archive: Archive, link: ChainLink, signer: Signer | None) -> bytes:
    data, name = signed(link, signer), link_object_name(link.sequence)
    put_bytes(archive, name, data, content_type="application/json", metadata={})
    return data


def _names(link: bytes, manifest: ObjectReference) -> bool:
    try:
        named = read_document(ChainLink, link).manifest
    except BrokenContent:  # a damaged link keeps its place; `callvault verify` reports it
        return False
    # not the SHA-512, which links of older software do not have
    return (named.object_name, named.sha256) == (manifest.object_name, manifest.sha256)
