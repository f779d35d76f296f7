"""Reads Event Grid's events of participants; from here on nobody is named in clear. Pure."""

from pydantic import ValidationError

from callvault.contracts.events import PARTICIPANT_ADDED, PARTICIPANT_REMOVED
from callvault.contracts.participants import Hide, ParticipantChanged
from callvault.errors import InvalidRequest
from callvault.ingest.eventgrid import GridEvent, call_of, time_of

TYPES = (PARTICIPANT_ADDED.casefold(), PARTICIPANT_REMOVED.casefold())


def participant_changed(event: GridEvent, hide: Hide) -> tuple[str, ParticipantChanged]:
    """The ``serverCallId`` of a call, and who came or left; `InvalidRequest` where it is not said.

    Neither the display name nor any id in clear is taken over.
    """
    raw_id = _raw_id(event)
    if raw_id is None:
        raise InvalidRequest("the event does not say which participant it is about")
    connection = event.data.get("participantId")
    try:
        change = ParticipantChanged(
            participant=hide(raw_id),
            joined=event.type == PARTICIPANT_ADDED.casefold(),
            connection=hide(connection) if isinstance(connection, str) and connection else "",
            at=time_of(event),
        )
    except ValidationError:
        raise InvalidRequest("the event's participant is not an id") from None
    return call_of(event), change


def _raw_id(event: GridEvent) -> str | None:
    """Out of the event's data, or of its subject ``call/{serverCallId}/participant/{rawId}``."""
    user = event.data.get("user")
    identifier = user.get("communicationIdentifier") if isinstance(user, dict) else None
    said = identifier.get("rawId") if isinstance(identifier, dict) else None
    subject = str(event.raw.get("subject") or "").partition("/participant/")[2]
    raw_id = said if isinstance(said, str) and said else subject
    return raw_id or None
