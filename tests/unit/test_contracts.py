"""What crosses a boundary: the schemas, both spellings, Temporal's converter, and their page."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter

from callvault.contracts import names, schemas
from callvault.contracts.alarms import Acknowledge, Alarm, AlarmKind, Severity
from callvault.contracts.base import AnyMessage, CallerMessage, Message, State, Unreadable, read
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.events import FileStatusUpdated, RecordingChunk, RecordingStateChanged
from callvault.contracts.hold_messages import HoldRequest, ReleaseRequest
from callvault.contracts.participants import ParticipantChanged, participant_hash
from callvault.contracts.reconciliation import (
    Gap,
    ReconcileInput,
    Reconciliation,
    Source,
    Verdict,
)
from callvault.contracts.requests import (
    CallEnded,
    ControlRequest,
    RecordingFormat,
    RecordingRequest,
    StartRequest,
)
from callvault.contracts.states import RecordingState, RequestState
from callvault.gateway.openapi import examples
from callvault.gateway.privacy_messages import EvidenceRequest
from workflows.call.results import result_of

from .call import NOON, Call, chunk, event, hashed, more, recording_call

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "contracts"
PAGE = (DOCS / "README.md").read_text(encoding="utf-8")


def eventful_call() -> Call:
    """A call with everything in it: pauses, files, losses, refusals, an orphan, an end."""
    call = recording_call(request_id="s1", reason="inbound")
    call.asks("pause", requested_by="agent", reason="card number", request_id="p1")
    call.confirms("pause")
    call.asks("resume", requested_by="agent")
    call.confirms("resume")
    call.asks("start")
    call.joins("ana")
    call.agrees("ana", method="spoken", evidence="ivr/7", jurisdiction="DE", request_id="c1")
    call.announced(more(0), call_id="c1", recording_start_time=NOON, recording_duration_ms=5_000)
    call.announced(chunk(1))
    call.archives(more(0))
    call.loses(chunk(1))
    call.announced(chunk(document="orphan"), of="foreign")
    call.ends()
    return call


STATUS = eventful_call().life.status
ALARM = Alarm(
    id="recording-1/1",
    kind=AlarmKind.EXPORT_LATE,
    severity=Severity.ERROR,
    at=NOON,
    what="chunk 0 is not archived",
    workflow_id="recording-1",
    resource="default",
    calls=("recording-1",),
    expires_at=NOON,
    seconds_left=-1,
)
RECONCILED = Reconciliation(
    since=NOON,
    until=NOON,
    target=100,
    percentage=0,
    is_met=False,
    calls_seen=1,
    recordings_requested=1,
    recordings_started=1,
    files_announced=1,
    files_archived=0,
    verdicts={Verdict.MISSING: 1},
    gaps=(Gap(verdict=Verdict.MISSING, what="it is gone", workflow_id="w", resource="r"),),
    sources=(Source(name="archive main", summary="1 manifest"),),
)
PAYLOADS: tuple[State, ...] = (
    RecordingRequest(server_call_id="abc"),
    RecordingRequest(server_call_id="abc", request_id="r", pause_on_start=True, reason="why"),
    StartRequest(requested_by="agent", request_id="r"),
    ControlRequest(),
    ControlRequest(requested_by="agent", reason="card number", request_id="r"),
    event(chunk(), more(0), recording_start_time=NOON, recording_duration_ms=5),
    CallEnded(),
    CallEnded(ended_at=NOON, reason="everybody left"),
    RecordingStateChanged(recording=1, recording_id="r", state="active", at=NOON),
    RecordingStateChanged(recording=2, recording_id="r", at=NOON, problem="500/9999"),
    Acknowledge(),
    Acknowledge(requested_by="night-shift", alarm_id="recording-1/1"),
    ConsentDecision(participant=hashed("ana"), given=True),
    ConsentDecision(participant=hashed("ana"), given=False, decided_at=NOON, request_id="c"),
    ParticipantChanged(participant=hashed("ana"), joined=True, at=NOON),
    HoldRequest(reason="case 7"),
    HoldRequest(requested_by="counsel-1", recording_id="r", reason="case 7"),
    ReleaseRequest(hold="4dc6fac55f8b05f7", requested_by="counsel-1", reason="settled"),
    *STATUS.requests.values(),
    *STATUS.consents,
    STATUS,
    result_of(STATUS),
    Acknowledge(requested_by="operator", alarm_id="recording-1/2"),
    ReconcileInput(),
    ReconcileInput(target=99.5, deep=True),
    RECONCILED,
    ALARM,
    examples.EVENT,
)
SENT = [
    payload
    for payload in PAYLOADS
    if isinstance(payload, Message) and type(payload) in schemas.SENT
]


def validator(model: type[State]) -> Draft202012Validator:
    """Of the schema as it was written."""
    text = (DOCS / f"{model.__name__}.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


def as_json(payload: State) -> Any:
    return json.loads(payload.model_dump_json())


# The schemas.


def test_the_written_schemas_are_those_of_the_models() -> None:
    written = {path.name: path.read_text("utf-8") for path in DOCS.glob("*.schema.json")}
    drifted = {
        name
        for name in written.keys() | schemas.render_all().keys()
        if written.get(name) != schemas.render_all().get(name)
    }
    assert not drifted, (
        f"docs/contracts no longer says what the models say: {', '.join(sorted(drifted))}. "
        "Run `make schemas`, look at the difference as a backend would, and commit it."
    )


def test_schemas_are_written_whole_and_stale_ones_are_removed(tmp_path: Path) -> None:
    (tmp_path / "Forgotten.schema.json").write_text("{}")
    (tmp_path / "README.md").write_text("by hand")
    schemas.write_all(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", *schemas.render_all()}


@pytest.mark.parametrize("model", [*schemas.SENT, *schemas.ANSWERED])
def test_a_schema_is_of_the_draft_it_names_and_explains_itself(model: type[State]) -> None:
    schema = validator(model).schema
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == model.__name__
    assert schema["description"]


def test_a_schema_carries_what_the_fields_say_of_themselves() -> None:
    properties = validator(RecordingRequest).schema["properties"]
    assert "not the `callId`" in properties["serverCallId"]["description"]
    assert properties["requestedBy"]["title"] == "Requested by"


@pytest.mark.parametrize("model", [*schemas.SENT, *schemas.ANSWERED])
def test_every_key_of_a_schema_is_camel_case(model: type[State]) -> None:
    schema = validator(model).schema
    for part in [schema, *schema.get("$defs", {}).values()]:
        for key in part.get("properties", {}):
            assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)*(256|512)?", key)


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda p: type(p).__name__)
def test_what_the_models_write_is_what_the_schemas_say(payload: State) -> None:
    validator(type(payload)).validate(as_json(payload))


def test_every_schema_is_tried_with_a_payload() -> None:
    assert {type(payload) for payload in PAYLOADS} == {*schemas.SENT, *schemas.ANSWERED}


@pytest.mark.parametrize(
    ("model", "payload"),
    [
        (RecordingRequest, {}),
        (RecordingRequest, {"serverCallId": ""}),
        (RecordingRequest, {"serverCallId": "two words"}),
        (RecordingRequest, {"serverCallId": "x" * 2_049}),
        (RecordingRequest, {"serverCallId": "abc", "resource": "../etc"}),
        (RecordingRequest, {"serverCallId": "abc", "recordingFormatType": "ogg"}),
        (ControlRequest, {"reason": "x" * 1_025}),
        (ControlRequest, {"requestId": ""}),
        (ConsentDecision, {"participant": "8:acs:ana", "given": True}),
        (ConsentDecision, {"participant": hashed("ana")}),
        (ParticipantChanged, {"participant": "+4912345678", "joined": True}),
        (FileStatusUpdated, {"eventTime": "2026-03-02T12:00:00Z", "chunks": []}),
        (FileStatusUpdated, {"chunks": [{"contentLocation": "https://x"}]}),
    ],
)
def test_schema_and_model_refuse_the_same(model: type[State], payload: dict[str, Any]) -> None:
    assert not validator(model).is_valid(payload)
    with pytest.raises(ValidationError):
        model.model_validate(payload)


@pytest.mark.parametrize(
    ("content", "channel", "file_format"),
    [("audio", "mixed", "mp4"), ("audioVideo", "unmixed", "wav"), ("audioVideo", "mixed", "wav")],
)
def test_a_combination_that_acs_does_not_record_is_refused_with_those_it_does(
    content: str, channel: str, file_format: str
) -> None:
    with pytest.raises(ValidationError, match=r"choose one of audio \+ mixed \+ mp3; "):
        RecordingFormat.model_validate(
            {
                "recordingContentType": content,
                "recordingChannelType": channel,
                "recordingFormatType": file_format,
            }
        )


# Reading and writing.


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda p: type(p).__name__)
def test_both_spellings_are_read(payload: State) -> None:
    model = type(payload)
    assert model.model_validate_json(payload.model_dump_json(by_alias=True)) == payload
    assert model.model_validate_json(payload.model_dump_json(by_alias=False)) == payload


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda p: type(p).__name__)
def test_unknown_keys_are_ignored(payload: State) -> None:
    """A newer sender never stops an older worker."""
    newer = {**as_json(payload), "addedLater": {"by": "somebody"}}
    assert type(payload).model_validate(newer) == payload
    validator(type(payload)).validate(newer)


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda p: type(p).__name__)
async def test_temporals_converter_brings_every_payload_back(payload: State) -> None:
    [encoded] = await pydantic_data_converter.encode([payload])
    assert encoded.metadata["encoding"] == b"json/plain"
    assert json.loads(encoded.data) == as_json(payload)
    assert await pydantic_data_converter.decode([encoded], [type(payload)]) == [payload]


@pytest.mark.parametrize("payload", SENT, ids=lambda p: type(p).__name__)
async def test_a_handler_reads_what_another_language_sends(payload: Message) -> None:
    """Plain JSON, without any metadata of ours."""
    assert await handled(type(payload), payload.model_dump_json().encode()) == payload


@pytest.mark.parametrize("data", [b'"text"', b"[]", b"null", b"7", b'{"requestId": 7}'])
async def test_a_handler_is_told_of_what_it_cannot_read(data: bytes) -> None:
    unreadable = await handled(ControlRequest, data)
    assert isinstance(unreadable, Unreadable)
    assert unreadable.problem


@pytest.mark.parametrize(
    "field", ["pauseConfirmWithin", "maxPause", "maxDuration", "consentWithin"]
)
@pytest.mark.parametrize("span", ["P99999999D", "P367D", "-PT1S", 1e18, 1e999])
async def test_a2_a_time_that_leads_out_of_the_calendar_is_refused(field: str, span: Any) -> None:
    """Of fault A2's kind: added to a moment, it failed every workflow task from then on."""
    unreadable = await handled(StartRequest, json.dumps({field: span}).encode())
    assert isinstance(unreadable, Unreadable)
    assert field in unreadable.problem


async def test_what_cannot_be_read_is_not_repeated_in_the_reason() -> None:
    secret = "4111 1111 1111 1111"
    data = json.dumps({"requestId": {"card": secret}, "reason": [secret]}).encode()
    unreadable = await handled(ControlRequest, data)
    assert isinstance(unreadable, Unreadable)
    assert {"requestId", "reason"} <= set(re.findall(r"\w+", unreadable.problem))
    assert secret not in unreadable.problem


async def test_numbers_and_times_are_read_as_other_languages_write_them() -> None:
    told = await handled(
        FileStatusUpdated,
        b"""{
            "eventTime": "2026-03-02T12:00:00.1234567Z",
            "recordingDurationMs": 5,
            "recordingStartTime": "2026-03-02T14:00:00+02:00",
            "chunks": [{"documentId": "d", "contentLocation": null, "endReason": null}]
        }""",
    )
    assert isinstance(told, FileStatusUpdated)
    assert (told.event_time.microsecond, told.recording_duration_ms) == (123456, 5.0)
    assert told.recording_start_time == NOON


@pytest.mark.parametrize("text", ["2026-03-02T12:00:00", "2026-03-02T13:00:00.0000000+01:00"])
def test_a_time_without_a_zone_is_utc(text: str) -> None:
    assert CallEnded.model_validate({"endedAt": text}) == CallEnded(ended_at=NOON)


async def handled(model: type[AnyMessage], data: bytes) -> AnyMessage | Unreadable:
    """What a handler of the workflow makes of JSON from another language."""
    payload = Payload(metadata={"encoding": b"json/plain"}, data=data)
    [decoded] = await pydantic_data_converter.decode([payload], [Any])
    return read(model, decoded)


# The page.


def json_examples() -> list[tuple[str, str]]:
    """The JSON blocks of the page, each with the model that the comment before it names."""
    found = re.findall(r"(?:<!-- (\w+)[^>]*-->\n)?```json\n(.*?)```", PAGE, re.DOTALL)
    assert len(found) == PAGE.count("```json")
    return found


MODELS = {model.__name__: model for model in (*schemas.SENT, *schemas.ANSWERED)}


@pytest.mark.parametrize(("model", "example"), json_examples())
def test_every_example_of_the_page_is_read_to_the_last_key(model: str, example: str) -> None:
    payload = json.loads(example)
    read = MODELS[model].model_validate(payload)
    if "data" in payload:
        assert isinstance(read, FileStatusUpdated)
        [told] = payload["data"]["recordingStorageInfo"]["recordingChunks"]
        assert read.chunks == (RecordingChunk.model_validate(told),)
        assert None not in (read.server_call_id, read.recording_id, read.recording_start_time)
    else:
        validator(MODELS[model]).validate(payload)
        assert keys_of(payload) <= keys_of(as_json(read))


def keys_of(value: Any) -> set[str]:
    """Every key at every depth."""
    if isinstance(value, dict):
        return {*value, *(key for inner in value.values() for key in keys_of(inner))}
    return {key for inner in value for key in keys_of(inner)} if isinstance(value, list) else set()


NAMES = {
    names.WORKFLOW_TYPE,
    names.CONTROL_QUEUE,
    names.START,
    names.PAUSE,
    names.RESUME,
    names.STOP,
    names.FILE_STATUS_UPDATED,
    names.CALL_ENDED,
    names.RECORDING_STATE_CHANGED,
    names.ACKNOWLEDGE,
    names.CONSENT,
    names.PARTICIPANT_CHANGED,
    names.PLACE_HOLD,
    names.RELEASE_HOLD,
    names.STATUS,
}
VALUES = {
    *("localhost:7233", "recording-", "agent-7", "card number", "contact-centre"),
    *("SHA-256", "sha256", "utf8", "hex", ""),
}


def code_blocks() -> list[tuple[str, str]]:
    return [
        (language, code)
        for language, code in re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
        if language != "json"
    ]


def test_the_page_speaks_to_five_languages() -> None:
    languages = [language for language, _ in code_blocks()]
    assert languages == ["java", "csharp", "go", "typescript", "python"]


@pytest.mark.parametrize(("language", "code"), code_blocks(), ids=lambda value: value[:10])
def test_every_word_sent_from_a_snippet_is_a_name_or_a_key_of_ours(
    language: str, code: str
) -> None:
    without_comments = re.sub(r"\s(//|#) .*", "", code)
    words = {word for _, word in re.findall(r"(['\"])(.*?)\1", without_comments)}
    keys = {key for model in MODELS.values() for key in validator(model).schema["properties"]}
    of_the_id = {"recording-{digest[:32]}", "+", "-", "/", "_", "=", "=+$"}
    assert words <= NAMES | VALUES | keys | of_the_id
    used = {names.WORKFLOW_TYPE, names.CONTROL_QUEUE, names.FILE_STATUS_UPDATED, names.STATUS}
    assert used <= words, f"{language} does not show everything"


def test_the_python_snippet_compiles() -> None:
    import ast

    code = dict(code_blocks())["python"]
    compile(code, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def rows_of(header: str) -> dict[str, list[str]]:
    """A table of the page, found by its first column's title: its rows by their first cell."""
    table = re.search(
        rf"^\| {re.escape(header)} \|.*\n\|[-|]+\|\n((?:\|.*\|\n)+)", PAGE, re.MULTILINE
    )
    assert table is not None, header
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table[1].splitlines()]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_the_table_of_messages_has_every_name_with_what_it_is() -> None:
    messages = rows_of("name")
    assert set(messages) == NAMES - {names.WORKFLOW_TYPE, names.CONTROL_QUEUE}
    both = {name for name, row in messages.items() if row[:2] == ["yes", "yes"]}
    assert both == {names.START, names.PAUSE, names.RESUME, names.STOP, names.CONSENT}
    assert [name for name, row in messages.items() if row[2] == "yes"] == [names.STATUS]


def test_the_table_of_facts_is_true() -> None:
    facts = rows_of("what")
    assert facts["workflow type"] == [f"`{names.WORKFLOW_TYPE}`"]
    assert facts["task queue"] == [f"`{names.CONTROL_QUEUE}`"]
    digest = hashlib.sha256(b"abc").hexdigest()
    assert names.workflow_id("abc") == f"recording-{digest[:32]}"
    assert f"`{names.workflow_id('abc')}`" in PAGE


CALL = "aHR0cHM6Ly9jb252LmV4YW1wbGUvY29udi9hYmM/aT0wJmU9MQ=="
SPELLINGS = [each for pad in (CALL, CALL.rstrip("=")) for each in (pad, pad.replace("/", "_"))]


def test_every_spelling_of_a_call_is_the_same_call() -> None:
    """A9: with and without padding, in the standard and the URL-safe alphabet."""
    assert len(set(SPELLINGS)) == 4
    assert len({names.workflow_id(each) for each in SPELLINGS}) == 1
    assert len({names.call_seen_id(each, "began") for each in SPELLINGS}) == 1


@pytest.mark.parametrize("other", [CALL[:-3] + "A==", CALL.lower(), CALL + "AAAA", "/" + CALL])
def test_another_call_is_another_call(other: str) -> None:
    """A9: nothing but spelling is canonical."""
    assert names.workflow_id(other) != names.workflow_id(CALL)


def test_the_request_keeps_the_spelling_that_acs_gave() -> None:
    """A9: ACS is sent what it gave."""
    for spelling in SPELLINGS:
        assert RecordingRequest(server_call_id=spelling).server_call_id == spelling


def test_the_table_of_spellings_is_true() -> None:
    """A9: the rule for backends, with an answer to compare with."""
    canonical = "aHR0cHM6Ly9jb252LmV4YW1wbGUvY29udi9hYmM_aT0wJmU9MQ"
    expected = f"`recording-{hashlib.sha256(canonical.encode()).hexdigest()[:32]}`"
    table = rows_of("`serverCallId`")
    assert set(table) == set(SPELLINGS)
    assert all(row == [expected] for row in table.values())
    assert {names.workflow_id(each) for each in table} == {expected.strip("`")}


@pytest.mark.parametrize("page", ["README.md", "docs/contracts/README.md"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_examples_in_python_compute_the_id(page: str, spelling: str) -> None:
    """A9: the lines that compute the id, just as they stand on the pages."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.search(r"^canonical = .*\n(?:.*\n)?workflow_id = .*\n", text, re.MULTILINE)
    assert found is not None
    scope: dict[str, Any] = {"hashlib": hashlib, "server_call_id": spelling}
    exec(found[0], scope)
    assert scope["workflow_id"] == names.workflow_id(spelling)


def test_the_hash_of_the_page_is_true() -> None:
    digest = participant_hash("8:acs:ana", "key")
    assert digest == hmac.digest(b"key", b"8:acs:ana", "sha256").hex()
    assert f"`{digest}`" in PAGE
    assert participant_hash("8:acs:ana") == hashlib.sha256(b"8:acs:ana").hexdigest()


def test_the_table_of_search_attributes_is_true() -> None:
    table = {name: row[0] for name, row in rows_of("search attribute").items()}
    assert table == {key.name: _type_of(key) for key in names.SEARCH_ATTRIBUTES}


def _type_of(key: SearchAttributeKey[Any]) -> str:
    return key.indexed_value_type.name.title().replace("_", "")


def test_the_tables_of_states_are_complete() -> None:
    assert set(rows_of("`state` of a request")) == {state.value for state in RequestState}
    final = {state.value for state in RecordingState if state.is_final}
    assert set(rows_of("outcome")) == final


def test_the_table_of_formats_is_what_acs_records() -> None:
    start = PAGE.index("| `recordingContentType` |")
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `(\w+)` \|$", PAGE[start:], re.MULTILINE)[1:]
    assert len(rows) == 4
    for content, channel, file_format in rows:
        RecordingFormat.model_validate(
            {
                "recordingContentType": content,
                "recordingChannelType": channel,
                "recordingFormatType": file_format,
            }
        )


def test_every_link_of_the_page_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (DOCS / target).exists(), target


def _told_by_callers(model: type[CallerMessage]) -> Iterator[type[CallerMessage]]:
    for each in model.__subclasses__():
        yield each
        yield from _told_by_callers(each)


def test_every_time_that_a_caller_tells_has_a_time_zone() -> None:
    """One without is none to compare with: the request would fail with an error of our own."""
    assert EvidenceRequest in set(_told_by_callers(CallerMessage))
    for model in {*_told_by_callers(CallerMessage)}:
        for name, field in model.model_fields.items():
            if "datetime.datetime" not in f"{field.annotation}":
                continue
            told: Any = field.annotation
            for each in field.metadata:
                told = Annotated[told, each]
            read = TypeAdapter(told).validate_python("2026-03-02T12:00:00")
            assert read.tzinfo is not None, (model, name)
