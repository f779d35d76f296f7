"""Inspection of single objects for a verification, and the report of what was found."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from callvault.archive.digests import WholeDigest
from callvault.archive.manifests.documents import (
    Document,
    Keyring,
    reference_to,
    sha256,
)
from callvault.archive.names import is_object_name
from callvault.archive.object_metadata import SHA256
from callvault.archive.store import Archive
from callvault.archive.verify.expectation import Expectation
from callvault.archive.verify.read_ahead import Looked
from callvault.contracts.base import State
from callvault.contracts.duties import DutyRecord
from callvault.contracts.manifest import ArchivedObject, LinkReference, ObjectReference
from callvault.errors import UNREADABLE, BrokenContent, CallvaultError, ContentMissing

UNSIGNED = "it is unsigned: anybody could have written it"

OnRead = Callable[[int], None]
"""Called with the number of bytes that were read since the last call."""


class Remark(State):
    """One sentence about one object."""

    object_name: str
    location: str
    """The URL or path where a person finds the object."""
    text: str


class Report(State):
    """The outcome of a verification."""

    target: str
    quick: bool
    """Signatures, links and sizes only: the objects' bytes were not read."""
    manifests: int = 0
    objects: int = 0
    """Media and metadata files that the manifests name, each counted once."""
    bytes_read: int = 0
    told: int = 0
    """Links that were told outside the archive, and compared with its chain."""
    head: LinkReference | None = None
    """The newest link. Kept elsewhere, it shows later that nothing was cut off the chain's end."""
    access_records: int = 0
    """Records of the access log."""
    access_head: LinkReference | None = None
    """The newest of them. Kept elsewhere, it shows later that nothing was cut off the log's end."""
    problems: list[Remark] = []
    """Objects that differ from what was sealed."""
    warnings: list[Remark] = []
    """Facts that could not be proven, and faults that were there when it was sealed."""

    @property
    def ok(self) -> bool:
        return not self.problems


class Inspector:
    """Collects its findings in a report; only an archive that cannot be read stops it."""

    def __init__(
        self,
        archive: Archive,
        keys: Keyring,
        report: Report,
        on_read: OnRead = lambda count: None,
        expected: Expectation = Expectation(),  # noqa: B008 (frozen)
    ) -> None:
        self.archive = archive
        self.keys = keys
        self.report = report
        self.expected = expected
        self.looked = Looked(archive)
        """The archive, or what was read of it ahead."""
        self._on_read = on_read
        self._with_problems: set[str] = set()
        self._missing: dict[str, ObjectReference] = {}
        """Sealed objects that are not there, until it is known whether they were erased."""

    @contextmanager
    def looking_at(self, looked: Looked) -> Iterator[None]:
        """Ask for nothing within the block that was looked at already."""
        before, self.looked = self.looked, looked
        try:
            yield
        finally:
            self.looked = before

    def problem(self, object_name: str, text: str) -> None:
        self._with_problems.add(object_name)
        self.report.problems.append(self._remark(object_name, text))

    def warning(self, object_name: str, text: str) -> None:
        self.report.warnings.append(self._remark(object_name, text))

    def problem_at(self, location: str, text: str) -> None:
        """Note a problem of something outside the archive."""
        self.report.problems.append(remark_at(location, text))

    def warning_at(self, location: str, text: str) -> None:
        self.report.warnings.append(remark_at(location, text))

    def has_problem(self, object_name: str) -> bool:
        return object_name in self._with_problems

    def is_gone(self, object_name: str) -> bool:
        """Tell if the archive can be looked at and holds no such object."""
        try:
            return self.looked.stat(object_name) is None
        except UNREADABLE:  # told by whoever reads it
            return False

    def bytes_of(self, object_name: str) -> bytes | None:
        """Read a small object of ours; None, and a problem, where it cannot be read.

        The store's own record of its SHA-256 must agree with its bytes.
        """
        try:
            data = self.looked.bytes_of(object_name)
        except UNREADABLE as error:
            self._tell_unreadable(object_name, error)
            return None
        self._compare_properties(object_name, {SHA256: sha256(data)})
        return data

    def document(self, model: type[Document], object_name: str, data: bytes) -> Document | None:
        """Read a signed document and judge its signature and the archive that it was sealed in.

        None, and a problem, where it cannot be read.
        """
        try:
            document = self.looked.document(model, object_name, data)
        except BrokenContent as error:
            self.problem(object_name, str(error))
            return None
        if objection := self.keys.objection(document, data):
            self.problem(object_name, objection)
        elif document.signature is None:
            self.warning(object_name, UNSIGNED)
        if foreign := self.expected.objection(document):
            self.problem(object_name, foreign)
        return document

    def agrees(self, object_name: str, reference: ObjectReference, data: bytes) -> bool:
        """Tell if the bytes are those referred to; note a problem where they are not."""
        found = reference_to(object_name, data)
        is_same = (found.size, found.sha256) == (reference.size, reference.sha256)
        if is_same and reference.sha512 in {None, found.sha512}:
            return True
        self.problem(object_name, "its bytes are not those that were sealed: it was changed")
        return False

    def is_in_place(self, sealed: ArchivedObject) -> bool:
        """Tell if an object exists with its size; note where the store's record of it differs."""
        # A forged manifest may name a path outside of the archive.
        if not is_object_name(sealed.object_name):
            self.problem(
                sealed.object_name, "a manifest names it, but no object can bear that name"
            )
            return False
        try:
            found = self.looked.stat(sealed.object_name)
        except UNREADABLE as error:
            self._tell_unreadable(sealed.object_name, error)
            return False
        if found is None:
            self.miss(sealed)
            return False
        if found.size != sealed.size:
            self.problem(sealed.object_name, f"it has {found.size} bytes instead of {sealed.size}")
            return False
        self._compare_properties(sealed.object_name, sealed.properties)
        return True

    def believe_erasures(self, record: DutyRecord, *, is_signed: bool) -> None:
        """Take note of what was erased, as a record says; ``is_signed`` if its manifest is.

        A record comes after its manifest, whose missing objects are known by then.
        """
        name = record.object_name
        if is_signed and record.signature is None:
            # Whoever deletes a file could write such a record, too.
            self.problem(name, "it is unsigned, and its manifest is signed: it excuses nothing")
            return
        self.excuse(record.erased, f"{record.reason} ({record.done_by}, see {name})")

    def miss(self, sealed: ObjectReference) -> None:
        """Take note of an object that is not there, and perhaps was erased."""
        self._missing[sealed.object_name] = sealed

    @property
    def misses_any(self) -> bool:
        """True if sealed objects are not there, and nothing has excused them yet."""
        return bool(self._missing)

    def excuse(self, erased: Iterable[ObjectReference], why: str) -> None:
        """Do not report what is missing and was erased, byte for byte."""
        for each in erased:
            sealed = self._missing.get(each.object_name)
            if sealed is not None and sealed.sha256 == each.sha256:
                del self._missing[each.object_name]
                self.warning(each.object_name, f"it was erased: {why}")

    def tell_missing(self) -> None:
        """Report what is missing and was not erased; to be called once everything was seen."""
        for object_name in self._missing:
            self.problem(object_name, "it is missing")

    def is_unchanged(self, sealed: ArchivedObject) -> bool:
        """Read an object to its end; tell if its SHA-256 and SHA-512 are the sealed ones."""
        try:
            digest = self._digest(sealed)
        except ContentMissing:
            self.problem(sealed.object_name, "it vanished while it was being verified")
            return False
        except UNREADABLE as error:
            self._tell_unreadable(sealed.object_name, error)
            return False
        if digest.sha256 != sealed.sha256:
            wrong = f"SHA-256 {digest.sha256} instead of {sealed.sha256}"
        elif sealed.sha512 is not None and digest.sha512 != sealed.sha512:
            wrong = f"SHA-512 {digest.sha512} instead of {sealed.sha512}"
        else:
            return True
        self.problem(sealed.object_name, f"its bytes have {wrong}: it was changed")
        return False

    def _digest(self, sealed: ArchivedObject) -> WholeDigest:
        def count(read: int) -> None:
            self.report.bytes_read += read
            self._on_read(read)

        return self.looked.digest(sealed.object_name, count)

    def _tell_unreadable(self, object_name: str, error: CallvaultError) -> None:
        missing = isinstance(error, ContentMissing)
        self.problem(object_name, "it is missing" if missing else str(error))

    def _compare_properties(self, object_name: str, sealed: Mapping[str, str]) -> None:
        try:
            is_as_sealed = self.looked.properties(object_name) in (None, sealed)
        except UNREADABLE as error:
            self._tell_unreadable(object_name, error)
            return
        if not is_as_sealed:
            self.problem(
                object_name,
                "what the store keeps beside it (its SHA-256, its ids) is not what was written:"
                " it was changed or is damaged",
            )

    def _remark(self, object_name: str, text: str) -> Remark:
        known = is_object_name(object_name)
        location = self.archive.location(object_name) if known else object_name
        return Remark(object_name=inert(object_name), location=inert(location), text=inert(text))


def remark_at(location: str, text: str) -> Remark:
    """Make a remark on something outside an archive."""
    return Remark(object_name="", location=inert(location), text=inert(text))


def inert(text: str) -> str:
    """Write foreign text so that it is one line, and neither a terminal nor JSON stumbles on it."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
