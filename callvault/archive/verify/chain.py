"""Verification of an archive's chain: every link and every manifest, first to newest."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain

from pydantic import AwareDatetime, TypeAdapter

from callvault.archive.manifests.documents import parsed, read_document, sha256
from callvault.archive.manifests.keys import PublicKey
from callvault.archive.names import (
    CHAIN_PREFIX,
    KEYS_PREFIX,
    RECORDINGS_PREFIX,
    is_duty_record_name,
    is_manifest_name,
    key_object_name,
    link_object_name,
)
from callvault.archive.store import read_small
from callvault.archive.verify.erased import RECORD_PREFIXES, ChainedRecords, is_record_name
from callvault.archive.verify.inspector import Inspector
from callvault.archive.verify.numbered import NumberedObjects
from callvault.archive.verify.read_ahead import ReadAhead
from callvault.archive.verify.told_links import ToldLink, contradictions
from callvault.contracts.duties import DutyRecord
from callvault.contracts.manifest import ChainLink, LinkReference, Manifest
from callvault.errors import UNREADABLE, ConfigurationError

# one without a zone cannot be compared: who has the key may have signed it so
_TIME = TypeAdapter[datetime](AwareDatetime)


def check_keys(inspector: Inspector) -> None:
    """Check the public keys in the archive, and use them where no others were given."""
    for name in sorted(inspector.archive.names(KEYS_PREFIX)):
        data = inspector.bytes_of(name)
        if data is None:
            continue
        try:
            key = PublicKey.from_pem(data)
        except ConfigurationError:
            key = None
        if key is None or key.pem() != data or key_object_name(key.key_id) != name:
            inspector.problem(name, "it is not the public key of that name: it was changed")
        elif not inspector.keys.is_given:
            inspector.keys.offer(key)
            inspector.warning(
                name,
                "signatures are proven with this key, which lies in the archive itself: whoever"
                " can replace everything can replace it too. Give the key that you keep: --key",
            )


class ChainWalk:
    """One walk along the chain, as long as it is when the walk begins.

    `manifests` yields what is sealed, in the order of sealing.
    """

    def __init__(self, inspector: Inspector, ahead: ReadAhead) -> None:
        self._inspector = inspector
        self._ahead = ahead
        # listed first: a manifest sealed while this runs must not look as if it were not linked
        self._listed = self._manifest_names()
        self._links = NumberedObjects(inspector, CHAIN_PREFIX, link_object_name, "link")
        self.access: dict[LinkReference, str] = {}
        """The records of the access log that links name, with the first link that does."""
        self._sealed: dict[str, str] = {}
        """SHA-256 of each manifest that was seen, by its object name."""
        self._signed: set[str] = set()
        """Object names of the manifests that are signed."""
        self._records = ChainedRecords(inspector)

    @property
    def length(self) -> int:
        """Number of links."""
        return len(self._links.numbers)

    @property
    def head(self) -> LinkReference | None:
        """The newest link that was seen."""
        return self._links.head

    def manifests(self) -> Iterator[Manifest]:
        """Check every link and what it names; yields the manifests that can be read."""
        self._links.report_gaps()
        for sequence, looked in self._ahead.of(self._links.numbers):
            with self._inspector.looking_at(looked):
                manifest = self._link(sequence)
                if manifest is not None:
                    yield manifest
        self._records.tell_present()
        for name in sorted(self._listed - self._sealed.keys()):
            self._inspector.problem(
                name,
                "no link of the chain names it: its link was removed, or its sealing was"
                " interrupted and not yet repeated",
            )

    def compare(self, told: Sequence[ToldLink]) -> None:
        """Report an archive without a chain, or with another chain than was told of outside."""
        self._inspector.report.told = len(told)
        for each in contradictions(told, self):
            self._inspector.problem(link_object_name(each.sequence), each.text)
        if not (told or self._links.numbers or self._inspector.expected.may_be_empty):
            self._inspector.problem(
                link_object_name(1),
                "nothing was ever sealed here, or all of it is gone: look if the share is mounted,"
                " or say that the archive may be empty (--may-be-empty)",
            )

    @property
    def end(self) -> int:
        """Number of the last link; 0 where there is none."""
        return max(self._links.numbers, default=0)

    def sha256(self, sequence: int) -> str | None:
        """Return the hash of a link; None where it is missing or damaged, which is told already."""
        damaged = self._inspector.has_problem(link_object_name(sequence))
        return None if damaged else self._links.sha256_of(sequence)

    def sealed_at(self, sequence: int) -> datetime | None:
        """Return when a link was sealed, by the document that it names; None where it tells none.

        Read anew: it is asked only where something is wrong.
        """
        archive = self._inspector.archive
        try:
            link = read_document(ChainLink, read_small(archive, link_object_name(sequence)))
            told = parsed(read_small(archive, link.manifest.object_name))
            # manifests tell the one, records of duties, holds and erasures the other
            return _TIME.validate_python(told.get("sealedAt") or told.get("recordedAt"))
        except (*UNREADABLE, ValueError, AttributeError):
            return None

    def _manifest_names(self) -> set[str]:
        prefixes = (RECORDINGS_PREFIX, *RECORD_PREFIXES)
        names = chain.from_iterable(map(self._inspector.archive.names, prefixes))
        return {name for name in names if _is_linked(name)}

    def _link(self, sequence: int) -> Manifest | None:
        name = link_object_name(sequence)
        data = self._links.read(sequence)
        link = self._inspector.document(ChainLink, name, data) if data is not None else None
        if link is None:
            return None
        if link.signature is not None:
            self._records.note_signed()
        self._links.check_place(sequence, link)
        if link.access is not None:
            self.access.setdefault(link.access, name)
        return self._manifest(name, link)

    def _manifest(self, link_name: str, link: ChainLink) -> Manifest | None:
        name = link.manifest.object_name
        if not _is_linked(name):
            self._inspector.problem(link_name, "what it names is no manifest")
            return None
        if name in self._sealed:
            self._inspector.problem(link_name, f"{name} was linked before: a fork")
        data = self._bytes_of(name, link)
        if data is None or not self._inspector.agrees(name, link.manifest, data):
            return None
        return self._document(name, link, data)

    def _bytes_of(self, name: str, link: ChainLink) -> bytes | None:
        """Read what a link names; what is not there may have been erased, as later links tell."""
        if self._inspector.is_gone(name):
            self._inspector.miss(link.manifest)
            self._sealed[name] = link.manifest.sha256
            self._signed |= {name} if link.signature is not None else set()
            return None
        data = self._inspector.bytes_of(name)
        if data is not None:
            self._sealed[name] = sha256(data)
        return data

    def _document(self, name: str, link: ChainLink, data: bytes) -> Manifest | None:
        """Check what a link names; return it if it is a manifest."""
        if is_record_name(name):
            self._records.inspect(name, link, data)
            return None
        if is_duty_record_name(name):
            self._duty_record(name, data)
            return None
        manifest = self._inspector.document(Manifest, name, data)
        if manifest is not None:
            self._check_manifest(name, link, manifest)
        return manifest

    def _duty_record(self, name: str, data: bytes) -> None:
        """Check the record of what was done, and believe what it says was erased."""
        record = self._inspector.document(DutyRecord, name, data)
        if record is None or self._inspector.has_problem(name):
            return
        about = record.manifest
        if record.object_name != name or self._sealed.get(about.object_name) != about.sha256:
            self._inspector.problem(name, "it is about another manifest than the one there is")
            return
        is_signed = about.object_name in self._signed
        self._inspector.believe_erasures(record, is_signed=is_signed)

    def _check_manifest(self, name: str, link: ChainLink, manifest: Manifest) -> None:
        if manifest.signature is not None:
            self._signed.add(name)
            self._records.note_signed()
        if (manifest.object_name, manifest.archive) != (name, link.archive):
            self._inspector.problem(
                name, f"it was sealed as {manifest.object_name} in {manifest.archive}"
            )
        seen = manifest.previous
        if seen and (seen.sequence >= link.sequence or not self._links.was_seen(seen)):
            self._sealed_after_another(name, seen, link)
        earlier = manifest.earlier
        if earlier and self._sealed.get(earlier.object_name) != earlier.sha256:
            self._inspector.problem(
                name, f"it completes another {earlier.object_name} than the one there is"
            )

    def _sealed_after_another(self, name: str, seen: LinkReference, link: ChainLink) -> None:
        """Tell of a manifest that was sealed after a link which the chain does not hold."""
        what = f"it was sealed after another link {seen.sequence} than the one there is"
        if link.set_back_from == seen:
            # Signed by whoever seals, like the link itself: told, and not to be mended by anybody.
            self._inspector.warning(
                name, f"{what}: the archive was set back to before that, as its link says"
            )
        else:
            self._inspector.problem(name, what)


def _is_linked(object_name: str) -> bool:
    """Tell if a link may name an object of this name."""
    return (
        is_manifest_name(object_name)
        or is_duty_record_name(object_name)
        or is_record_name(object_name)
    )
