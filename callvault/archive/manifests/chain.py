"""The chain of an archive's manifests: the order of sealing, with no gap and no fork.

Link ``n`` names a manifest and holds the SHA-256 of link ``n - 1``. It also names the newest record
of the access log, so that whoever cuts that log off must cut off this chain, too.
"""

from callvault.archive.manifests.documents import read_document, signed
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.numbered import Numbered
from callvault.archive.names import access_object_name, link_object_name
from callvault.archive.store import Archive
from callvault.contracts.manifest import ChainLink, LinkReference, ObjectReference
from callvault.errors import BrokenContent


def head(archive: Archive) -> LinkReference | None:
    """Find the newest link; None where there is none."""
    return Numbered(archive, link_object_name).head()


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
    links, set_back_from = Numbered(archive, link_object_name), None
    if after is not None and not links.holds(after):
        # The archive went back behind it, and there would be a gap.
        after, set_back_from = None, after

    def build(sequence: int, previous: LinkReference | None) -> bytes:
        link = ChainLink(
            archive=archive.name,
            sequence=sequence,
            manifest=manifest,
            access=Numbered(archive, access_object_name).head(),
            previous=previous,
            set_back_from=set_back_from,
            signature=None,
        )
        return signed(link, signer)

    return links.append(after, build, lambda link: _names(link, manifest))


def _names(link: bytes, manifest: ObjectReference) -> bool:
    try:
        named = read_document(ChainLink, link).manifest
    except BrokenContent:  # a damaged link keeps its place; `callvault verify` reports it
        return False
    # not the SHA-512, which links of older software do not have
    return (named.object_name, named.sha256) == (manifest.object_name, manifest.sha256)
