"""The callback route answers anything that ACS could sign, and one odd callback costs no other."""

import uuid

from hypothesis import example, given
from hypothesis import strategies as st

from callvault.contracts import names
from tests.fuzz.hostile import CHEAP, hostile_bytes, hostile_values, is_inert, many, written
from tests.fuzz.profile import fuzz
from tests.fuzz.samples import callbacks
from tests.gateway.conftest import Call, Gateway
from tests.gateway.issuer import Issuer

BODIES = st.sampled_from(callbacks()).flatmap(hostile_bytes)
DOCUMENTED = {200, 413, 422}
[GOOD, *_] = callbacks()[0]


def path(workflow_id: str) -> str:
    return names.callback_path(workflow_id, 1)


@given(body=BODIES)
@example(body=written(many(b"0", 400_000)))
@example(body=written(many(b"{}", 100)))
@fuzz(80)
async def test_any_signed_body_is_answered_as_documented(
    guarded: Gateway, issuer: Issuer, body: bytes
) -> None:
    headers = {"authorization": f"Bearer {issuer.token()}"}
    target = path(f"recording-{uuid.uuid4().hex}")
    answer = await guarded.http.post(target, content=body, headers=headers)
    assert answer.status_code in DOCUMENTED, answer.text
    if answer.status_code != 200:
        error = answer.json()["error"]
        assert error["code"]
        assert is_inert(error["message"])


NEIGHBOURS = st.lists(
    st.sampled_from([callbacks()[0][0], callbacks()[1][0]]).flatmap(
        lambda callback: hostile_values(callback, CHEAP).map(written)
    ),
    max_size=4,
)


@given(neighbours=NEIGHBOURS)
@fuzz(30)
async def test_a_good_callback_is_told_whatever_comes_with_it(
    guarded: Gateway, issuer: Issuer, call: Call, neighbours: list[bytes]
) -> None:
    unique = uuid.uuid4().hex
    call = Call(call.client, f"aHR0cHM6Ly9jb252{unique}", "c", "r")
    started = await guarded.http.post(
        "/v1/recordings",
        json={"serverCallId": call.server_call_id},
        headers={"prefer": "respond-async"},
    )
    assert started.status_code == 201
    mine = written(GOOD).replace(b"r-1", b"mine")
    body = b"[" + b",".join([*neighbours, mine]) + b"]"
    headers = {"authorization": f"Bearer {issuer.token()}"}
    answer = await guarded.http.post(path(call.workflow_id), content=body, headers=headers)
    assert answer.status_code == 200 or b"[" * 65 in body or b'{"a":' * 65 in body, answer.text
    if answer.status_code == 200:
        told = [payload["recordingId"] for _, payload in await call.received()]
        assert "mine" in told
