"""Verification of an archive's access log: every record, first to newest, and its end."""

from collections.abc import Mapping

from callvault.archive.manifests.documents import Keyring
from callvault.archive.names import (
    ACCESS_PREFIX,
    CHAIN_PREFIX,
    access_object_name,
    link_object_name,
)
from callvault.archive.store import Archive
from callvault.archive.verify.chain import check_keys
from callvault.archive.verify.expectation import Expectation
from callvault.archive.verify.inspector import Inspector, Report
from callvault.archive.verify.numbered import NumberedObjects
from callvault.contracts.access import AccessRecord
from callvault.contracts.manifest import ChainLink, LinkReference


def verify_log_alone(archive: Archive, keys: Keyring, expected: Expectation) -> Report:
    """Verify the access log and the links that name its records; no manifest and no file is read.

    Errors of the store itself pass through.
    """
    report = Report(target=archive.name, quick=True)
    inspector = Inspector(archive, keys, report, expected=expected)
    check_keys(inspector)
    verify_access_log(inspector, _named_by_links(inspector))
    return report


def _named_by_links(inspector: Inspector) -> dict[LinkReference, str]:
    """Read every link of the chain of manifests; return what it names of the access log."""
    links = NumberedObjects(inspector, CHAIN_PREFIX, link_object_name, "link")
    links.report_gaps()
    named: dict[LinkReference, str] = {}
    for number in links.numbers:
        name = link_object_name(number)
        data = links.read(number)
        link = inspector.document(ChainLink, name, data) if data is not None else None
        if link is None:
            continue
        links.check_place(number, link)
        if link.access is not None:
            named.setdefault(link.access, name)
    inspector.report.head = links.head
    return named


def verify_access_log(inspector: Inspector, named: Mapping[LinkReference, str]) -> None:
    """Check every record of the log, and that it reaches as far as others have seen it.

    ``named`` are the records that links of the archive's chain name, with the name of such a link.
    """
    records = NumberedObjects(inspector, ACCESS_PREFIX, access_object_name, "record")
    records.report_gaps()
    for number in records.numbers:
        data = records.read(number)
        if data is None:
            continue
        record = inspector.document(AccessRecord, access_object_name(number), data)
        if record is not None:
            records.check_place(number, record)
    inspector.report.access_records = len(records.numbers)
    inspector.report.access_head = records.head
    for seen, link_name in named.items():
        _tell_cut(inspector, records, seen, f"{link_name} names")
    if inspector.expected.access_head is not None:
        _tell_cut(inspector, records, inspector.expected.access_head, "somebody has seen")


def _tell_cut(
    inspector: Inspector, records: NumberedObjects, seen: LinkReference, who: str
) -> None:
    """Report a record that was there and is not, unless it was reported already."""
    if records.was_seen(seen):
        return
    found = records.sha256_of(seen.sequence)
    text = "is missing" if found is None else f"has SHA-256 {found}"
    inspector.problem(
        access_object_name(seen.sequence),
        f"{who} this record of the access log with SHA-256 {seen.sha256}, and now it {text}: the"
        " log was cut off or replaced",
    )
