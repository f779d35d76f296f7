"""The webhook takes any authentic body: what is understood is delivered, all else is kept."""

import json
import uuid
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from temporalio.client import Client

from callvault.contracts import names
from tests.fuzz.hostile import CHEAP, ODD, hostile_bytes, hostile_values, many, written
from tests.fuzz.profile import fuzz
from tests.fuzz.samples import NEEDED_OF_FILES, dead_letters, events, files_event, validation
from tests.gateway.conftest import Call, Gateway, as_cloud_event

SAMPLES = st.sampled_from([*events(), *dead_letters(), events()[:3]])
BODIES = SAMPLES.flatmap(hostile_bytes)
HEADERS = st.sampled_from(
    [
        *({}, {}, {}, {"content-encoding": "gzip"}, {"content-encoding": "deflate"}),
        *({"content-encoding": "gzip, gzip"}, {"content-encoding": "\x7f"}),
        *({"content-type": "text/plain; charset=utf-7"}, {"ce-type": "x", "ce-id": "%ff"}),
        {"ce-type": "Microsoft.Communication.RecordingFileStatusUpdated", "ce-source": "%ed%a0"},
    ]
)
FILES = "microsoft.communication.recordingfilestatusupdated"
CALL = "CALLIDHERE"
_CHUNK = ("data", "recordingStorageInfo", "recordingChunks", 0)
NEEDED = (*NEEDED_OF_FILES, (*_CHUNK, "metadataLocation"), (*_CHUNK, "deleteLocation"))
"""Addresses as well: one that leads elsewhere is an attack, and its event is set aside."""


def some_call(client: Client) -> Call:
    unique = uuid.uuid4().hex
    return Call(client, f"aHR0cHM6Ly9jb252{unique}", f"call-{unique}", f"eyJQbGF0{unique}")


def is_about_files(body: bytes) -> bool:
    """Tell, in the plainest way, if a body is one event about files."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(event, dict):
        return False
    said = [event[name] for name in ("eventType", "type") if event.get(name)]
    return bool(said) and isinstance(said[0], str) and said[0].casefold() == FILES


@given(body=BODIES, headers=HEADERS)
@example(body=written(many(b"0", 400_000)), headers={})
@example(body=written(many(b"{}", 300_000)), headers={})
@example(body=b'{"a":' * 150_000, headers={})
@example(body=written(validation()).replace(b"512d38b6", b"\\ud83d"), headers={})
@fuzz(80)
async def test_any_authentic_body_is_answered_200_and_none_is_lost(
    gateway: Gateway, body: bytes, headers: dict[str, str]
) -> None:
    before = len(gateway.quarantined())
    with capture_logs() as logs:
        answer = await gateway.http.post("/v1/events", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"accepted": True} or answer.json().keys() == {"validationResponse"}
    assert not [line for line in logs if line.get("exc_info")], "an error of ours"
    kept = gateway.quarantined()[before:]
    # Of several events only the odd ones are kept, written anew.
    if not headers and not body.lstrip().startswith(b"["):
        assert all(each == body for _, each in kept), "kept byte for byte"
    if not headers and is_about_files(body):
        delivered = [line for line in logs if line["event"] == "files announced"]
        assert kept or delivered


@given(template=hostile_values(files_event(CALL), CHEAP, NEEDED).map(written))
@fuzz(30)
async def test_d6_odd_fields_that_are_not_needed_cost_no_file(
    gateway: Gateway, temporal: Client, template: bytes
) -> None:
    call = some_call(temporal)
    body = template.replace(CALL.encode(), call.server_call_id.encode())
    assert (await gateway.http.post("/v1/events", content=body)).status_code == 200
    assert gateway.quarantined() == []
    assert await call.names_received() == [names.FILE_STATUS_UPDATED]


NEIGHBOURS = st.lists(
    st.sampled_from(events()).flatmap(lambda event: hostile_values(event, ODD).map(written)),
    max_size=4,
)


@given(before=NEIGHBOURS, behind=NEIGHBOURS, cloud=st.booleans())
@fuzz(30)
async def test_b9_a_good_event_is_delivered_whatever_comes_with_it(
    gateway: Gateway, temporal: Client, before: list[bytes], behind: list[bytes], cloud: bool
) -> None:
    call = some_call(temporal)
    event: Any = call.recorded()
    good = written(as_cloud_event(event) if cloud else event)
    neighbours = [each for each in (*before, *behind) if len(each) < 100_000]
    del before[:], behind[:]
    place = len(neighbours) // 2
    body = b"[" + b",".join([*neighbours[:place], good, *neighbours[place:]]) + b"]"
    answer = await gateway.http.post("/v1/events", content=body)
    assert answer.status_code == 200, answer.text
    whole = [kept for _, kept in gateway.quarantined() if kept == body]
    if whole:  # its neighbours are no JSON: then nothing of it could be read, and all is kept
        return
    assert await call.names_received() == [names.FILE_STATUS_UPDATED]
