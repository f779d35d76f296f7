"""Does a caller find its calls: in pages, by filters, by any id; and nothing that is no call?"""

import asyncio
import base64
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RawValue, SearchAttributePair, TypedSearchAttributes
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from callvault.contracts import names
from callvault.gateway.lists_api import MAX_LIMIT
from tests.gateway.conftest import Gateway, GatewayOf

RECORDINGS = "/v1/recordings"
LOOK_UP = f"{RECORDINGS}:lookup"


class Kept:
    """Calls that nobody's worker keeps, of a state that no other test of this module has."""

    def __init__(self, client: Client, state: str) -> None:
        self.client = client
        self.state = state
        self.ids: list[str] = []

    async def call(self, *more: SearchAttributePair[Any]) -> str:
        server_call_id = uuid.uuid4().hex
        workflow_id = names.workflow_id(server_call_id)
        await self.client.start_workflow(
            names.WORKFLOW_TYPE,
            id=workflow_id,
            task_queue="nobody",
            search_attributes=TypedSearchAttributes(
                [SearchAttributePair(names.STATE, self.state), *more]
            ),
        )
        self.ids.append(workflow_id)
        return workflow_id


async def page(gateway: Gateway, **asked: Any) -> dict[str, Any]:
    answer = await gateway.http.get(RECORDINGS, params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def listed(gateway: Gateway, count: int, **asked: Any) -> list[dict[str, Any]]:
    """List until visibility has caught up with what was begun."""
    async with asyncio.timeout(20):
        while len(calls := (await page(gateway, **asked))["calls"]) < count:
            await asyncio.sleep(0.1)
    found: list[dict[str, Any]] = calls
    return found


async def test_pages_hold_each_call_once_the_latest_first(
    gateway: Gateway, temporal: Client
) -> None:
    kept = Kept(temporal, "archiving")
    for _ in range(5):
        await kept.call()
    await listed(gateway, 5, state="archiving")
    pages, cursor = [], None
    while True:
        asked = {"state": "archiving", "limit": 2} | ({"cursor": cursor} if cursor else {})
        answer = await page(gateway, **asked)
        pages.append([call["workflowId"] for call in answer["calls"]])
        cursor = answer["nextCursor"]
        if cursor is None:
            break
    assert [len(each) for each in pages if each] == [2, 2, 1]
    assert [each for one in pages for each in one] == kept.ids[::-1]


async def test_filters_are_those_of_the_command_line(gateway: Gateway, temporal: Client) -> None:
    kept = Kept(temporal, "processing")
    plain = await kept.call()
    risky = await kept.call(SearchAttributePair(names.AT_RISK, value=True))
    orphan = await kept.call(SearchAttributePair(names.ORPHAN, value=True))
    over = await kept.call()
    await temporal.get_workflow_handle(over).terminate()
    await listed(gateway, 4, state="processing")

    async def found(count: int, **asked: Any) -> set[str]:
        calls = await listed(gateway, count, state="processing", **asked)
        return {call["workflowId"] for call in calls}

    assert await found(1, orphans=True) == {orphan}
    # Ended by force, with its recordings unfinished: nobody keeps it.
    assert await found(2, atRisk="true") == {risky, over}
    async with asyncio.timeout(20):
        while over in (still_open := await found(3, open=True)):
            await asyncio.sleep(0.1)
    assert still_open == {plain, risky, orphan}
    [shown] = await listed(gateway, 1, state="processing", orphans=True)
    assert (shown["isOrphan"], shown["state"], shown["status"]) == (True, "processing", "running")


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("limit=0", "query.limit"),
        (f"limit={MAX_LIMIT + 1}", "less than or equal to 200"),
        ("limit=99999999999999999999999999", "query.limit"),
        ("limit=ten", "query.limit"),
        ("limit=", "query.limit"),
        ("state=archved", "'archived'"),
        ("state=' OR WorkflowType='x", "query.state"),
        ("atRisk=perhaps", "query.atRisk"),
        ("stat=lost", "known are state, atRisk, open, orphans, limit, cursor"),
        ("at_risk=true", "known are"),
        (f"cursor={'x' * 5_000}", "query.cursor"),
        ("cursor=", "nextCursor"),
        ("cursor=%F0%9F%98%80", "nextCursor"),
        ("cursor=AAAA", "nextCursor"),
        ("cursor=not+base64", "nextCursor"),
    ],
)
async def test_a_parameter_that_is_wrong_is_named(asked: str, named: str, gateway: Gateway) -> None:
    answer = await gateway.http.get(f"{RECORDINGS}?{asked}")
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid_request"
    assert named in answer.json()["error"]["message"]


async def test_a_cursor_of_another_list_and_a_forged_one_are_refused(
    gateway: Gateway, temporal: Client
) -> None:
    kept = Kept(temporal, "paused")
    await kept.call()
    await kept.call()
    await listed(gateway, 2, state="paused")
    cursor = (await page(gateway, state="paused", limit=1))["nextCursor"]
    elsewhere = await gateway.http.get(RECORDINGS, params={"state": "lost", "cursor": cursor})
    assert elsewhere.status_code == 422
    assert "other filters" in elsewhere.json()["error"]["message"]

    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for token in (b"x", b"{}", b'{"CloseTime":7}', b"\xff" * 200, raw[8:][:-3]):
        forged = base64.urlsafe_b64encode(raw[:8] + token).decode().rstrip("=")
        answer = await gateway.http.get(RECORDINGS, params={"state": "paused", "cursor": forged})
        assert answer.status_code in (200, 422), answer.text
        if answer.status_code == 422:
            assert "begin the list anew" in answer.json()["error"]["message"]
        else:
            # Temporal reads some: they lead to another place of the same list, and no further.
            assert {call["workflowId"] for call in answer.json()["calls"]} <= {*kept.ids}
        # Temporal fails at what it cannot read, and would be asked again and again.
        assert answer.elapsed < timedelta(seconds=2)


async def test_a_call_is_found_by_any_of_its_ids(gateway: Gateway, temporal: Client) -> None:
    unique = uuid.uuid4().hex
    call, recording, other = f"a+b/{unique}", f"eyJ-_{unique}", f"call-{unique}"
    workflow_id = names.workflow_id(call)
    await temporal.start_workflow(
        names.WORKFLOW_TYPE,
        id=workflow_id,
        task_queue="nobody",
        search_attributes=TypedSearchAttributes(
            [
                SearchAttributePair(names.RECORDING_IDS, [recording]),
                SearchAttributePair(names.CALL_IDS, [other]),
            ]
        ),
    )
    for known in (workflow_id, call, recording, other):
        async with asyncio.timeout(20):
            while (answer := await _look_up(gateway, known)).status_code != 200:
                assert answer.status_code == 404
                await asyncio.sleep(0.1)
        assert answer.json()["workflowId"] == workflow_id
        assert answer.json()["recordingIds"] == [recording]


async def _look_up(gateway: Gateway, known: str) -> Any:
    return await gateway.http.get(LOOK_UP, params={"id": known})


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("", 422),
        ("id=", 422),
        ("id=a%20b", 422),
        (f"id={'x' * 2_049}", 422),
        ("id=x&state=lost", 422),
        ("recordingId=x", 422),
        ("id=x", 404),
        ("id=x'%20OR", 422),
        ("id=x'OR", 404),
        (f"id=recording-{'0' * 32}", 404),
        (f"id={'x' * 2_048}", 404),
    ],
)
async def test_a_look_up_in_vain_says_why(asked: str, status: int, gateway: Gateway) -> None:
    answer = await gateway.http.get(f"{LOOK_UP}?{asked}")
    assert answer.status_code == status, answer.text


@workflow.defn(name="SomebodyElses")
class SomebodyElses:
    """A workflow of another program in the same namespace, which understands our signals."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.signal(dynamic=True)
    def hear(self, name: str, _: Sequence[RawValue]) -> None:
        self.told.append(name)

    @workflow.query(name=names.STATUS)
    def status(self) -> str:
        return "secret"

    @workflow.query
    def heard(self) -> list[str]:
        return self.told


@pytest.fixture
async def elses(temporal: Client) -> WorkflowHandle[Any, Any]:
    return await temporal.start_workflow(
        "SomebodyElses", id=f"recording-{uuid.uuid4().hex}-x", task_queue="elses"
    )


async def test_a_workflow_of_another_program_is_neither_told_nor_shown(
    gateway_of: GatewayOf, temporal: Client, elses: WorkflowHandle[Any, Any]
) -> None:
    gateway = gateway_of(temporal, callback_url="http://127.0.0.1:8080")
    one = f"{RECORDINGS}/{elses.id}"
    sent = {"prefer": "respond-async"}
    async with Worker(
        temporal,
        task_queue="elses",
        workflows=[SomebodyElses],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        answers = [
            await gateway.http.get(one),
            await gateway.http.get(LOOK_UP, params={"id": elses.id}),
            await gateway.http.post(f"{one}:stop", headers=sent),
            await gateway.http.post(f"{one}:stop"),
            await gateway.http.post(f"{one}:acknowledge"),
            await gateway.http.post(
                f"{one}/consents", headers=sent, json={"participant": "x", "given": False}
            ),
        ]
        assert [answer.status_code for answer in answers] == [404] * 6
        callback = {"type": "Microsoft.Communication.RecordingStateChanged", "data": {}}
        callback["data"] = {"recordingId": "r", "state": "active"}
        callback["time"] = "2030-01-01T00:00:00Z"
        heard = await gateway.http.post(names.callback_path(elses.id, 1), json=[callback])
        assert heard.status_code == 200
        assert await elses.query("heard") == []
    await elses.terminate()


@pytest.mark.parametrize("path", [RECORDINGS, f"{LOOK_UP}?id=x"])
async def test_to_list_and_to_look_up_need_the_role_read(
    path: str, gateway_of: GatewayOf, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {}
    for role in ("read", "control", "consent", "loosen"):
        monkeypatch.setenv(role.upper(), f"{role}-key")
        keys[role] = {"secret": f"env:{role.upper()}", "roles": [role]}
    gateway = gateway_of(temporal, keys=keys)
    for role in keys:
        answer = await gateway.http.get(path, headers={"x-api-key": f"{role}-key"})
        expected = (200, 404) if role == "read" else (403,)
        assert answer.status_code in expected, role
    # Before anything is said about its parameters.
    assert (await gateway.http.get(f"{RECORDINGS}?limit=0")).status_code == 401
