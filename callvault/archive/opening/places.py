"""The places of a call's recordings in archives, as its workflow knows them."""

from dataclasses import dataclass

from callvault.archive.names import folder_of
from callvault.contracts.base import shorten
from callvault.contracts.call_ids import canonical_call_id
from callvault.contracts.states import RecordingState
from callvault.contracts.status import CallStatus, RecordingStatus
from callvault.errors import InvalidRequest

_NOTHING_RECORDED = frozenset(
    {RecordingState.DECLINED, RecordingState.EMPTY, RecordingState.FAILED_TO_START}
)


@dataclass(frozen=True, slots=True)
class Place:
    """A recording's folder in an archive."""

    archive: str
    folder: str


def places_in(status: CallStatus, word: str) -> list[Place]:
    """Return the places of the recording that ``word`` names, or of all recordings of the call.

    Raises `InvalidRequest` where no file of it is archived, and says what became of it.
    """
    wanted = canonical_call_id(word)
    named = [r for r in status.recordings if canonical_call_id(r.recording_id or "") == wanted]
    recordings = named or status.recordings
    places = [
        Place(chunk.archived.archive, folder_of(chunk.archived.object_name))
        for recording in recordings
        for chunk in recording.chunks
        if chunk.archived is not None
    ]
    if not places:
        raise _nothing_archived(recordings, word)
    return list(dict.fromkeys(places))


def the_one(places: list[Place], word: str) -> Place:
    """Return the only place; `InvalidRequest` with those there are where they are several."""
    if len(places) == 1:
        return places[0]
    folders = ", ".join(sorted(place.folder for place in places))
    raise InvalidRequest(
        f"{shorten(word, 100)} stands for several recordings: name one of {folders}",
        status=409,
        code="several_recordings",
    )


def _nothing_archived(recordings: list[RecordingStatus], word: str) -> InvalidRequest:
    said = f"nothing of {shorten(word, 100)} is archived"
    last = recordings[-1] if recordings else None
    if last is None or last.state in _NOTHING_RECORDED:
        why = (last.declined or last.problem) if last else ""
        why = why or "nothing was recorded"
        return InvalidRequest(f"{said}: {why}", status=404, code="not_recorded")
    if last.state is RecordingState.ERASED:
        return InvalidRequest(f"{said}: {last.erased}", status=410, code="erased")
    if last.state is RecordingState.LOST:
        why = last.problem or "the service deleted it before it could be archived"
        return InvalidRequest(f"{said}: it is lost: {why}", status=410, code="lost")
    return InvalidRequest(
        f"{said} yet, it is {last.state.value}: ask again later",
        status=409,
        code="not_archived",
    )
