"""The operations for holds, erasures, exports, evidence and access logs."""

from callvault.gateway.openapi import problems
from callvault.gateway.openapi.declare import Answer, declared
from callvault.gateway.privacy_messages import (
    AccessRecords,
    AccessSearch,
    Certificates,
    ErasureStanding,
    Evidence,
    EvidenceRequest,
    ExportRequest,
    HoldList,
    HoldRecords,
    PlaceHold,
    PlanErasure,
    Planned,
    ReleaseHold,
    RunErasure,
)

_PLANNED = {
    200: Answer("The plan, which the access logs have, and its token", Planned),
    202: Answer("It is being made: ask for it again by its `planId`", Planned),
}

PLACE_HOLD = declared(
    "placeHold",
    "Place a legal hold",
    {200: Answer("It is in every archive", HoldRecords)},
    role="hold",
    body=PlaceHold,
    errors=(
        *(problems.NOT_FOUND, problems.NOT_RECORDED, problems.NOT_ARCHIVED),
        *(problems.LOST, problems.ERASED),
    ),
)

RELEASE_HOLD = declared(
    "releaseHold",
    "Release a legal hold",
    {200: Answer("It is over, in every archive that had it", HoldRecords)},
    role="hold",
    body=ReleaseHold,
    errors=(problems.NOT_FOUND, problems.LOST),
)

LIST_HOLDS = declared(
    "listHolds",
    "List legal holds",
    {200: Answer("The holds of all archives", HoldList)},
    role="hold",
    errors=(problems.INVALID_PARAMETER, problems.TOO_LARGE, problems.LOST),
)

PLAN_ERASURE = declared(
    "planErasure",
    "Plan an erasure",
    _PLANNED,
    role="erase",
    body=PlanErasure,
    errors=(problems.NOT_FOUND, problems.NOT_PLANNED, problems.RESOURCE_DENIED),
)

GET_PLAN = declared(
    "getErasurePlan",
    "Ask for a plan again",
    _PLANNED,
    role="erase",
    errors=(problems.NOT_FOUND, problems.NOT_PLANNED),
)

RUN_ERASURE = declared(
    "runErasure",
    "Erase what a plan says",
    {202: Answer("It has begun: ask where it stands", ErasureStanding)},
    role="erase",
    body=RunErasure,
    errors=(problems.PLAN_STALE, problems.PLAN_USED, problems.RESOURCE_DENIED),
)

GET_ERASURE = declared(
    "getErasure",
    "See where an erasure stands",
    {200: Answer("What is done, and what stays", ErasureStanding)},
    role="erase",
    errors=(problems.NOT_FOUND,),
)

GET_CERTIFICATES = declared(
    "getErasureCertificates",
    "Get the certificates of an erasure",
    {200: Answer("The certificate of each archive", Certificates)},
    role="erase",
    errors=(problems.NOT_FOUND, problems.LOST),
)

EXPORT = declared(
    "exportPerson",
    "Export a person's recordings",
    {
        200: Answer(
            "A zip, which the access logs have",
            is_media=True,
            headers=("Content-Disposition", "Content-Length"),
        )
    },
    role="privacy",
    body=ExportRequest,
    errors=(problems.NOTHING_FOUND, problems.INDEX_DAMAGED, problems.TOO_LARGE, problems.LOST),
)

EVIDENCE = declared(
    "getEvidence",
    "Get the evidence of a call",
    {200: Answer("What was asked, confirmed, paused and agreed to", Evidence)},
    role="privacy",
    body=EvidenceRequest,
    errors=(problems.NOT_FOUND, problems.LOST),
)

EVIDENCE_PAGE = declared(
    "getEvidencePage",
    "Get the evidence of a call as a page",
    {
        200: Answer(
            "One HTML file, with the proof of every recording",
            is_page=True,
            headers=("Content-Length",),
        )
    },
    role="privacy",
    body=EvidenceRequest,
    errors=(
        *(problems.NOT_FOUND, problems.NOT_RECORDED, problems.NOT_ARCHIVED),
        *(problems.SEVERAL_RECORDINGS, problems.LOST, problems.ERASED, problems.TOO_LARGE),
    ),
)

SEARCH_ACCESS = declared(
    "searchAccess",
    "Search an access log",
    {200: Answer("Records, the newest first", AccessRecords)},
    role="privacy",
    body=AccessSearch,
    errors=(
        *(problems.NOT_FOUND, problems.NOT_RECORDED, problems.NOT_ARCHIVED),
        *(problems.RESOURCE_DENIED, problems.LOST),
    ),
)
