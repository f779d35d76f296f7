"""Those who would archive a recording of the corpus again, after it was erased."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.erased_files import ErasedFiles
from activities.export import ExportActivities
from activities.seal import SealActivities
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.transfer.source import ObjectSource, Source
from callvault.contracts.activity_io import ExportInput, FindSealed, FoundRecordings
from callvault.contracts.media import FormatType
from tests.archive.sealed import NOON, SIGNER, announced

from .corpus import KEYS, SEALED_AT, Corpus, Kept

ERASED = ErasedFiles(lambda name: KEYS)


@dataclass
class Service:
    """A service that has the file still, and notes that it was asked for it."""

    storage: DirectoryArchive
    asked: int = 0
    at_reading: Callable[[], None] = field(default=lambda: None)

    def ranged_content(self, _: str) -> Source:
        self.asked += 1
        self.at_reading()
        return ObjectSource(self.storage, "media.wav")

    def read_metadata(self, _: str) -> bytes:
        return b'{"chunkDocumentId":"x"}'


def service_of(corpus: Corpus, kept: Kept) -> Service:
    root = corpus.root.parent / f"{corpus.root.name}-service-{kept.recording_id}"
    root.mkdir()
    (root / "media.wav").write_bytes(kept.media)
    return Service(DirectoryArchive("service", root))


def export_input(kept: Kept, archive: str, **facts: Any) -> ExportInput:
    facts = {"call_id": "call-1", "recording_id": kept.recording_id, **facts}
    return ExportInput(
        resource="default",
        archive=archive,
        server_call_id=kept.server_call_id,
        recorded_on=NOON,
        recording_format_type=FormatType.WAV,
        chunk=facts.pop("chunk", announced(0, f"0-eus-d1-{0:032x}")),
        expires_at=NOON + timedelta(hours=48),
        **facts,
    )


def exported(corpus: Corpus, service: Service, order: ExportInput) -> Any:
    export = ExportActivities(lambda _: service, corpus.archives.__getitem__, erased=ERASED)  # type: ignore[arg-type,return-value]
    return ActivityEnvironment().run(export.export_chunk, order)


def refusal(corpus: Corpus, service: Service, order: ExportInput) -> ApplicationError:
    """Export what must be refused, and return how."""
    try:
        exported(corpus, service, order)
    except ApplicationError as error:
        return error
    raise AssertionError("it was archived again")


def seals(corpus: Corpus) -> SealActivities:
    return SealActivities(corpus.archives.__getitem__, lambda _: SIGNER, erased=ERASED)


def looked_up(corpus: Corpus, kept: Kept) -> FoundRecordings:
    order = FindSealed(
        archives=tuple(corpus.archives),
        server_call_id=kept.server_call_id,
        recording_id=kept.recording_id,
        since=NOON,
        until=SEALED_AT,
    )
    found: FoundRecordings = ActivityEnvironment().run(seals(corpus).find_sealed, order)
    return found
