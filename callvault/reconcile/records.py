"""A recording by the account of one source: a workflow's result, its status, or a manifest."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from callvault.contracts.activity_io import ArchivedChunk, SealedRecording
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.call_ids import canonical_call_id
from callvault.contracts.manifest import Manifest, ManifestChunk
from callvault.contracts.results import CallResult, ChunkResult, RecordingResult
from callvault.contracts.states import ChunkState
from callvault.contracts.status import CallStatus, ChunkStatus, RecordingStatus


@dataclass(frozen=True, slots=True)
class ExpectedObject:
    """An object that should lie in an archive."""

    archive: str
    object_name: str
    size: int | None = None
    """Bytes; None where they were not noted."""
    sha256: str | None = None
    is_manifest: bool = False

    def __str__(self) -> str:
        return f"{self.archive}/{self.object_name}"


@dataclass(frozen=True, slots=True)
class Record:
    """One recording, by the account of one source."""

    workflow_id: str
    server_call_id: str
    resource: str
    number: int | None
    recording_id: str | None
    state: str
    """The value of a `RecordingState`; empty where it is not known."""
    is_over: bool
    """True if nothing will change any more."""
    problem: str = ""
    origin: str = ""
    announced: int = 0
    """Media files that the service announced."""
    files: tuple[ExpectedObject, ...] = ()
    """Media files that were archived."""
    others: tuple[ExpectedObject, ...] = ()
    """Metadata files, and the manifest."""
    findings: tuple[str, ...] = field(default=())
    unsealed: str = ""
    """The last alarm that its manifest is not written; empty where there was none."""

    @property
    def key(self) -> tuple[str, str]:
        """The identity of the recording, the same in the accounts of all sources."""
        # Before ACS has given an id, the number within the call tells recordings apart.
        return canonical_call_id(self.server_call_id), self.recording_id or f"#{self.number}"

    @property
    def expected_objects(self) -> tuple[ExpectedObject, ...]:
        return self.files + self.others

    @property
    def manifest(self) -> ExpectedObject | None:
        return next((expected for expected in self.others if expected.is_manifest), None)


def of_result(workflow_id: str, result: CallResult) -> list[Record]:
    """Read the accounts of a workflow that has ended well."""
    return [
        _record(workflow_id, result, recording, recording.manifest, is_over=True)
        for recording in result.recordings
    ]


def of_status(workflow_id: str, status: CallStatus, *, is_over: bool) -> list[Record]:
    """Read the accounts of a workflow that is open, or was ended by others (``is_over``)."""
    return [
        replace(
            _record(workflow_id, status, recording, recording.sealed, is_over=is_over),
            unsealed=_not_sealed(status, recording),
        )
        for recording in status.recordings
    ]


def _not_sealed(status: CallStatus, recording: RecordingStatus) -> str:
    about = [
        record.alarm.what
        for record in status.alarms
        if record.alarm.kind is AlarmKind.NOT_SEALED
        and record.alarm.recording_id == recording.recording_id
    ]
    return about[-1] if about else ""


def of_manifest(manifest: Manifest, expected: ExpectedObject) -> Record:
    """Read the account of a manifest, whose own bytes are ``expected``."""
    recording = manifest.recording
    files, metadata = _sealed_objects(manifest)
    return Record(
        workflow_id=manifest.workflow.workflow_id,
        server_call_id=recording.server_call_id,
        resource=recording.resource,
        number=recording.number,
        recording_id=recording.recording_id,
        state=recording.state,
        is_over=True,
        problem=recording.problem,
        origin=recording.origin,
        announced=len(manifest.chunks),
        files=files,
        others=(*metadata, expected),
        findings=manifest.findings,
    )


def unreadable_record(
    workflow_id: str, resource: str, state: str, problem: str, *, is_over: bool
) -> Record:
    """Make the account of a workflow that cannot be read: its call is known by its id alone."""
    return Record(
        workflow_id=workflow_id,
        # Keeps `key` unique: a workflow id is a hash, from which no serverCallId can be had.
        server_call_id=workflow_id,
        resource=resource,
        number=None,
        recording_id=None,
        state=state,
        is_over=is_over,
        problem=problem,
    )


def _record(
    workflow_id: str,
    call: CallResult | CallStatus,
    recording: RecordingResult | RecordingStatus,
    sealed: SealedRecording | None,
    *,
    is_over: bool,
) -> Record:
    archived = list(_archived(recording.chunks))
    metadata = [
        ExpectedObject(chunk.archive, chunk.metadata_object_name)
        for chunk in archived
        if chunk.metadata_object_name
    ]
    return Record(
        workflow_id=workflow_id,
        server_call_id=call.server_call_id,
        resource=call.resource,
        number=recording.number,
        recording_id=recording.recording_id,
        state=recording.state,
        is_over=is_over,
        problem=recording.problem or getattr(recording, "erased", ""),
        origin=recording.origin,
        announced=len(recording.chunks),
        files=tuple(
            ExpectedObject(chunk.archive, chunk.object_name, chunk.size, chunk.sha256)
            for chunk in archived
        ),
        others=(*metadata, *_expected_manifest(sealed)),
        findings=sealed.findings if sealed else (),
    )


def _archived(
    chunks: tuple[ChunkResult, ...] | list[ChunkStatus],
) -> Iterator[ArchivedChunk]:
    for chunk in chunks:
        if chunk.state is ChunkState.ARCHIVED and chunk.archived:
            yield chunk.archived


def _expected_manifest(sealed: SealedRecording | None) -> Iterator[ExpectedObject]:
    if sealed:
        yield ExpectedObject(
            sealed.archive, sealed.object_name, sha256=sealed.sha256, is_manifest=True
        )


def _sealed_objects(
    manifest: Manifest,
) -> tuple[tuple[ExpectedObject, ...], tuple[ExpectedObject, ...]]:
    def expected_objects(of: str) -> Iterator[ExpectedObject]:
        chunk: ManifestChunk
        for chunk in manifest.chunks:
            if found := getattr(chunk, of):
                yield ExpectedObject(manifest.archive, found.object_name, found.size, found.sha256)

    return tuple(expected_objects("media")), tuple(expected_objects("metadata"))
