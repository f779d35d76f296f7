"""The workflow of a call, from any id that people have of it.

A call is known by its workflow's id, by its ``serverCallId`` in either alphabet of Base64, by the
``recordingId`` of one of its recordings, and by its ``callId``. The first two name the workflow by
themselves; the others are search attributes, which lag by about a second.
"""

import re

from temporalio.client import Client

from callvault.contracts import names
from callvault.contracts.base import shorten
from callvault.contracts.call_ids import canonical_call_id, spellings_of
from callvault.errors import InvalidRequest
from callvault.temporal.executions import describe_execution, list_executions
from callvault.temporal.rpc_errors import RPC_TIMEOUT, WorkflowNotFound, translated

MAX_NEAREST = 3

_SAFE_IN_QUERY = re.compile(r"[A-Za-z0-9_.~=+/-]+")
"""An id that a query may hold: the dev server does not escape quotes, and real ids have none."""


def workflow_id(call: str) -> str:
    """Return the id of a call's workflow, from a serverCallId or the id itself."""
    return call if call.startswith("recording-") else names.workflow_id(call)


async def find_call(client: Client, call: str) -> str:
    """Return the id of the workflow of a call, by any of its ids.

    `InvalidRequest` says what was tried where nobody keeps such a call, and names the nearest ids.
    """
    call = call.strip()
    key = workflow_id(call)
    # Another program's workflow may have an id that only begins like ours.
    if names.is_workflow_id(key) and await _is_known(client, key):
        return key
    async with translated(RPC_TIMEOUT):
        found = await _by_search_attribute(client, call)
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidRequest(
            f"{shorten(call, 100)} stands for several calls: name one of {', '.join(found)}"
        )
    async with translated(RPC_TIMEOUT):
        sentence = await _unknown(client, call)
    raise InvalidRequest(sentence, status=404, code="not_found")


async def _is_known(client: Client, key: str) -> bool:
    try:
        async with translated(RPC_TIMEOUT):
            await describe_execution(client, key)
    # InvalidRequest: it is too long for the id of a workflow.
    except (WorkflowNotFound, InvalidRequest):
        return False
    return True


async def _by_search_attribute(client: Client, call: str) -> list[str]:
    """Find the calls with a recordingId or callId, in either spelling."""
    wanted = canonical_call_id(call)
    spellings = spellings_of(call)
    if not all(map(_SAFE_IN_QUERY.fullmatch, spellings)):
        return []
    listed = ", ".join(f"'{each}'" for each in sorted(spellings))
    keys = (names.RECORDING_IDS, names.CALL_IDS)
    query = " OR ".join(f"{key.name} IN ({listed})" for key in keys)
    found: dict[str, None] = {}
    async for run in list_executions(client, query):
        known = [each for key in keys for each in run.typed_search_attributes.get(key) or ()]
        # The dev server's store ignores case, and ids do not.
        if wanted in map(canonical_call_id, known):
            found[run.id] = None
    return list(found)


async def _unknown(client: Client, call: str) -> str:
    sentence = f"there is no recording {shorten(call, 100)}"
    if call.startswith("recording-"):
        nearest = await _nearest(client, call)
        hint = f"; did you mean {' or '.join(nearest)}?" if nearest else ""
        return f"{sentence}: no workflow has this id in namespace {client.namespace}{hint}"
    return (
        f"{sentence}: no call is kept under it as a serverCallId, recordingId or callId in"
        f" namespace {client.namespace}. ACS tells a callId with the files alone, and a call that"
        " ended long ago is forgotten by Temporal: look into the archive"
    )


async def _nearest(client: Client, call: str) -> list[str]:
    """Find the ids that begin as this one does: it may have been cut off at its end."""
    prefix = call[: len("recording-") + 6]
    if not names.is_workflow_id(prefix.ljust(len("recording-") + 32, "0")):
        return []
    query = f"WorkflowType = '{names.WORKFLOW_TYPE}' AND WorkflowId STARTS_WITH '{prefix}'"
    listed = list_executions(client, query, limit=20)
    return list(dict.fromkeys([run.id async for run in listed]))[:MAX_NEAREST]
