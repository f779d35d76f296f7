"""Records of holds and erasures in a chain, and what an archive may lack because of them."""

from callvault.archive.manifests.documents import sha256
from callvault.archive.names import (
    ERASURES_PREFIX,
    HOLDS_PREFIX,
    is_erasure_record_name,
    is_hold_record_name,
    is_object_name,
)
from callvault.archive.verify.inspector import Inspector
from callvault.contracts.erasures import ErasureCertificate, ErasureRecord
from callvault.contracts.holds import HoldRecord
from callvault.contracts.manifest import ChainLink, ObjectReference

RECORD_PREFIXES = (HOLDS_PREFIX, ERASURES_PREFIX)


def is_record_name(object_name: str) -> bool:
    """Tell if a record of a hold or of an erasure can have this name."""
    return is_hold_record_name(object_name) or is_erasure_record_name(object_name)


class ChainedRecords:
    """The records that a chain names, in its order; each is shown once."""

    def __init__(self, inspector: Inspector) -> None:
        self._inspector = inspector
        self._erasures: dict[str, ErasureRecord] = {}
        """By the SHA-256 of the record."""
        self._certified: set[str] = set()
        self._is_signed = False

    def note_signed(self) -> None:
        """Take note that something in the chain is signed: then nothing unsigned is believed."""
        self._is_signed = True

    def inspect(self, name: str, link: ChainLink, data: bytes) -> None:
        """Check a record; believe what it says was erased, if it is signed as its link is."""
        if is_hold_record_name(name):
            hold = self._inspector.document(HoldRecord, name, data)
            self._is_in_place(name, hold)
        elif name.endswith("/certificate.json"):
            self._certificate(name, data)
        else:
            self._erasure(name, link, data)

    def tell_present(self) -> None:
        """Report what a record calls erased and is there: never deleted, or put back since."""
        for digest, record in self._erasures.items():
            for erased in record.erased:
                if not is_object_name(erased.object_name):
                    self._inspector.problem(
                        record.object_name,
                        f"it names {erased.object_name[:100]!r}, which no object can bear",
                    )
                elif not self._inspector.is_gone(erased.object_name):
                    self._present(erased, record, is_certified=digest in self._certified)

    def _present(
        self, erased: ObjectReference, record: ErasureRecord, *, is_certified: bool
    ) -> None:
        name = erased.object_name
        if is_certified:
            self._inspector.problem(
                name, f"it was erased ({record.object_name}) and is there again: delete it"
            )
        else:
            self._inspector.warning(
                name,
                f"its erasure has not come to its end: see workflow erasure-{record.erasure[:32]}",
            )

    def _erasure(self, name: str, link: ChainLink, data: bytes) -> None:
        record = self._inspector.document(ErasureRecord, name, data)
        if record is None or not self._is_in_place(name, record):
            return
        if record.signature is None and (self._is_signed or link.signature is not None):
            # Whoever deletes a file could write such a record, and its link, too.
            signed = "its link" if link.signature is not None else "the chain before it"
            self._inspector.problem(name, f"it is unsigned, and {signed} is signed")
        if self._inspector.has_problem(name):
            return
        self._erasures[sha256(data)] = record
        self._inspector.excuse(record.erased, f"{record.reason} ({record.decision}; see {name})")

    def _certificate(self, name: str, data: bytes) -> None:
        found = self._inspector.document(ErasureCertificate, name, data)
        if found is None or not self._is_in_place(name, found):
            return
        if unknown := [r for r in found.records if r.sha256 not in self._erasures]:
            told = unknown[0].object_name
            self._inspector.problem(name, f"it certifies another {told} than the one there is")
        self._certified |= {each.sha256 for each in found.records}

    def _is_in_place(
        self, name: str, record: HoldRecord | ErasureRecord | ErasureCertificate | None
    ) -> bool:
        if record is not None and record.object_name != name:
            self._inspector.problem(name, f"it was recorded as {record.object_name}")
            return False
        return record is not None
