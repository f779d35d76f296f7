"""The duties that follow from a manifest: what people must do about its recording."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

from callvault.archive.manifests.documents import sha256
from callvault.contracts.duties import Duty, DutyKind
from callvault.contracts.manifest import Manifest


def duties_of(manifest: Manifest) -> tuple[Duty, ...]:
    """Derive the duties of a recording; none where no file of it is archived."""
    if not any(chunk.media for chunk in manifest.chunks):
        return ()
    return (*_deletions(manifest), *_reviews(manifest))


def ends_of(duties: Iterable[Duty], ids: Collection[str]) -> dict[str, datetime | None]:
    """Tell until when the duties of these ids last: of several with one id, the longest one."""
    ends: dict[str, datetime | None] = {}
    for duty in duties:
        if duty.id in ids and not reaches(ends, duty):
            ends[duty.id] = duty.until
    return ends


def reaches(ends: Mapping[str, datetime | None], duty: Duty) -> bool:
    """Tell if the time that ends so under the duty's id is no shorter than the duty's."""
    if duty.id not in ends:
        return False
    until = ends[duty.id]
    return until is None or (duty.until is not None and duty.until <= until)


def _deletions(manifest: Manifest) -> Iterator[Duty]:
    for mark in manifest.marked:
        yield _duty(
            manifest,
            DutyKind.DELETE,
            mark.since,
            mark.until,
            "consent was withdrawn or refused",
            mark.participant,
        )


def _reviews(manifest: Manifest) -> Iterator[Duty]:
    for doubt in manifest.silence.unconfirmed:
        if doubt.is_finding:
            yield _duty(manifest, DutyKind.REVIEW, doubt.since, doubt.until, doubt.reason)
    for contradiction in manifest.contradictions:
        yield _duty(manifest, DutyKind.REVIEW, None, None, contradiction)


def _duty(
    manifest: Manifest,
    kind: DutyKind,
    since: datetime | None,
    until: datetime | None,
    reason: str,
    participant: str = "",
) -> Duty:
    of = manifest.recording
    # Without what a later manifest may complete: the end, for instance.
    told = (of.recording_id or of.server_call_id, kind, since, participant, since or reason)
    duty_id = sha256("\n".join(map(str, told)).encode())[:16]
    return Duty(
        id=duty_id, kind=kind, since=since, until=until, reason=reason, participant=participant
    )
