"""The control API answers anything with a documented status, and errors in its one form."""

import uuid
from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.hostile import ODD, damaged_bytes, hostile_bytes, is_inert, nested, written
from tests.fuzz.profile import fuzz
from tests.fuzz.samples import requests
from tests.gateway.conftest import Gateway

DOCUMENTED = {200, 201, 202, 404, 409, 413, 422}
"""Statuses of `docs/gateway.md` for a caller that is let in, while Temporal is there."""

REQUESTS = st.sampled_from(list(requests())).flatmap(
    lambda path: st.tuples(st.just(path), hostile_bytes(requests()[path]))
)
IDS = st.one_of(
    st.just("{known}"),
    st.text(min_size=1, max_size=20),
    st.sampled_from(
        ["x" * 3_000, "\0", "..", "\ud83d", "a\r\nb", "recording-1", "%2e%2e", "\x1b["]
    ),
)

ERROR_MEMBERS = {"code", "message", "httpRequestId", "mayBeRecording", "heldBy"}


@given(request=REQUESTS, target=IDS, waits=st.booleans())
@example(request=("", written(nested(200_000))), target="x", waits=True)
@fuzz(80)
async def test_any_request_is_answered_as_documented(
    guarded: Gateway, request: tuple[str, bytes], target: str, waits: bool
) -> None:
    path, body = request
    call_id = f"call-{uuid.uuid4().hex}"
    body = body.replace(b"aHR0cHM6Ly9jb252", call_id.encode())
    if target == "{known}" and path:
        # Without waiting for anything: only its id is needed.
        started = await guarded.http.post(
            "/v1/recordings",
            json={"serverCallId": call_id},
            headers={"prefer": "respond-async"},
        )
        target = started.json()["workflowId"]
    url = "/v1/recordings" + path.format(quote(target, safe="", errors="replace"))
    # An update of what is no request of ours would be waited for: the confirmed ones are answered.
    headers = {} if waits else {"prefer": "respond-async"}
    answer = await guarded.http.post(url, content=body, headers=headers)
    assert answer.status_code in DOCUMENTED, (answer.status_code, answer.text)
    if not answer.is_success:
        error = answer.json()["error"]
        assert {"code", "message"} <= error.keys() <= ERROR_MEMBERS
        assert is_inert(error["message"])


@given(body=st.sampled_from(ODD).map(written).flatmap(damaged_bytes), target=IDS)
@fuzz(20)
async def test_a_status_is_read_or_there_is_none(
    guarded: Gateway, body: bytes, target: str
) -> None:
    url = f"/v1/recordings/{quote(target, safe='', errors='replace')}"
    answer = await guarded.http.request("GET", url, content=body)
    assert answer.status_code in {404, 405}, (answer.status_code, answer.text)
    assert is_inert(answer.json()["error"]["message"])


PRIVACY = {
    "/v1/holds": {"serverCallId": "x", "reason": "case 7"},
    "/v1/holds/{id}:release": {"reason": "settled"},
    "/v1/erasures:plan": {"recordingId": "x"},
    "/v1/erasures": {"participant": "4:+4930123456", "plan": "x", "reason": "y"},
    "/v1/subjects:export": {"participant": "4:anonymous", "since": "2026-03-02"},
    "/v1/recordings:evidence": {"id": "x", "at": "2026-03-02T12:00:00Z"},
    "/v1/recordings:evidence-page": {"id": "x", "recordedOn": "2026-03-02"},
    "/v1/access:search": {"archive": "main", "before": 5, "limit": 1},
}
ABOUT_PEOPLE = st.sampled_from(list(PRIVACY)).flatmap(
    lambda path: st.tuples(st.just(path), hostile_bytes(PRIVACY[path]))
)


@given(request=ABOUT_PEOPLE, target=IDS)
@fuzz(60)
async def test_any_request_about_people_is_answered_as_documented(
    named: Gateway, request: tuple[str, bytes], target: str
) -> None:
    path, body = request
    url = path.format(id=quote(target, safe="", errors="replace"))
    answer = await named.http.post(url, content=body, headers={"x-api-key": "anna-key"})
    # The archive of these settings was never made: whatever is let through finds it away.
    assert answer.status_code in {202, 404, 409, 413, 422, 503}, (answer.status_code, answer.text)
    assert answer.status_code == 202 or is_inert(answer.json()["error"]["message"])


PARAMETERS = st.sampled_from(
    ["state", "atRisk", "open", "orphans", "limit", "cursor", "id", "code", "", "\0", "x" * 99]
)
VALUES = st.one_of(
    st.text(max_size=30),
    st.binary(max_size=30).map(lambda value: value.decode("latin-1")),
    st.sampled_from(["", "1", "-1", "1e9", "true", "archived", "' OR ''='", "9" * 400, "\ud83d"]),
)


@given(query=st.lists(st.tuples(PARAMETERS, VALUES), max_size=5), looks_up=st.booleans())
@example(query=[("cursor", "A" * 5_000)], looks_up=False)
@example(query=[("id", "x" * 5_000)], looks_up=True)
@fuzz(60)
async def test_any_parameters_of_a_list_or_a_look_up_are_answered_as_documented(
    guarded: Gateway, query: list[tuple[str, str]], looks_up: bool
) -> None:
    asked = "&".join(
        f"{quote(name, errors='replace')}={quote(value, errors='replace')}" for name, value in query
    )
    path = "/v1/recordings:lookup" if looks_up else "/v1/recordings"
    answer = await guarded.http.get(f"{path}?{asked}")
    assert answer.status_code in {200, 404, 422}, (answer.status_code, answer.text)
    if not answer.is_success:
        assert is_inert(answer.json()["error"]["message"])
