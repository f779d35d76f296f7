"""Whether one object lies in its archive as somebody claims."""

from callvault.archive.manifests.documents import Keyring, sha256
from callvault.archive.store import Archive
from callvault.archive.verify.verifier import verify_manifest
from callvault.errors import ContentMissing
from callvault.reconcile.records import Claim
from callvault.reconcile.verdicts import Amiss

GONE = Amiss("it is not there")


def examine(archive: Archive, claim: Claim, *, deep: bool) -> Amiss | None:
    """Why the claim does not hold now; None where it does. Errors of the store pass through.

    A manifest is read and compared; of other objects the size, and the SHA-256 that the store
    noted. ``deep`` reads every file that a manifest names as well, as `callvault verify` does.
    """
    if not claim.is_manifest:
        return _object(archive, claim)
    found = _manifest(archive, claim)
    return _files_of(archive, claim) if found is None and deep else found


def _object(archive: Archive, claim: Claim) -> Amiss | None:
    stored = archive.stat(claim.object_name)
    if stored is None:
        return GONE
    if claim.size is not None and stored.size != claim.size:
        return Amiss(f"it holds {stored.size} bytes, and {claim.size} were archived")
    if claim.sha256 and stored.sha256 and stored.sha256 != claim.sha256:
        return Amiss("it is another object than was archived: its SHA-256 differs")
    return None


def _manifest(archive: Archive, claim: Claim) -> Amiss | None:
    if archive.stat(claim.object_name) is None:
        return GONE
    try:
        data = b"".join(archive.read(claim.object_name))
    except ContentMissing:
        return GONE
    if claim.sha256 and sha256(data) != claim.sha256:
        return Amiss("it was changed since it was sealed")
    return None


def _files_of(archive: Archive, claim: Claim) -> Amiss | None:
    report = verify_manifest(archive, claim.object_name, Keyring())
    problems = [f"{remark.object_name}: {remark.text}" for remark in report.problems]
    return Amiss("; ".join(problems)) if problems else None
