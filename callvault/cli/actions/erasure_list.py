"""The work of `callvault erasures list`: the records and certificates of erasures."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from callvault.archive.manifests.records import find_record
from callvault.archive.names import ERASURES_PREFIX, is_erasure_record_name
from callvault.archive.store import Archive
from callvault.cli.terminal import say
from callvault.clients import open_proven
from callvault.config.settings import Settings
from callvault.contracts.erasures import ErasureCertificate, ErasureRecord
from callvault.errors import ConfigurationError


@dataclass
class Erasure:
    """An erasure as one archive tells of it."""

    records: list[ErasureRecord] = field(default_factory=list)
    certificate: ErasureCertificate | None = None


def listed(settings: Settings, archives: Sequence[str]) -> list[Erasure]:
    """Read the erasures of these archives, or of all, the oldest first."""
    if not settings.archives:
        raise ConfigurationError("there is no archive in the configuration: add [archives.NAME]")
    found: list[Erasure] = []
    for name in archives or sorted(settings.archives):
        with closing(open_proven(name, settings.archive(name))) as archive:
            found += _of(archive)
    return sorted(found, key=lambda each: each.records[0].recorded_at)


def show(erasures: Sequence[Erasure]) -> None:
    """Print each erasure in two lines."""
    if not erasures:
        say("There was no erasure.")
    for each in erasures:
        first, objects = each.records[0], sum(len(record.erased) for record in each.records)
        end = "certified" if each.certificate is not None else "not certified yet"
        say(f"{first.erasure[:16]}  {first.archive}: {first.cause}, {objects} objects, {end}")
        when = f"{first.recorded_at:%Y-%m-%d %H:%M} UTC"
        say(f"                  {when}, by {first.requested_by}: {first.reason}")


def as_document(erasures: Sequence[Erasure]) -> str:
    """Write the erasures as JSON."""
    rows: list[dict[str, object]] = [
        {
            "records": [record.model_dump(mode="json") for record in each.records],
            "certificate": each.certificate and each.certificate.model_dump(mode="json"),
        }
        for each in erasures
    ]
    return TypeAdapter(list[dict[str, object]]).dump_json(rows, indent=2).decode()


def _of(archive: Archive) -> list[Erasure]:
    found: dict[str, Erasure] = {}
    for name in sorted(archive.names(ERASURES_PREFIX)):
        if not is_erasure_record_name(name):
            continue
        erasure = found.setdefault(name.split("/")[1], Erasure())
        if name.endswith("/certificate.json"):
            erasure.certificate = find_record(archive, ErasureCertificate, name)
        elif (record := find_record(archive, ErasureRecord, name)) is not None:
            erasure.records.append(record)
    return [each for each in found.values() if each.records]
