"""One entry for each behaviour in which the emulator is like, or unlike, the service."""
# ruff: noqa: E501 - a table reads best with a row in a line
# fmt: off

from enum import StrEnum
from typing import Final, NamedTuple


class Tag(StrEnum):
    """Certainty that the real service does the same."""

    DOCUMENTED = "documented"
    """In Microsoft's documentation, specifications or SDK sources."""
    OBSERVED = "observed"
    """In recorded traffic of the real service."""
    REPORTED = "reported"
    """By users, in issues."""
    ASSUMED = "assumed"
    """Nothing is known: our choice."""


class Entry(NamedTuple):
    key: str
    """``behaviour:``, ``fault:``, ``route:`` or ``event:`` and its name, or a topic."""
    what: str
    tag: Tag
    source: str = ""


_D, _O, _R, _A = Tag.DOCUMENTED, Tag.OBSERVED, Tag.REPORTED, Tag.ASSUMED
_SPEC: Final = "REST specification 2026-03-12"
_PREVIEW: Final = "REST specification 2021-06-15-preview"
_RECORDED: Final = "recorded sessions of Microsoft's SDKs"
_ERRORS: Final = "error list of Call Automation"
_GRID: Final = "Event Grid: delivery and retry"
_SCHEMA: Final = "Event Grid: Communication Services voice and video events"
_BYOS: Final = "bring your own storage"
_FORMATS: Final = "table of formats, Call Recording overview"

_BEHAVIOURS = (
    Entry("behaviour:start", "200, or 202 and the outcome told to the callback", _D, _SPEC),
    Entry("behaviour:start_fails", "StartRecordingFailed after a 202", _D, "SDK 1.6.0"),
    Entry("behaviour:pause_twice", "202 without effect, or 400/8573", _A, "only codes are listed"),
    Entry("behaviour:resume_active", "202 without effect, or 400/8573", _A, "only codes are listed"),
    Entry("behaviour:room_locator", "refused 400/8523, or accepted", _D, f"{_SPEC} refuses it; SDK 1.6.0 has it"),
    Entry("behaviour:result", "served in 2024-09-01-preview; whether it still is, is unknown", _D, "REST specification 2024-09-01-preview"),
    Entry("behaviour:participant_events", "for ACS users, not for telephones", _D, _SCHEMA),
    Entry("behaviour:call_leg_events", "off, as in today's service; on, as in 2021", _D, "documentation of 2021"),
    Entry("behaviour:subject", "four shapes; the newest is the default", _D, f"{_SCHEMA}, quickstarts of 2021 and later"),
    Entry("behaviour:optional_fields", "fields that came later can be absent", _D, _SCHEMA),
    Entry("behaviour:file_events", "one event for a session; in a fail-over several, with different documents under one index", _D, "known issues, Call Recording overview"),
    Entry("behaviour:event_duplicates", "normal; again after 1 s", _D, _GRID),
    Entry("behaviour:event_disorder", "no order is promised; held back for 10 s", _D, _GRID),
    Entry("behaviour:event_loss", "Event Grid promises delivery, for 24 hours only", _A, "the worst that could be"),
    Entry("behaviour:event_lag_seconds", "a few minutes are usual", _D, "Call Recording overview"),
    Entry("behaviour:events_per_post", "one, or batches of up to 5000", _D, _GRID),
    Entry("behaviour:content_host", "files are on a host of their own in the service; here on request", _O, _RECORDED),
    Entry("behaviour:content_redirect", "302 to another host, same path, empty body", _O, "Java session, 2021"),
    Entry("behaviour:range_status", "206; 200 with Content-Range was seen, too", _O, _RECORDED),
    Entry("behaviour:content_etag", "ETag and Accept-Ranges; off, as in recorded sessions", _A, "on, for what a source with them makes possible"),
    Entry("behaviour:content_unauthorized", "empty in 2021, JSON in 2023", _O, _RECORDED),
    Entry("behaviour:export_locations", "URLs of the blobs, or of ACS", _A, f"{_BYOS} speaks of ACS URLs"),
)

_FAULTS = (
    Entry("fault:throttled", "429 with Retry-After; code 8589", _D, f"{_ERRORS}; the status is assumed"),
    Entry("fault:internal_error", "500/9999 on start", _R, "azure-sdk-for-java issue 32963"),
    Entry("fault:unavailable", "503 on download", _R, "azure-sdk-for-net issue 34148"),
    Entry("fault:conflict_8571", "409, recording operation conflict", _D, _ERRORS),
    Entry("fault:conflict_8573", "pause or resume not allowed; the status 409 is assumed", _D, _ERRORS),
    Entry("fault:hang", "no answer", _A, "networks do that"),
    Entry("fault:reset", "TCP reset", _A, "networks do that"),
    Entry("fault:slow_drip", "1 KiB at a time", _A, "networks do that"),
    Entry("fault:truncated", "fewer bytes than Content-Length", _A, "networks do that"),
    Entry("fault:wrong_content_length", "a complete answer that lacks a tenth", _A, "proxies do that"),
    Entry("fault:zero_bytes_first", "the first download after idling is empty", _R, "azure-sdk-for-python issue 33415"),
    Entry("fault:html_400", "400 with an HTML page on download", _R, "azure-sdk-for-js issue 33764"),
    Entry("fault:html_200", "200 with an HTML page", _A, "proxies do that"),
    Entry("fault:flipped_bit", "one bit is wrong", _A, "no checksum is promised"),
    Entry("fault:etag_changes", "another ETag than before", _A, "no contract found"),
    Entry("fault:range_ignored", "200 with the whole file", _A, "HTTP allows it"),
    Entry("fault:unauthorized", "401 although the signature is right", _R, "azure-sdk-for-js issue 26142"),
    Entry("fault:early_404", "404 although it is there", _D, "known issues, Call Recording overview, for stop"),
    Entry("fault:pause_not_effective", "202, and the recording goes on", _A, "the worst that could be"),
    Entry("fault:pause_on_start_ignored", "records at once", _A, "the worst that could be"),
    Entry("fault:slow", "the effect, and after it the answer, seconds late", _A, "networks do that"),
    Entry("fault:late_effect", "202 means accepted: the effect comes later", _A, "the specification says accepted, not done"),
)

_ROUTES = (
    Entry("route:POST /calling/recordings", "start", _D, _SPEC),
    Entry("route:POST /calling/recordings/", "start: some SDKs send the slash", _A),
    Entry("route:GET /calling/recordings/{recording_id}", "state", _D, _SPEC),
    Entry("route:DELETE /calling/recordings/{recording_id}", "stop, 204", _D, _SPEC),
    Entry("route:POST /calling/recordings/{recording_id}:pause", "202", _D, _SPEC),
    Entry("route:POST /calling/recordings/{recording_id}:resume", "202", _D, _SPEC),
    Entry("route:GET /calling/recordings/{recording_id}/result", "2024-09-01-preview only; 501 else", _D, "REST specification 2024-09-01-preview"),
    Entry("route:GET /calling/callConnections/{call_connection_id}", "four of its fields, 404 after the call; every recording's id names such a connection", _D, f"{_SPEC}; that the service tells of it whoever began the call is assumed"),
    Entry("route:POST /calling/serverCalls/{server_call_id:path}/recordings", "start, answers recordingId only", _D, _PREVIEW),
    Entry("route:GET /calling/serverCalls/{server_call_id:path}/recordings/{recording_id}", "state", _D, _PREVIEW),
    Entry("route:DELETE /calling/serverCalls/{server_call_id:path}/recordings/{recording_id}", "stop, 200", _D, _PREVIEW),
    Entry("route:POST /calling/serverCalls/{server_call_id:path}/recordings/{recording_id}/:pause", "200", _D, _PREVIEW),
    Entry("route:POST /calling/serverCalls/{server_call_id:path}/recordings/{recording_id}/:resume", "200", _D, _PREVIEW),
    Entry("route:GET /v1/objects/{document_id}/content/{view}", "video, audio or acsmetadata, octet-stream", _O, f"{_RECORDED}; `audio` is assumed"),
    Entry("route:DELETE /v1/objects/{document_id}", "200, then 404", _O, f"{_RECORDED}; the second is assumed"),
    Entry("route:GET /calling/.well-known/acsopenidconfiguration", "OpenID configuration of the callbacks", _D, "secure webhook endpoint, Call Automation"),
    Entry("route:GET /calling/keys", "its key set", _A, "the service's path is in its configuration"),
    Entry("route:/_emulator", "the control API: the service has nothing like it; web pages are refused, by Origin and Host", _A),
    Entry("route:everything else", "501 and says so; a wrong method 405 in the service's words", _O, "405: recorded sessions; the service has no 501"),
)

_EVENTS = (
    Entry("event:RecordingFileStatusUpdated", "after the end, once files are rendered (`event_delay`)", _D, f"{_SCHEMA}; the 0.5 s are assumed"),
    Entry("event:ids of RecordingFileStatusUpdated", "`storageType` ACS and `recordingId`, but for older forms of the subject", _O, "azure-sdk-for-net issue 54863, January 2026"),
    Entry("event:RecordingFileStatusUpdated of own storage", "`storageType` blobstorage or acsstorage, `recordingId`; after a failed export the locations of ACS", _D, f"{_BYOS}, whose comments differ on the words"),
    Entry("event:CallStarted", "not for Teams interop, nor between telephones alone; `role` Unknown", _D, _SCHEMA),
    Entry("event:CallEnded", "with `durationOfCall`", _D, _SCHEMA),
    Entry("event:CallParticipantAdded", "for those there at the start, too", _D, f"{_SCHEMA}; the latter is assumed"),
    Entry("event:CallParticipantRemoved", "for those there at the end, too", _D, f"{_SCHEMA}; the latter is assumed"),
    Entry("event:CallLegStateChanged", "`Established` only", _D, "documentation of 2021"),
    Entry("event:RecordingStateChanged", "array of one CloudEvent; `inactive` from the year 1, then `active`", _O, "JavaScript session, 2025"),
    Entry("event:source of callbacks", "base64, padded, of the conversation's address; the connection's id is `PlatformEndpointId` of the recordingId", _O, "JavaScript sessions, 2025, decoded"),
    Entry("event:times of callbacks", "up to seven digits, without zeros at the end", _O, "JavaScript sessions, 2025"),
    Entry("event:version of callbacks", "that of the api-version of the start; `eventSource` since 2025-06-15", _O, "JavaScript sessions, 2025; what both depend on is assumed"),
    Entry("event:RecordingStateChanged later", "told at pause, resume and end as well; one attempt each, in order", _A),
    Entry("event:StartRecordingFailed", "instead of a state; subCode 9999", _D, "SDK 1.6.0; the codes are assumed"),
    Entry("event:tokens of callbacks", "RS256, audience is the resource's immutable id, 5 minutes, by real time", _D, "secure webhook endpoint; that it covers recording callbacks is assumed"),
    Entry("event:SubscriptionValidation", "exactly 200 with `validationResponse`, or OPTIONS with `WebHook-Allowed-Origin`; no `validationUrl`", _D, "Event Grid: endpoint validation"),
)

_WIRE = (
    Entry("wire:api-version", "stable 2023-03-06 to 2026-03-12 and 2024-09-01-preview; `recordingKind` since 2024-04-15", _D, "SDK 1.6.0, specifications"),
    Entry("wire:api-versions of beta SDKs", "2024-11-15-preview and 2025-08-15-preview", _O, "npm 1.4.0-beta.1; JavaScript session, 2025"),
    Entry("wire:202 for a start", "since 2024-09-01-preview; older versions are answered 200", _D, "JavaScript SDK 1.2.0 takes nothing else; the version is assumed"),
    Entry("wire:headers of answers", "charset of JSON, `X-Microsoft-Skype-Chain-ID`, `X-Azure-Ref`, `X-Cache`", _O, ".NET RecordingOperationsTest session"),
    Entry("wire:missing api-version", "400, as for an unknown one", _A, "Azure REST guidelines"),
    Entry("wire:refusals of start", "400: unknown call 8527, second recording 8553, relative callback `BadRequest`", _O, _RECORDED),
    Entry("wire:codes of start", "ended call 8528, bad combination 8557, Teams interop 401/7605, wrong argument 8523; texts and the 401 are ours", _D, _ERRORS),
    Entry("wire:no Base-64", "400/8523 for a callId where a serverCallId belongs; the code is assumed", _R, "JavaScript quickstarts issue 203"),
    Entry("wire:unknown fields", "400/`BadRequest` that names them", _A),
    Entry("wire:not JSON", "400/`BadRequest`; above 1 MiB 413", _A),
    Entry("wire:default types", "audioVideo, mixed, and mp4 or wav", _A, "mp4 was the only output in 2021"),
    Entry("wire:repeatability", "same `Repeatability-Request-ID`, same recording, without end; `Repeatability-Result: accepted`", _A, "OASIS repeatable requests"),
    Entry("wire:channels", "affinity and ordering for unmixed only; 5 channels, each participant once", _D, "quickstart; the refusals 400/8523 are assumed"),
    Entry("wire:one a channel", "`channelAffinity` may leave channels free for others", _A),
    Entry("wire:preview errors", "flat `code` and `message`", _D, _PREVIEW),
    Entry("wire:ids", "shapes of recordingId, serverCallId, rawId, documentId", _O, "decoded from recorded sessions"),
    Entry("wire:spellings of serverCallId", "four addresses; URL-safe without padding, or padded; every spelling is taken", _O, "Event Grid's documentation; .NET and JavaScript sessions 2022 to 2025; that padded ones use + and / is assumed"),
)

_ACCESS = (
    Entry("access:HMAC", "over verb, path with query, date, ACS host and body hash; `x-ms-host` names the ACS host", _D, "SDK sources, their test vectors"),
    Entry("access:port", "may be missing in `x-ms-host` and still be signed", _D, "SDK sources; the service has no port"),
    Entry("access:body hash", "401/`Denied` when it differs", _O, "rest-api-specs issue 11767"),
    Entry("access:other faults", "401/7509; five minutes of skew, on the real clock", _A, f"{_ERRORS} has the code"),
    Entry("access:two keys", "both accepted; a rotated one refused at once", _A, "keys of other Azure services"),
    Entry("access:bearer tokens", "those of the setting, which stand in for Entra ID", _A),
)

_LIFE = (
    Entry("life:states", "`inactive`, then `active`; paused is `inactive`; after stop 404/8522", _O, "recorded sessions of 2022; for pause, resume, stop by analogy"),
    Entry("life:start delay", "active after 0.2 s (`start_delay`; of one call: `startDelaySeconds`)", _A),
    Entry("life:one of a kind", "a call has one recording of a content and channel type at a time", _A, "text of 8553"),
    Entry("life:pause", "at once; what was never active gives no file and no event", _A, "`pauseOnStart` in the quickstart"),
    Entry("life:end", "the call's end stops it (`CallEnded`), a stop ends it with `InitiatorLeft`", _A, "the values are documented"),
    Entry("life:clock", "a call's times are told by a clock that is ahead or behind, on request (`clockOffsetSeconds`)", _A, "clocks do that"),
    Entry("life:rooms", "a call in a room has a `roomId`; of several in one the newest is meant", _A),
)

_FILES = (
    Entry("files:ranges", "206 with Content-Range, 416; malformed and several ranges are ignored", _O, f"{_RECORDED}; SDK 1.4.0 sends `bytes=None`"),
    Entry("files:ETag", "with If-Range", _A, "no contract found"),
    Entry("files:headers", "`Content-Range` in every answer, `Last-Modified`, `Cache-Control`", _O, "JavaScript sessions; the value of the last is assumed"),
    Entry("files:errors", "empty bodies", _O, _RECORDED),
    Entry("files:retention", "48 h after the end of the recording (`retention`)", _D, "documentation of 2021; today's says 24 h; the start is assumed"),
    Entry("files:own storage", "`YYYYMMDD/callId/first 8 of recordingId-GUID/index-audiomp3.documentId.mp3`, metadata beside it", _D, f"{_BYOS}; names for mp4 and wav by analogy"),
    Entry("files:copies", "ACS's own copy stays after an export", _D, f"older revision of {_BYOS}"),
    Entry("files:missing identity", "`managedIdentityNotEnabled` without a key or SAS", _D, "REST specification 2024-09-01-preview"),
)

_MEDIA = (
    Entry("media:mp4", "H.264 1920x1080, 8 frames a second (`fps`; today 16), 16 kHz AAC", _D, f"{_FORMATS}; the codec is our reading"),
    Entry("media:mp3 and wav", "16 kHz, 48 kbit/s; 16 kHz, 256 kbit/s a channel", _D, _FORMATS),
    Entry("media:tiles", "with display names for at most nine, 3 x 3, the most active speakers", _D, _FORMATS),
    Entry("media:names in other scripts", "by the names of their letters, without accents: the font that is drawn with has ASCII only", _A, "the service draws them"),
    Entry("media:active speakers", "who speaks, then who spoke last, then who joined first; with a clock", _A),
    Entry("media:unmixed", "at most 5 channels; those asked for first, the others as they first speak", _D, "quickstart"),
    Entry("media:silent channels", "the silent follow as they joined; a channel asked for stays silent if nobody comes", _A),
    Entry("media:beyond five", "not recorded; in the metadata without `channel`", _A),
    Entry("media:pauses", "one file, paused parts absent, borders on the nearest frame", _D, f"{_FORMATS}; the grid is assumed"),
    Entry("media:chunks", "ChunkMaximumSizeExceeded, SessionEnded; 4 hours at most", _D, f"{_SCHEMA}, metadata schema"),
    Entry("media:chunk limits", "ChunkMaximumTimeExceeded; the 4 hours are of media; no size limit unless set", _A, "no size is documented"),
    Entry("media:metadata of chunks", "each its own document id, start, duration, pauses and participants", _A),
    Entry("media:metadata", "keys, order, 7-digit fractions, `framerate` (documentation: `frameRate`)", _O, "real files, 2021 and 2022"),
    Entry("media:metadata of 2021", "contentType and channelType swapped, durations as floats (`metadata_form`)", _O, "real files, 2021"),
    Entry("media:pretty metadata", "in lines that end with CRLF (`metadata_form`)", _O, "Java session, June 2021; the indent is assumed"),
    Entry("media:metadata of audio", "without `videoConfiguration`; participants as they joined, by channel where they have one", _A),
    Entry("media:durations", "leave pauses out; intervals are on the frame grid", _A),
    Entry("media:voices that tell the time", "on request (`tellsTime`): each 25 ms of sound says who speaks, and when", _A, "for those who compare a file with what is claimed of it"),
    Entry("media:sparse", "sizes by the table of formats, bytes computed (`media`)", _A, "not media at all"),
)

_DELIVERY = (
    Entry("delivery:schedule", "10 s, 30 s, 1 m, 5 m, 10 m, 30 m, 1 h, 3 h, 6 h, 12 h; later after 404, 408, 503; 30 attempts, 24 h; no randomness", _D, _GRID),
    Entry("delivery:success", "200 to 204; 30 s for an answer", _D, _GRID),
    Entry("delivery:final answers", "400, 401, 403, 413 are not retried", _D, _GRID),
    Entry("delivery:headers", "`aeg-*`, and static ones of the subscription", _D, "Event Grid: delivery properties"),
    Entry("delivery:batches", "accepted or repeated as a whole; they gather for 0.2 s", _D, f"{_GRID}; the gathering is assumed"),
    Entry("delivery:dead letters", "an array in a JSON file after 5 minutes, with five more fields; off by default", _D, _GRID),
    Entry("delivery:dead letter words", "`UndeliverableDueToHttp…`, `TimeToLiveExceeded`, `lastHttpStatusCode`", _R, "users' dead letters"),
    Entry("delivery:handshakes", "12 within about 40 s; what is published meanwhile is kept", _A, "lets a receiver start beside it"),
    Entry("delivery:http", "is allowed beside https", _A, "the service wants https"),
)

ENTRIES: Final = (
    *_BEHAVIOURS,
    *_FAULTS,
    *_ROUTES,
    *_EVENTS,
    *_WIRE,
    *_ACCESS,
    *_LIFE,
    *_FILES,
    *_MEDIA,
    *_DELIVERY,
)
