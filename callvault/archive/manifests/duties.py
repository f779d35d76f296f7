"""The duties that follow from a manifest: what people must do about its recording."""

from collections.abc import Iterator
from datetime import datetime

from callvault.archive.manifests.documents import sha256
from callvault.contracts.duties import Duty, DutyKind
from callvault.contracts.manifest import Manifest


def duties_of(manifest: Manifest) -> tuple[Duty, ...]:
    """Derive the duties of a recording; none where no file of it is archived."""
    if not any(chunk.media for chunk in manifest.chunks):
        return ()
    return (*_deletions(manifest), *_reviews(manifest))


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
    # With the end: what was done about a time is not done about a longer one.
    told = (of.recording_id or of.server_call_id, kind, since, until, participant, since or reason)
    duty_id = sha256("\n".join(map(str, told)).encode())[:16]
    return Duty(
        id=duty_id, kind=kind, since=since, until=until, reason=reason, participant=participant
    )
