"""Verification of an archive: every signature, every link, every byte of every object.

It works on any archive and needs no service, no workflow and no database.
"""

from typing import Protocol

from callvault.archive.manifests.documents import Keyring, canonical, read_document, sha256
from callvault.archive.media.check import Expected
from callvault.archive.names import (
    RECORDINGS_PREFIX,
    duty_record_in,
    folder_of,
    is_duty_record_name,
    is_manifest_name,
)
from callvault.archive.store import Archive
from callvault.archive.verify.access_log import verify_access_log
from callvault.archive.verify.chain import ChainWalk, check_keys
from callvault.archive.verify.chain_end import ChainEnd
from callvault.archive.verify.checkpoints import trusted_checkpoints
from callvault.archive.verify.expectation import Expectation
from callvault.archive.verify.inspector import UNSIGNED, Inspector, Remark, Report, inert, remark_at
from callvault.archive.verify.own_links import OwnLinks
from callvault.archive.verify.read_ahead import ReadAhead
from callvault.archive.verify.sealed_objects import sealed_objects
from callvault.contracts.duties import DutyRecord
from callvault.contracts.manifest import (
    ArchivedObject,
    Manifest,
)
from callvault.contracts.media import MediaCheck
from callvault.errors import BrokenContent, ConfigurationError

ANY_SEALED = Expectation()
"""An archive of any name, with any chain, but not an empty one."""


class Progress(Protocol):
    """Receives the progress of a verification."""

    def expect(self, manifests: int) -> None:
        """Announce the number of manifests to verify."""

    def begin(self, size: int) -> None:
        """Begin the next manifest, for which ``size`` bytes will be read."""

    def advance(self, count: int) -> None:
        """Count bytes that were read."""


class NoProgress:
    """A `Progress` that shows nothing."""

    def expect(self, manifests: int) -> None: ...

    def begin(self, size: int) -> None: ...

    def advance(self, count: int) -> None: ...


def verify_archive(
    archive: Archive,
    keys: Keyring,
    *,
    quick: bool = False,
    expected: Expectation = ANY_SEALED,
    progress: Progress | None = None,
) -> Report:
    """Verify everything in an archive; errors of the store itself pass through.

    ``quick`` reads the manifests and the chain, but of the other objects only their properties.
    """
    progress = progress or NoProgress()
    report = Report(target=inert(archive.name), quick=quick)
    inspector = Inspector(archive, keys, report, progress.advance, expected)
    check_keys(inspector)
    # before the chain is listed: what is sealed and told meanwhile must not look as if it were cut
    checkpoints = list(trusted_checkpoints(inspector))
    chain = ChainWalk(inspector, ReadAhead(archive, quick=quick))
    objects = _Objects(inspector, progress)
    progress.expect(chain.length)
    for manifest in chain.manifests():
        objects.verify(manifest)
    inspector.tell_missing()
    # After all manifests: only then is it known which objects none of them names.
    objects.warn_unsealed()
    # Last, for it looks at the links that were seen on the way.
    chain.compare([*expected.told, *(each.told for each in checkpoints)])
    report.head = chain.head
    # After the chain: all that its links name must be in the log by now.
    named = {each.access: each.told.source for each in checkpoints if each.access}
    verify_access_log(inspector, named | chain.access)
    return report


def verify_manifest(
    archive: Archive,
    object_name: str,
    keys: Keyring,
    *,
    quick: bool = False,
    expected: Expectation = ANY_SEALED,
    progress: Progress | None = None,
    end: ChainEnd | None = None,
) -> Report:
    """Verify one manifest, the objects that it names, and the link that names it.

    The links behind that one are read, too: one may name a newer manifest of the recording. Where
    several of an archive are verified, ``end`` has them read once.
    """
    progress = progress or NoProgress()
    report = Report(target=inert(object_name), quick=quick)
    inspector = Inspector(archive, keys, report, progress.advance, expected)
    check_keys(inspector)
    data = inspector.bytes_of(object_name)
    manifest = inspector.document(Manifest, object_name, data) if data else None
    if data and manifest:
        if manifest.object_name != object_name:
            inspector.problem(object_name, f"it was sealed as {manifest.object_name}")
        if not is_manifest_name(manifest.object_name):
            inspector.problem(object_name, "no manifest can have the name that it tells")
            return report
        links = OwnLinks(inspector, end or ChainEnd(archive), manifest, data)
        links.check()
        progress.expect(1)
        _Objects(inspector, progress).verify(manifest)
        _believe_erasures(inspector, manifest, data)
        links.check_end()
    inspector.tell_missing()
    return report


def verify_copy(
    location: str, data: bytes, keys: Keyring, expected: Expectation = ANY_SEALED
) -> Report:
    """Verify the bytes of a manifest's copy that lies outside its archive."""
    report = Report(target=inert(location), quick=True, manifests=1)

    def remark(text: str) -> Remark:
        return remark_at(location, text)

    try:
        manifest = read_document(Manifest, data)
    except BrokenContent as error:
        report.problems.append(remark(str(error)))
        return report
    objection = keys.objection(manifest, data)
    if objection:
        report.problems.append(remark(objection))
    elif manifest.signature is None:
        report.warnings.append(remark(UNSIGNED))
    if foreign := expected.objection(manifest):
        report.problems.append(remark(foreign))
    report.warnings.append(
        remark(f"it lies outside its archive: not one file of {manifest.archive} was looked at")
    )
    return report


class _Objects:
    """Verifies the objects that manifests name."""

    def __init__(self, inspector: Inspector, progress: Progress) -> None:
        self._inspector = inspector
        self._progress = progress
        # digests alone, by object name: archives may be large
        self._seen: dict[str, str] = {}

    def verify(self, manifest: Manifest) -> None:
        """Verify the properties of all its objects, then, unless ``quick``, their bytes."""
        report = self._inspector.report
        report.manifests += 1
        for finding in manifest.findings:
            self._inspector.warning(manifest.object_name, f"when it was sealed: {finding}")
        new = [each for each in sealed_objects(manifest) if self._is_new(manifest, each.object)]
        report.objects += len(new)
        in_place = [each for each in new if self._inspector.is_in_place(each.object)]
        to_read = [] if report.quick else in_place
        self._progress.begin(sum(each.object.size for each in to_read))
        for each in to_read:
            if self._inspector.is_unchanged(each.object) and each.check:
                _recheck_media(self._inspector, each.object, each.check, each.expected)

    def warn_unsealed(self) -> None:
        """Warn of objects that no manifest names: recordings may still be under way."""
        for name in sorted(self._inspector.archive.names(RECORDINGS_PREFIX)):
            is_document = is_manifest_name(name) or is_duty_record_name(name)
            if name not in self._seen and not is_document:
                self._inspector.warning(name, "no manifest names it (yet)")

    def _is_new(self, manifest: Manifest, sealed: ArchivedObject) -> bool:
        """Return True at the first sight of an object; later manifests must agree about it."""
        digest, before = sha256(canonical(sealed)), self._seen.get(sealed.object_name)
        if before is None:
            self._seen[sealed.object_name] = digest
        elif before != digest:
            self._inspector.problem(
                manifest.object_name, f"it contradicts another one about {sealed.object_name}"
            )
        return before is None


def _recheck_media(
    inspector: Inspector, sealed: ArchivedObject, was: MediaCheck, expected: Expected
) -> None:
    try:
        found = inspector.looked.media(sealed, expected)
    except ConfigurationError as error:  # its bytes are proven all the same
        inspector.warning(sealed.object_name, f"as media it was not judged: {error}")
        return
    if found.verdict is was.verdict:
        return
    text = f"as media it is judged {found.verdict}, and was {was.verdict} when it was sealed"
    if found.facts.parser == was.facts.parser:
        inspector.problem(sealed.object_name, text)
    else:  # the same bytes, read by another version
        inspector.warning(sealed.object_name, f"{text} with {was.facts.parser}")


def _believe_erasures(inspector: Inspector, manifest: Manifest, data: bytes) -> None:
    """Look for records of what was erased beside the manifest."""
    folder, number = folder_of(manifest.object_name), 1
    while inspector.archive.stat(name := duty_record_in(folder, number)) is not None:
        number += 1
        found = inspector.bytes_of(name)
        record = inspector.document(DutyRecord, name, found) if found else None
        is_about = record is not None and record.manifest.sha256 == sha256(data)
        if record is not None and is_about and not inspector.has_problem(name):
            is_signed = manifest.signature is not None
            inspector.believe_erasures(record, is_signed=is_signed)
