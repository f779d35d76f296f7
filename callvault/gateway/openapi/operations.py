"""Every operation of the gateway, as it declares itself in the OpenAPI document.

The ``operationId`` of each is the name of the method in generated clients.
"""

from typing import Any

from callvault.contracts import names
from callvault.contracts.alarms import Acknowledge
from callvault.contracts.consent import ConsentRecord
from callvault.contracts.requests import ControlRequest, RecordingRequest
from callvault.contracts.status import CallStatus, ControlRecord
from callvault.gateway.messages import (
    Accepted,
    Alive,
    CallList,
    EncodedPayloads,
    FindRequest,
    FoundPerson,
    OpenedRecording,
    OpenRequest,
    Readiness,
    RecordingConfirmed,
    RecordingStarted,
    RequestSent,
    SubscriptionValidated,
    ToldDecision,
)
from callvault.gateway.openapi import problems
from callvault.gateway.openapi.declare import ACS, EVENT_GRID, Answer, declared
from callvault.temporal.call_list import ListedCall

MEDIA_HEADERS = ("Accept-Ranges", "Content-Disposition", "Content-Length", "ETag")

SENT = Answer(
    "Sent, and not waited for: the status shows what becomes of it",
    RequestSent,
    headers=("Preference-Applied",),
)

START = declared(
    "startRecording",
    "Record a call",
    {
        201: Answer(
            "Its recording begins: with ACS's `recordingId`, or, where ACS is not waited for, with"
            " the `runId` of the workflow",
            *(RecordingConfirmed, RecordingStarted),
        ),
        200: Answer(
            "It is being recorded, or kept, already", *(RecordingConfirmed, RecordingStarted)
        ),
    },
    role="control",
    body=RecordingRequest,
    errors=(
        *(problems.REFUSED, problems.REQUEST_ID_REUSED, problems.SUPERSEDED, problems.NOT_DONE),
        *(problems.UNKNOWN_CALL, problems.EXPIRED, problems.NOT_CONFIRMED),
        problems.RESOURCE_DENIED,
    ),
    may_prefer=True,
)

_OF_CONTROL = (
    *(problems.NOT_FOUND, problems.REFUSED, problems.REQUEST_ID_REUSED, problems.SUPERSEDED),
    *(problems.ALREADY_ENDED, problems.EXPIRED, problems.NOT_CONFIRMED),
)
_OF_ONE_ALONE = {
    names.PAUSE: (problems.PAUSE_FAILED, problems.PAUSE_UNCONFIRMED),
    names.RESUME: (problems.STILL_PAUSED, problems.NOT_DONE),
    names.STOP: (problems.NOT_DONE,),
}

CONTROL: dict[str, dict[str, Any]] = {
    operation: declared(
        f"{operation}Recording",
        f"{operation.capitalize()} the recording",
        {200: Answer("ACS was seen to do it", ControlRecord), 202: SENT},
        role="control",
        body=ControlRequest,
        errors=(*_OF_CONTROL, *of_it),
        may_prefer=True,
    )
    for operation, of_it in _OF_ONE_ALONE.items()
}

ACKNOWLEDGE = declared(
    "acknowledgeAlarms",
    "Acknowledge alarms",
    {202: SENT},
    role="control",
    body=Acknowledge,
    errors=(problems.NOT_FOUND, problems.ALREADY_ENDED),
)

CONSENT = declared(
    "recordConsent",
    "Tell of a participant's consent",
    {200: Answer("The decision counts", ConsentRecord), 202: SENT},
    role="consent",
    body=ToldDecision,
    errors=(
        *(problems.NOT_FOUND, problems.REFUSED, problems.REQUEST_ID_REUSED),
        *(problems.ALREADY_ENDED, problems.PAUSE_UNCONFIRMED, problems.NOT_CONFIRMED),
        problems.RESOURCE_DENIED,
    ),
    may_prefer=True,
)

STATUS = declared(
    "getRecording",
    "See how a call's recordings are",
    {200: Answer("All that is known of the call", CallStatus)},
    role="read",
    errors=(problems.NOT_FOUND,),
)

LIST = declared(
    "listRecordings",
    "List calls",
    {200: Answer("A page of calls", CallList)},
    role="read",
    errors=(problems.INVALID_PARAMETER,),
)

LOOK_UP = declared(
    "lookUpRecording",
    "Find a call by any of its ids",
    {200: Answer("The call, as a list shows it", ListedCall)},
    role="read",
    errors=(problems.INVALID_PARAMETER, problems.NOT_FOUND),
)

OPEN = declared(
    "openRecording",
    "Open a recording",
    {200: Answer("It is in the access log, and these links open it", OpenedRecording)},
    role="listen",
    body=OpenRequest,
    errors=(
        *(problems.NOT_FOUND, problems.NOT_RECORDED, problems.FILE_MISSING),
        *(problems.NOT_ARCHIVED, problems.SEVERAL_RECORDINGS, problems.LOST, problems.ERASED),
    ),
)

FIND = declared(
    "findPerson",
    "Find a person's recordings",
    {200: Answer("Every recording that the indexes have, and what is wrong there", FoundPerson)},
    role="privacy",
    body=FindRequest,
)

MEDIA = declared(
    "readMedia",
    "Read a file that was opened",
    {
        200: Answer("The file", is_media=True, headers=MEDIA_HEADERS),
        206: Answer(
            "The part that `Range` asks for",
            is_media=True,
            headers=(*MEDIA_HEADERS, "Content-Range"),
        ),
    },
    security=("mediaLink",),
    errors=(
        *(problems.LINK_DENIED, problems.NOT_FOUND, problems.RANGE_NOT_SATISFIABLE),
        problems.UNAVAILABLE,
    ),
)

DECODE = declared(
    "decodePayloads",
    "Decrypt payloads",
    {200: Answer("All payloads, in their order, none of them encrypted", EncodedPayloads)},
    role="decode",
    body=EncodedPayloads,
    errors=(problems.RESOURCE_DENIED, problems.KEY_MISSING, problems.PAYLOAD_DAMAGED),
)

ENCODE = declared(
    "encodePayloads",
    "Encrypt payloads",
    {200: Answer("All payloads, in their order, as Callvault sends them", EncodedPayloads)},
    role="decode",
    body=EncodedPayloads,
    errors=(problems.RESOURCE_DENIED,),
)

_LOOPBACK = (problems.NOT_ON_LOOPBACK, problems.WEB_PAGE_REFUSED)

EVENTS = declared(
    "receiveEvents",
    "Receive events from Event Grid",
    {200: Answer("Temporal or the quarantine has every event", *(Accepted, SubscriptionValidated))},
    security=EVENT_GRID,
    errors=(problems.NO_SECRET, *_LOOPBACK, problems.UNAVAILABLE),
)

HANDSHAKE = declared(
    "validateWebhook",
    "Answer the CloudEvents handshake",
    {
        200: Answer(
            "Events may be sent here",
            headers=("Allow", "WebHook-Allowed-Origin", "WebHook-Allowed-Rate"),
        )
    },
    security=EVENT_GRID,
    errors=(problems.NO_SECRET,),
)

CALLBACK = declared(
    "receiveCallback",
    "Hear from ACS how a recording changes",
    {200: Answer("Temporal has it, or it will never be understood", Accepted)},
    security=ACS,
    errors=(
        *(problems.NO_TOKEN, *_LOOPBACK, problems.TOO_MANY_REQUESTS, problems.UNAVAILABLE),
        *problems.OF_BODIES,
    ),
)

ALIVE = declared("getHealth", "Alive", {200: Answer("Alive", Alive)}, is_limited=False)

READY = declared(
    "getReadiness",
    "Able to take events: Temporal and the quarantine are there",
    {200: Answer("Able", Readiness), 503: Answer("Not able, and what is amiss", Readiness)},
)
