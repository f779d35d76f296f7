"""A recording as a vCon, for the tools that read it.

Written after draft-ietf-vcon-vcon-core-03 (July 2026), whose syntax is 0.4.0.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from callvault.contracts.events import known_time
from callvault.contracts.manifest import Manifest, ManifestChunk
from callvault.contracts.media import FormatType
from callvault.evidence.people import People
from callvault.evidence.recording import RecordingFacts

SYNTAX = "0.4.0"

MAX_INLINE = 16 * 1024**2
"""Bytes of a file that is put into the vCon itself; a larger one is named, with its hash."""

_CALLVAULT = "Callvault"
_MEDIA_TYPES = {
    FormatType.WAV: "audio/x-wav",
    FormatType.MP3: "audio/x-mp3",
    FormatType.MP4: "video/x-mp4",
}
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dialog:
    """A media file as it is given out."""

    chunk: ManifestChunk
    filename: str = ""
    sha512: str = ""
    """Hexadecimal. Empty, as the name is, where the file is not given out."""
    channels: Sequence[Sequence[str]] = ((),)
    """Keyed hashes of those on each of its channels."""
    body: bytes | None = None
    """The file, where it goes into the vCon."""


def vcon_of(
    facts: RecordingFacts,
    people: People,
    ids: Mapping[str, str],
    dialogs: Sequence[Dialog],
    manifest: str,
    made_at: datetime,
) -> JsonObject:
    """Write a recording as a vCon; ``ids`` are the ids that may be shown, by hash.

    ``manifest`` is the signed manifest, byte for byte.
    """
    hashes = people.hashes
    # whoever adds an attachment is a party, too
    parties = [_party(each, people, ids) for each in hashes] + [{"name": _CALLVAULT}]
    written = [_dialog(each, facts, hashes, people) for each in dialogs]
    return {
        "vcon": SYNTAX,
        "uuid": str(_uuid(facts, ids)),
        "created_at": _time(made_at),
        "subject": f"Recording {facts.manifest.recording.recording_id or ''}".strip(),
        "parties": parties,
        "dialog": written,
        # an attachment belongs to a dialog
        "attachments": list(_attachments(facts, people, manifest, made_at, len(hashes)))
        if written
        else [],
        "analysis": [],
    }


def content_hash(sha512: str) -> str:
    """Write a SHA-512, in hexadecimal, as the draft does."""
    return f"sha512-{_base64url(bytes.fromhex(sha512))}"


def _party(participant: str, people: People, ids: Mapping[str, str]) -> JsonObject:
    raw_id = ids.get(participant)
    if raw_id is None:
        return {"name": people.short(participant)}
    telephone = {"tel": f"tel:{raw_id.removeprefix('4:')}"} if raw_id.startswith("4:") else {}
    return {"name": raw_id, **telephone}


def _dialog(
    dialog: Dialog, facts: RecordingFacts, hashes: Sequence[str], people: People
) -> JsonObject:
    chunk = dialog.chunk
    start = _start(facts.manifest, chunk)
    length = chunk.check.facts.duration_ms if chunk.check else chunk.duration_ms
    return {
        "type": "recording",
        "start": _time(start),
        **({} if length is None else {"duration": length / 1000}),
        "parties": _parties(dialog, hashes),
        "mediatype": _MEDIA_TYPES[facts.manifest.recording.recording_format_type],
        **_content(dialog),
        "party_history": list(_history(facts.manifest, hashes)),
    }


def _parties(dialog: Dialog, hashes: Sequence[str]) -> list[Any]:
    """Tell who is on each channel: an index, several, or null for nobody known."""
    numbers = [[hashes.index(each) for each in channel] for channel in dialog.channels]
    if len(numbers) == 1:
        return numbers[0]
    return [each[0] if len(each) == 1 else each or None for each in numbers]


def _history(manifest: Manifest, hashes: Sequence[str]) -> Iterator[JsonObject]:
    for stay in manifest.consent.participants:
        if stay.participant not in hashes:
            continue
        party = hashes.index(stay.participant)
        came = stay.joined_at or stay.told_at
        yield {"party": party, "time": _time(came), "event": "join"}
        if stay.left_at:
            yield {"party": party, "time": _time(stay.left_at), "event": "drop"}


def _attachments(
    facts: RecordingFacts, people: People, manifest: str, made_at: datetime, party: int
) -> Iterator[JsonObject]:
    told = {"start": _time(made_at), "party": party, "dialog": 0}
    yield {
        "purpose": "signed manifest of the recording, by Callvault",
        **told,
        "mediatype": "application/json",
        "filename": "manifest.json",
        "body": manifest,
        "encoding": "none",
    }
    consents = [
        each.model_dump(mode="json")
        for each in facts.manifest.consents
        if people.is_subject(each.participant)
    ]
    if consents:
        yield {
            "purpose": "decisions on consent",
            **told,
            "mediatype": "application/json",
            "body": consents,
            "encoding": "json",
        }


def _start(manifest: Manifest, chunk: ManifestChunk) -> datetime:
    of = manifest.recording
    told = known_time(chunk.service_start_time) or known_time(of.recording_start_time)
    return told or of.started_at or of.requested_at


def _content(dialog: Dialog) -> JsonObject:
    if not dialog.filename:
        return {}
    told = {"filename": dialog.filename, "content_hash": content_hash(dialog.sha512)}
    if dialog.body is None:
        return told
    return {**told, "body": _base64url(dialog.body), "encoding": "base64url"}


def _uuid(facts: RecordingFacts, ids: Mapping[str, str]) -> UUID:
    """Make a UUID of version 8 of the manifest and the person: again the same for the same."""
    told = "\n".join((facts.sha256, *sorted(ids)))
    random = int.from_bytes(hashlib.sha256(told.encode()).digest()[:10])
    milliseconds = (facts.manifest.sealed_at - _UNIX) // timedelta(milliseconds=1)
    value = (milliseconds & 2**48 - 1) << 80 | (8 << 76) | (random >> 62 & 2**12 - 1) << 64
    return UUID(int=value | 0b10 << 62 | random & 2**62 - 1)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
