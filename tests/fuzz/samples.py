"""Valid documents of every door, from which hostile ones are made."""

from typing import Any

from tests.gateway.conftest import TOPIC, as_cloud_event

DOCUMENT_ID = "0-eus-d12-801b3f3fc462fe8a01e6810cbff729b8"
_OBJECT = f"https://us-storage.asm.skype.com/v1/objects/{DOCUMENT_ID}"


def files_event(server_call_id: str = "aHR0cHM6Ly9jb252", resource: str = "default") -> Any:
    """Make ``RecordingFileStatusUpdated`` in the Event Grid schema."""
    return {
        "id": "7283825e-f8f1-4c61-a9ea-752c56890500",
        "topic": f"{TOPIC}{resource}",
        "subject": f"/recording/call/c-1/serverCallId/{server_call_id}/recordingId/eyJQbGF0",
        "data": {
            "recordingStorageInfo": {
                "recordingChunks": [
                    {
                        "documentId": DOCUMENT_ID,
                        "index": 0,
                        "endReason": "SessionEnded",
                        "contentLocation": f"{_OBJECT}/content/video",
                        "metadataLocation": f"{_OBJECT}/content/acsmetadata",
                        "deleteLocation": _OBJECT,
                    }
                ]
            },
            "recordingStartTime": "2026-07-27T15:20:23.6089755Z",
            "recordingDurationMs": 6620,
            "recordingContentType": "AudioVideo",
            "recordingChannelType": "Mixed",
            "recordingFormatType": "Mp4",
            "sessionEndReason": "CallEnded",
        },
        "eventType": "Microsoft.Communication.RecordingFileStatusUpdated",
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": "2026-07-27T15:20:34.2199328Z",
    }


_CHUNK = ("data", "recordingStorageInfo", "recordingChunks", 0)
NEEDED_OF_FILES = (
    ("eventType",),
    ("topic",),
    ("subject",),
    (*_CHUNK, "documentId"),
    (*_CHUNK, "index"),
    (*_CHUNK, "contentLocation"),
)
"""Without these fields of `files_event` nothing can be archived; any other may be odd."""


def call_started(server_call_id: str = "aHR0cHM6Ly9jb252", resource: str = "recorded") -> Any:
    """Make ``CallStarted``."""
    return {
        "id": "1",
        "topic": f"{TOPIC}{resource}",
        "subject": f"call/{server_call_id}/startedBy/8:acs:someone",
        "data": {"serverCallId": server_call_id, "isTwoParty": False},
        "eventType": "Microsoft.Communication.CallStarted",
        "eventTime": "2026-07-27T15:20:20.1234567Z",
    }


def call_ended(server_call_id: str = "aHR0cHM6Ly9jb252") -> Any:
    """Make ``CallEnded``."""
    data = {"serverCallId": server_call_id, "durationOfCall": 49.728617199999995}
    kind = "Microsoft.Communication.CallEnded"
    return {**call_started(server_call_id), "data": data, "eventType": kind}


def participant_added(server_call_id: str = "aHR0cHM6Ly9jb252") -> Any:
    """Make ``CallParticipantAdded``."""
    someone = {"rawId": "8:acs:5f1c5ab0_0", "communicationUser": {"id": "8:acs:5f1c5ab0_0"}}
    data = {
        "serverCallId": server_call_id,
        "user": {"communicationIdentifier": someone, "role": "Attendee"},
        "participantId": "8ee6b3f2-4d2c-4d0b-9d3a-2f6a0c1f5c11",
        "displayName": "A. Customer",
        "startedBy": {"communicationIdentifier": someone, "role": "Attendee"},
        "isRoomsCall": False,
    }
    kind = "Microsoft.Communication.CallParticipantAdded"
    return {**call_started(server_call_id), "data": data, "eventType": kind}


def validation() -> Any:
    """Make the handshake of a new subscription."""
    return {
        "id": "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66",
        "topic": TOPIC + "default",
        "subject": "",
        "data": {"validationCode": "512d38b6", "validationUrl": "https://rp.example/validate"},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": "2026-07-27T15:20:20.1234567Z",
        "metadataVersion": "1",
        "dataVersion": "2",
    }


def events() -> list[Any]:
    """Return an event of each type, in both envelopes."""
    grid = [files_event(), call_started(), call_ended(), participant_added(), validation()]
    return [*grid, *map(as_cloud_event, grid)]


def dead_letters() -> list[Any]:
    """Return dead letters as Event Grid writes them for topics, and for namespaces."""
    reason = {
        "deadLetterReason": "MaxDeliveryAttemptsExceeded",
        "deliveryAttempts": 30,
        "lastDeliveryOutcome": "TimedOut",
        "publishTime": "2026-07-27T15:20:34.21Z",
        "lastDeliveryAttemptTime": "2026-07-28T15:20:34.21Z",
    }
    cloud = as_cloud_event(files_event())
    return [
        [{**files_event(), **reason}],
        {**cloud, **{key.lower(): value for key, value in reason.items()}},
        {"deadLetterProperties": reason, "event": cloud},
    ]


def callbacks() -> list[Any]:
    """Return ACS's callbacks: a change of state, and a start that failed."""
    changed = {
        "id": "1",
        "source": "calling/recordings/x/r/RecordingStateChanged",
        "type": "Microsoft.Communication.RecordingStateChanged",
        "data": {
            "recordingId": "r-1",
            "state": "active",
            "serverCallId": "s",
            "startDateTime": "2026-07-18T12:00:00.1234567+00:00",
            "version": "2025-08-15-preview",
        },
        "time": "2026-07-18T12:00:00.1234567+00:00",
        "specversion": "1.0",
        "datacontenttype": "application/json",
    }
    why = {"code": 500, "subCode": 9999, "message": "no"}
    failed = {
        **changed,
        "type": "Microsoft.Communication.StartRecordingFailed",
        "data": {**changed["data"], "resultInformation": why},
    }
    return [[changed], [failed], changed, [changed, failed, changed]]


def requests() -> dict[str, Any]:
    """Return the bodies of the control API, by what follows ``/v1/recordings``."""
    control = {"requestedBy": "agent-7", "reason": "card number", "requestId": "r-1"}
    return {
        "": {
            "serverCallId": "aHR0cHM6Ly9jb252",
            "resource": "default",
            "requestedBy": "crm",
            "reason": "contract 7",
            "requestId": "r-1",
            "recordingContentType": "audio",
            "recordingChannelType": "mixed",
            "recordingFormatType": "wav",
            "pauseOnStart": True,
            "startRecording": True,
            "consentPolicy": "named",
            "consentParticipants": ["8:acs:one"],
            "participants": ["8:acs:one", "4:+49301234"],
            "pauseConfirmWithin": "PT5S",
            "onPauseFailure": "stop",
            "maxPause": "PT10M",
            "onMaxPause": "resume",
        },
        "/{}:pause": control,
        "/{}:resume": control,
        "/{}:stop": control,
        "/{}:acknowledge": {"requestedBy": "operator", "alarmId": "lost"},
        "/{}/consents": {
            "participant": "8:acs:one",
            "given": True,
            "requestId": "c-1",
            "decidedAt": "2026-07-27T15:20:34.2199328Z",
            "evidence": "said yes",
        },
    }


def chunk_metadata() -> Any:
    """Return the metadata file of a chunk, as ACS writes it."""
    return {
        "resourceId": "5f1c5ab0-95d1-4bd0-a5e5-5d3a4b4e7f10",
        "callId": "c-1",
        "chunkDocumentId": DOCUMENT_ID,
        "chunkIndex": 0,
        "chunkStartTime": "2026-07-27T15:20:23.6089755Z",
        "chunkDuration": 6620.0,
        "pauseResumeIntervals": [{"startTime": "2026-07-27T15:20:24.6089755Z", "duration": 1500}],
        "recordingInfo": {
            "contentType": "mixed",
            "channelType": "mixed",
            "format": "mp4",
            "audioConfiguration": {"sampleRate": 16000, "bitRate": 128000, "channels": 1},
            "videoConfiguration": {"longerSideLength": 1920, "shorterSideLength": 1080},
        },
        "participants": [{"participantId": "8:acs:one"}, {"participantId": "8:acs:two"}],
    }
