"""The links of one recording in its archive's chain: that of a manifest, and those behind it."""

from callvault.archive.manifests.chain import read_links
from callvault.archive.manifests.documents import sha256
from callvault.archive.names import (
    CHAIN_PREFIX,
    folder_of,
    is_duty_record_name,
    is_erasure_record_name,
    is_manifest_name,
    link_object_name,
)
from callvault.archive.verify.erased import ChainedRecords
from callvault.archive.verify.inspector import Inspector
from callvault.archive.verify.numbered import NumberedObjects
from callvault.contracts.manifest import ChainLink, LinkReference, Manifest
from callvault.errors import BrokenContent, CallvaultError


class OwnLinks:
    """One walk along the links that were written since a manifest was sealed."""

    def __init__(self, inspector: Inspector, manifest: Manifest, data: bytes) -> None:
        self._inspector = inspector
        self._manifest = manifest
        self._data = data
        self._erasures: list[tuple[str, ChainLink]] = []
        """Names of the records of erasures behind the manifest, with their links."""

    def check(self) -> None:
        """Find the link that names the manifest; compare what later ones name beside it."""
        before = self._manifest.previous
        sequence = before.sequence if before else 0
        while self._inspector.archive.stat(name := link_object_name(sequence + 1)) is not None:
            sequence += 1
            found = self._inspector.bytes_of(name) or b""
            link = self._inspector.document(ChainLink, name, found)
            self._follows(name, link, before)
            before = LinkReference(sequence=sequence, sha256=sha256(found))
            if link and link.manifest.object_name == self._manifest.object_name:
                self._inspector.agrees(self._manifest.object_name, link.manifest, self._data)
                self._inspector.report.head = before
                self._check_later(before)
                return
        self._inspector.problem(self._manifest.object_name, "no link of the chain names it")

    def excuse_erased(self) -> None:
        """Believe the records of erasures behind the manifest; call it once what is missing is."""
        if not self._inspector.misses_any:
            return
        records = ChainedRecords(self._inspector)
        if self._manifest.signature is not None:
            records.note_signed()
        for name, link in self._erasures:
            data = self._inspector.bytes_of(name)
            if data is not None and self._inspector.agrees(name, link.manifest, data):
                records.inspect(name, link, data)

    def _check_later(self, own: LinkReference) -> None:
        """Go on to the chain's end: a recording's newest manifest may have been taken away.

        A link holds the hash of the one before, so the signature of the last one proves them all.
        """
        listed = NumberedObjects(self._inspector, CHAIN_PREFIX, link_object_name, "link")
        listed.report_gaps(above=own.sequence)
        later = [number for number in listed.numbers if number > own.sequence]
        read = read_links(self._inspector.archive, [*map(link_object_name, later)])
        before, last = own, None
        for number, (name, found) in zip(later, read, strict=True):
            if isinstance(found, CallvaultError):
                self._inspector.problem(name, str(found))
                continue
            if (link := self._parsed(name, found)) is not None:
                self._follows(name, link, before)
                self._compare(link)
                last = link, found
            before = LinkReference(sequence=number, sha256=sha256(found))
        if last and (objection := self._inspector.keys.objection(*last)):
            self._inspector.problem(link_object_name(last[0].sequence), objection)

    def _parsed(self, name: str, data: bytes) -> ChainLink | None:
        try:
            return self._inspector.looked.document(ChainLink, name, data)
        except BrokenContent as error:
            self._inspector.problem(name, str(error))
            return None

    def _follows(self, name: str, link: ChainLink | None, before: LinkReference | None) -> None:
        if link and link.previous != before:
            number = before.sequence if before else 0
            self._inspector.problem(name, f"it does not follow link {number} as it is")

    def _compare(self, link: ChainLink) -> None:
        """Look for what a later link names in the recording's folder."""
        name = link.manifest.object_name
        if is_erasure_record_name(name):
            self._erasures.append((name, link))
        is_ours = is_manifest_name(name) or is_duty_record_name(name)
        if not is_ours or folder_of(name) != folder_of(self._manifest.object_name):
            return
        if self._inspector.is_gone(name):
            self._inspector.miss(link.manifest)
        elif (data := self._inspector.bytes_of(name)) is not None:
            self._inspector.agrees(name, link.manifest, data)
