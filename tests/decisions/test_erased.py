"""Records of holds and erasures in a chain: which of them are believed, and what each excuses."""

from typing import Any

import pytest

from callvault.archive.manifests.documents import read_document, reference_to, sha256, signed
from callvault.archive.names import erasure_certificate_name
from callvault.archive.verify.erased import ChainedRecords, is_record_name
from callvault.contracts.erasures import ErasureCertificate
from callvault.contracts.manifest import ChainLink, ObjectReference
from callvault.errors import BrokenContent
from tests.archive.memory import MemoryArchive
from tests.archive.sealed import NOON, SIGNER
from tests.archive.test_erased import ERASURE, record_of
from tests.retention.test_decision import hold

FILE = ObjectReference(object_name="recordings/a.wav", size=1, sha256="0" * 64, sha512="0" * 128)
RECORD = record_of([FILE])


class Findings:
    """An inspector that believes every signature, and keeps what it is told."""

    def __init__(self) -> None:
        self.archive = MemoryArchive()
        self.said: list[tuple[str, str]] = []
        self.excused: list[tuple[str, str]] = []
        self.faulty: set[str] = set()

    def document(self, model: Any, name: str, data: bytes) -> Any:
        try:
            return read_document(model, data)
        except BrokenContent:
            self.problem(name, "it cannot be read")
            return None

    def problem(self, name: str, text: str) -> None:
        self.faulty.add(name)
        self.said.append(("problem", text))

    def warning(self, _: str, text: str) -> None:
        self.said.append(("warning", text))

    def has_problem(self, name: str) -> bool:
        return name in self.faulty

    def is_gone(self, name: str) -> bool:
        return self.archive.stat(name) is None

    def excuse(self, erased: Any, why: str) -> None:
        self.excused += [(each.object_name, why) for each in erased]


def a_link(is_signed: bool = True) -> ChainLink:
    link = ChainLink(
        archive="main", sequence=1, manifest=FILE, previous=None, access=None, signature=None
    )
    return read_document(ChainLink, signed(link, SIGNER if is_signed else None))


def inspected(*records: Any, is_linked_signed: bool = True, **facts: Any) -> tuple[Findings, Any]:
    """Inspect records, each under its own name or that of the facts, signed like their link."""
    findings = Findings()
    chained = ChainedRecords(findings)
    signer = SIGNER if facts.get("is_signed", True) else None
    for record in records:
        name = facts.get("name", record.object_name)
        chained.inspect(name, a_link(is_linked_signed), signed(record, signer))
    return findings, chained


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        (RECORD.object_name, True),
        (erasure_certificate_name(ERASURE), True),
        (hold().object_name, True),
        ("recordings/a.wav", False),
    ],
)
def test_a_record_is_known_by_its_name(name: str, is_one: bool) -> None:
    assert is_record_name(name) is is_one


@pytest.mark.parametrize(
    ("is_signed", "is_linked_signed", "is_believed"),
    [(True, True, True), (True, False, True), (False, False, True), (False, True, False)],
)
def test_a_record_excuses_what_it_names_if_it_is_signed_as_its_link_is(
    is_signed: bool, is_linked_signed: bool, is_believed: bool
) -> None:
    facts = {"is_signed": is_signed, "is_linked_signed": is_linked_signed}
    findings, _ = inspected(RECORD, **facts)
    why = f"request 17 (it has no retention; see {RECORD.object_name})"
    assert findings.excused == ([(FILE.object_name, why)] if is_believed else [])
    unsigned = [("problem", "it is unsigned, and its link is signed")]
    assert findings.said == ([] if is_believed else unsigned)


def test_a_record_with_a_fault_or_under_another_name_excuses_nothing() -> None:
    other = record_of([FILE], object_name=RECORD.object_name.replace("000001", "000002"))
    findings, _ = inspected(other, name=RECORD.object_name)
    assert findings.said == [("problem", f"it was recorded as {other.object_name}")]
    assert findings.excused == []
    faulty = Findings()
    faulty.faulty.add(RECORD.object_name)
    ChainedRecords(faulty).inspect(RECORD.object_name, a_link(), signed(RECORD, SIGNER))
    assert faulty.excused == []


@pytest.mark.parametrize(
    "name", [RECORD.object_name, erasure_certificate_name(ERASURE), hold().object_name]
)
def test_a_record_that_cannot_be_read_is_one_problem(name: str) -> None:
    findings = Findings()
    chained = ChainedRecords(findings)
    chained.inspect(name, a_link(), b"{}")
    chained.tell_present()
    assert findings.said == [("problem", "it cannot be read")]


def a_certificate(*records: Any, **facts: Any) -> ErasureCertificate:
    references = [reference_to(each.object_name, signed(each, SIGNER)) for each in records]
    known = {
        "object_name": erasure_certificate_name(ERASURE),
        "archive": "main",
        "erasure": ERASURE,
        "records": references,
        "objects": 1,
        "recorded_at": NOON,
        "software": "callvault",
        "previous": None,
        "signature": None,
    }
    return ErasureCertificate.model_validate({**known, **facts})


@pytest.mark.parametrize(
    ("certificates", "is_there", "said"),
    [
        ([], False, []),
        ([], True, [("warning", f"workflow erasure-{ERASURE[:32]}")]),
        ([a_certificate(RECORD)], False, []),
        (
            [a_certificate(RECORD)],
            True,
            [("problem", f"({RECORD.object_name}) and is there again")],
        ),
    ],
)
def test_what_is_called_erased_and_is_there_is_not_deleted_yet_or_was_put_back(
    certificates: list[Any], is_there: bool, said: list[tuple[str, str]]
) -> None:
    findings, chained = inspected(RECORD, *certificates)
    if is_there:
        findings.archive.objects[FILE.object_name] = b"!"
    chained.tell_present()
    assert [kind for kind, _ in findings.said] == [kind for kind, _ in said]
    assert all(words in text for (_, text), (_, words) in zip(findings.said, said, strict=True))


def test_a_certificate_of_another_record_or_under_another_name_certifies_nothing() -> None:
    other = record_of([FILE], reason="request 18")
    findings, _ = inspected(RECORD, a_certificate(other))
    told = f"it certifies another {other.object_name} than the one there is"
    assert findings.said == [("problem", told)]
    moved = a_certificate(RECORD, object_name=erasure_certificate_name("f" * 64))
    findings, chained = inspected(RECORD)
    name = erasure_certificate_name(ERASURE)
    chained.inspect(name, a_link(), signed(moved, SIGNER))
    assert findings.said == [("problem", f"it was recorded as {moved.object_name}")]
    findings.archive.objects[FILE.object_name] = b"!"
    chained.tell_present()
    assert findings.said[-1][0] == "warning"


@pytest.mark.parametrize("is_in_place", [True, False])
def test_a_hold_is_a_record_in_its_own_place(is_in_place: bool) -> None:
    record = hold("1" * 16)
    findings, _ = inspected(record, name=record.object_name if is_in_place else hold().object_name)
    problem = ("problem", f"it was recorded as {record.object_name}")
    assert findings.said == ([] if is_in_place else [problem])


def test_a_record_is_known_by_its_bytes() -> None:
    findings, chained = inspected(RECORD)
    assert list(chained._erasures) == [sha256(signed(RECORD, SIGNER))]
    assert findings.faulty == set()
