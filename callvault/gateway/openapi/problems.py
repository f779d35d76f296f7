"""The errors of the gateway: status, code, and a sentence as it is sent.

Every error that a route sends is one of these: the tests of the gateway compare each answer with
what its operation declares. `docs/gateway.md` tells what to do about each.
"""

from http import HTTPStatus
from typing import NamedTuple


class Problem(NamedTuple):
    """One error, as an operation declares it."""

    status: HTTPStatus
    code: str
    example: str
    """A message."""


S = HTTPStatus

PHRASES = {
    S.REQUEST_ENTITY_TOO_LARGE: "Content Too Large",
    S.UNPROCESSABLE_ENTITY: "Unprocessable Content",
    S.REQUESTED_RANGE_NOT_SATISFIABLE: "Range Not Satisfiable",
}
"""Names of statuses (RFC 9110) that older Pythons have otherwise, and newer ones so."""


def phrase(status: int) -> str:
    """Return the name of a status, the same with every version of Python."""
    known = HTTPStatus(status)
    return PHRASES.get(known, known.phrase)


BROKEN_BODY = Problem(S.BAD_REQUEST, "invalid_request", "the body broke off")
SLOW_BODY = Problem(S.REQUEST_TIMEOUT, "invalid_request", "the body did not arrive within 10 s")
LARGE_BODY = Problem(
    S.REQUEST_ENTITY_TOO_LARGE, "invalid_request", "the body is larger than 1048576 bytes"
)
INVALID_BODY = Problem(S.UNPROCESSABLE_ENTITY, "invalid_request", "serverCallId: Field required")
INVALID_PARAMETER = Problem(
    S.UNPROCESSABLE_ENTITY,
    "invalid_request",
    "query.limit: Input should be less than or equal to 200",
)
KEY_MISSING = Problem(
    S.UNPROCESSABLE_ENTITY,
    "key_missing",
    "a payload in Temporal is encrypted with the key 4dc6fac55f8b05f7, which this process does not"
    " have: add it to encryption.keys; if nobody has it any more, add the id to"
    " encryption.lost_keys",
)
PAYLOAD_DAMAGED = Problem(
    S.UNPROCESSABLE_ENTITY,
    "payload_damaged",
    "no key opens one of these payloads: it was changed since it was encrypted, or another program"
    " encrypted it, or its key is in encryption.lost_keys",
)
NO_KEY = Problem(
    S.UNAUTHORIZED,
    "access_denied",
    "send an API key: Authorization: Bearer KEY, or x-api-key: KEY",
)
NO_SECRET = Problem(S.UNAUTHORIZED, "access_denied", "the event secret is missing or wrong")
NO_TOKEN = Problem(
    S.UNAUTHORIZED, "access_denied", "the token is not accepted: it was made for another audience"
)
ROLE_MISSING = Problem(
    S.FORBIDDEN,
    "role_missing",
    "crm lacks the role read: give it in gateway.keys, or in the token's roles",
)
RESOURCE_DENIED = Problem(
    S.FORBIDDEN,
    "resource_denied",
    "crm may not use resource europe: name it in gateway.keys, or in the token's resources",
)
NOT_ON_LOOPBACK = Problem(
    S.FORBIDDEN,
    "not_on_loopback",
    "without keys only programs of this machine are let in: set event_secrets and api_keys, and"
    " callback_audience",
)
WEB_PAGE_REFUSED = Problem(
    S.FORBIDDEN,
    "web_page_refused",
    "without keys only programs of this machine are let in, and no web pages: ask for 127.0.0.1, or"
    " set event_secrets and api_keys",
)
NOT_FOUND = Problem(
    S.NOT_FOUND, "not_found", "there is no recording recording-4dc6fac55f8b05f7a7d4b3ebba4d5c1e"
)
NOT_RECORDED = Problem(
    S.NOT_FOUND, "not_recorded", "nothing of rec-1 is archived: consent was refused"
)
FILE_MISSING = Problem(
    S.NOT_FOUND,
    "file_missing",
    "nothing of recordings/2030/03/01/call-1/rec-1 can be opened: chunk 0: it was sealed, and is"
    " gone from the archive: `callvault verify` tells more",
)
NOT_ARCHIVED = Problem(
    S.CONFLICT, "not_archived", "nothing of rec-1 is archived yet, it is recording: ask again later"
)
SEVERAL_RECORDINGS = Problem(
    S.CONFLICT,
    "several_recordings",
    "call-1 stands for several recordings: name one of recordings/2030/03/01/call-1/rec-1,"
    " recordings/2030/03/01/call-1/rec-2",
)
LOST = Problem(
    S.GONE,
    "lost",
    "nothing of rec-1 is archived: it is lost: the service deleted it before it could be archived",
)
ERASED = Problem(
    S.GONE,
    "erased",
    "nothing of recordings/2030/03/01/call-1/rec-1 can be opened: chunk 0: it was erased on"
    " 2030-04-01: consent was withdrawn (see recordings/2030/03/01/call-1/rec-1/duties-1.json)",
)
PLAN_STALE = Problem(
    S.CONFLICT,
    "plan_stale",
    "nothing was erased: what would be erased is not what the plan says any more: plan it again,"
    " read it, and run it with its new token",
)
PLAN_USED = Problem(
    S.CONFLICT,
    "plan_used",
    "the plan 4dc6fac55f8b05f7… was carried out already: its erasure tells what became of it, and"
    " what has come since needs a plan of its own",
)
NOT_PLANNED = Problem(
    S.CONFLICT, "not_planned", "it could not be planned: the index of archive main is damaged"
)
INDEX_DAMAGED = Problem(
    S.CONFLICT,
    "index_damaged",
    "the index of archive main is damaged: recordings may be missing. Run `callvault index"
    " rebuild`, then repeat; nothing was exported",
)
NOTHING_FOUND = Problem(
    S.NOT_FOUND, "nothing_found", "no sealed recording of this person was found"
)
TOO_LARGE = Problem(
    S.CONFLICT,
    "too_large",
    "these are more than 100 recordings, or more than 536,870,912 bytes: export them month by month"
    " (since, until), or at a terminal by `callvault subjects export`; nothing was exported",
)
LINK_DENIED = Problem(S.FORBIDDEN, "link_denied", "this link is over: open the recording again")
RANGE_NOT_SATISFIABLE = Problem(
    S.REQUESTED_RANGE_NOT_SATISFIABLE,
    "range_not_satisfiable",
    "the file has 1048576 bytes, and none in the range that is asked for",
)
REFUSED = Problem(S.CONFLICT, "refused", "Nothing is being recorded: there is nothing to pause.")
REQUEST_ID_REUSED = Problem(
    S.CONFLICT,
    "request_id_reused",
    "The requestId 42 stands for another request: send this one with an id of its own.",
)
STILL_PAUSED = Problem(
    S.CONFLICT, "still_paused", "your pause is released; the recording stays paused by agent-9"
)
SUPERSEDED = Problem(S.CONFLICT, "superseded", "superseded by the resume of agent-9")
ALREADY_ENDED = Problem(
    S.CONFLICT,
    "already_ended",
    "the workflow recording-4dc6fac55f8b05f7a7d4b3ebba4d5c1e has ended (completed): its recordings"
    " cannot be changed; start a new one for this call",
)
TOO_MANY_REQUESTS = Problem(
    S.TOO_MANY_REQUESTS,
    "too_many_requests",
    "more than 100 per 1 second: ask again in 1 s, or raise gateway.rate_limit",
)
INTERNAL_ERROR = Problem(
    S.INTERNAL_SERVER_ERROR,
    "internal_error",
    "the gateway failed: repeat the request; its log has the cause under this id",
)
NOT_DONE = Problem(S.BAD_GATEWAY, "not_done", "start failed: the call is not connected (8501)")
UNKNOWN_CALL = Problem(
    S.UNPROCESSABLE_ENTITY,
    "unknown_call",
    "start failed: could not start a recording: ACS answered 400 8527 (Invalid join identity,"
    " cannot join call.). Pass the call's serverCallId, not its callId.",
)
PAUSE_FAILED = Problem(S.BAD_GATEWAY, "pause_failed", "pause failed: access denied")
UNAVAILABLE = Problem(S.SERVICE_UNAVAILABLE, "unavailable", "Temporal cannot be reached")
OVERLOADED = Problem(
    S.SERVICE_UNAVAILABLE,
    "overloaded",
    "more requests are under way than can be answered: send it again",
)
PAUSE_UNCONFIRMED = Problem(
    S.GATEWAY_TIMEOUT,
    "pause_unconfirmed",
    "it is not confirmed yet: no answer of ACS for 5 s: it may be recording, and ACS is asked again"
    " until it is proven to pause",
)
EXPIRED = Problem(
    S.GATEWAY_TIMEOUT, "expired", "it expired before ACS had confirmed it: the recording is paused"
)
NOT_CONFIRMED = Problem(
    S.GATEWAY_TIMEOUT,
    "not_confirmed",
    "no worker has answered within 5 s: start workers, or look at their load. The request may still"
    " take effect: repeat it with the same requestId, or ask for the status",
)

OF_CALLERS = (
    *(NO_KEY, ROLE_MISSING, NOT_ON_LOOPBACK, WEB_PAGE_REFUSED),
    *(TOO_MANY_REQUESTS, UNAVAILABLE),
)
OF_BODIES = (BROKEN_BODY, SLOW_BODY, LARGE_BODY, INVALID_BODY)
