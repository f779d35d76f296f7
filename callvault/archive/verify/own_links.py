"""The links of one recording in its archive's chain: that of a manifest, and those behind it."""

from collections.abc import Iterable

from callvault.archive.manifests.documents import sha256
from callvault.archive.names import folder_of, link_object_name
from callvault.archive.verify.chain_end import REPLACED, ChainEnd
from callvault.archive.verify.erased import ChainedRecords
from callvault.archive.verify.inspector import Inspector
from callvault.archive.verify.numbered import stranger
from callvault.contracts.manifest import ChainLink, LinkReference, Manifest, ObjectReference
from callvault.errors import UNREADABLE


class OwnLinks:
    """One walk along the links that were written since a manifest was sealed."""

    def __init__(
        self, inspector: Inspector, end: ChainEnd, manifest: Manifest, data: bytes
    ) -> None:
        self._inspector = inspector
        self._manifest = manifest
        self._data = data
        self._end = end
        self._folder = folder_of(manifest.object_name)
        self._own: LinkReference | None = None
        """The link that names the manifest; None until it is found."""

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
                self._compare_later(before)
                return
        self._inspector.problem(self._manifest.object_name, "no link of the chain names it")

    def check_end(self) -> None:
        """Judge the links behind the manifest; call it once what is missing of it is known.

        A link holds the hash of the one before, so the signature of the last one proves them all.
        """
        if self._own is None:
            return
        if self._inspector.misses_any:
            # what is erased by now may have been there when the links were read
            self._end.refresh()
        behind = self._end.behind(self._own, self._folder)
        if not behind.is_same:
            self._inspector.problem(link_object_name(self._own.sequence), REPLACED)
        for name in behind.strangers:
            self._inspector.problem(name, stranger("link"))
        for number, text in behind.problems.items():
            self._inspector.problem(link_object_name(number), text)
        if behind.newest and (objection := self._inspector.keys.objection(*behind.newest)):
            self._inspector.problem(link_object_name(behind.newest[0].sequence), objection)
        if self._inspector.misses_any:
            self._excuse_erased(self._end.erasures(self._own))

    def _compare_later(self, own: LinkReference) -> None:
        """Go on to the chain's end: a recording's newest manifest may have been taken away."""
        self._own = own
        for reference in self._end.behind(own, self._folder).recording:
            if link := self._link(reference):
                self._compare(link.manifest)

    def _excuse_erased(self, erasures: Iterable[LinkReference]) -> None:
        """Believe the records of erasures behind the manifest."""
        records = ChainedRecords(self._inspector)
        if self._manifest.signature is not None:
            records.note_signed()
        for reference in erasures:
            if link := self._link(reference):
                name = link.manifest.object_name
                data = self._inspector.bytes_of(name)
                if data is not None and self._inspector.agrees(name, link.manifest, data):
                    records.inspect(name, link, data)

    def _link(self, reference: LinkReference) -> ChainLink | None:
        try:
            return self._end.link(reference)
        except UNREADABLE as error:
            self._inspector.problem(link_object_name(reference.sequence), str(error))
            return None

    def _follows(self, name: str, link: ChainLink | None, before: LinkReference | None) -> None:
        if link and link.previous != before:
            number = before.sequence if before else 0
            self._inspector.problem(name, f"it does not follow link {number} as it is")

    def _compare(self, named: ObjectReference) -> None:
        """Look for what a later link names in the recording's folder."""
        name = named.object_name
        if self._inspector.is_gone(name):
            self._inspector.miss(named)
        elif (data := self._inspector.bytes_of(name)) is not None:
            self._inspector.agrees(name, named, data)
