"""A call that Event Grid tells of leaves a trace, where its resource wants that."""

import pytest
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

from callvault.contracts import names
from callvault.contracts.reconciliation import CallSeen

from .conftest import TOPIC, Call, Gateway, GatewayOf


async def trace(call: Call, what: str) -> CallSeen | None:
    """Return the trace of a call, out of the memo that a list of workflows brings along."""
    handle = call.client.get_workflow_handle(names.call_seen_id(call.server_call_id, what))
    try:
        found: WorkflowExecutionDescription = await handle.describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    await handle.result()
    return await found.memo_value(names.CALL_SEEN_MEMO, type_hint=CallSeen)


async def test_a_call_of_a_watched_resource_is_remembered_and_not_recorded(
    gateway: Gateway, call: Call, temporal: Client
) -> None:
    await gateway.deliver([call.began(TOPIC + "watched")])
    seen = await trace(call, "began")
    assert seen is not None
    assert (seen.server_call_id, seen.resource, seen.what) == (
        call.server_call_id,
        "watched",
        "began",
    )
    assert seen.at.isoformat() == "2026-07-27T15:20:20.123456+00:00"
    assert not seen.all_recorded
    with pytest.raises(RPCError, match="not found"):
        await temporal.get_workflow_handle(call.workflow_id).describe()


async def test_a_call_of_which_only_the_end_is_told_is_remembered(
    gateway: Gateway, call: Call
) -> None:
    await gateway.deliver([call.ended(TOPIC + "recorded")])
    seen = await trace(call, "ended")
    assert seen is not None
    assert seen.all_recorded


async def test_a_call_leaves_one_trace_and_not_another_of_its_end(
    gateway: Gateway, call: Call
) -> None:
    for event in (call.began(TOPIC + "watched"), call.ended(TOPIC + "watched")):
        assert (await gateway.deliver([event])).status_code == 200
    assert await trace(call, "began") is not None
    assert await trace(call, "ended") is None


async def test_a_call_that_is_told_of_twice_leaves_one_trace(gateway: Gateway, call: Call) -> None:
    trace_id = names.call_seen_id(call.server_call_id, "began")
    handle = call.client.get_workflow_handle(trace_id)
    runs = set()
    for _ in range(2):
        answer = await gateway.deliver([call.began(TOPIC + "watched")])
        assert answer.status_code == 200
        await handle.result()
        runs.add((await handle.describe()).run_id)
    assert len(runs) == 1


async def test_other_resources_remember_nothing(gateway: Gateway, call: Call) -> None:
    for event in (call.began(TOPIC + "default"), call.ended(), call.ended(TOPIC + "nobodys")):
        assert (await gateway.deliver([event])).status_code == 200
    assert await trace(call, "began") is None
    assert await trace(call, "ended") is None


async def test_a_call_is_not_acknowledged_before_it_is_remembered(
    gateway_of: GatewayOf, call: Call, temporal_away: Client
) -> None:
    answer = await gateway_of(temporal_away).deliver([call.began(TOPIC + "watched")])
    assert answer.status_code == 503
