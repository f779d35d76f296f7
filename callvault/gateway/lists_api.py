"""The routes that find calls: a list in pages, and the look-up by any id."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, model_validator

from callvault.contracts.base import Message, OpaqueId
from callvault.contracts.states import RecordingState
from callvault.errors import CallvaultError, InvalidRequest
from callvault.gateway.access import Access, Caller, caller_of
from callvault.gateway.control_answers import json_response
from callvault.gateway.cursors import (
    MAX_CURSOR,
    is_about_cursor,
    read_cursor,
    unusable_cursor,
    write_cursor,
)
from callvault.gateway.messages import CallList
from callvault.gateway.methods import add_read
from callvault.gateway.openapi import operations
from callvault.gateway.recordings_api import PATH, only_role
from callvault.temporal.call_client import CallClient
from callvault.temporal.call_list import Filter, chosen, listed_call, query_of
from callvault.temporal.call_lookup import find_call
from callvault.temporal.call_reader import CallReader
from callvault.temporal.executions import Execution, describe_execution, list_page
from callvault.temporal.rpc_errors import RPC_TIMEOUT, translated, unknown_call

LOOK_UP = f"{PATH}:lookup"

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
"""Calls of one page: each is read from its entry in the list, without asking its workflow."""


class ParametersOf(Message):
    """Base of query parameters: one that is misspelt is refused, with those that there are."""

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for name in values:
            if name not in known:
                raise ValueError(f"there is no parameter {name!r}: known are {', '.join(known)}")
        return values


class ListQuery(ParametersOf):
    """The filters of a list, and the page that is asked for."""

    state: RecordingState | None = None
    """Only calls whose most urgent recording is in this state."""
    at_risk: bool = False
    """Only calls with a file that is late, lost or due within the hour, or that nobody keeps."""
    open: bool = False
    """Only calls whose workflow has not ended."""
    orphans: bool = False
    """Only calls with a recording that nobody asked for."""
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    """At most so many calls."""
    cursor: Annotated[str | None, Field(max_length=MAX_CURSOR)] = None
    """The `nextCursor` of the page before, asked for with the same filters."""


class LookUpQuery(ParametersOf):
    """The id of a call that is looked for."""

    id: OpaqueId
    """A `workflowId`, `serverCallId`, `recordingId` or `callId`; a plus sign in it is sent as
    `%2B`."""


class ListsApi:
    """Reads what Temporal's visibility knows of calls, which lags by about a second."""

    def __init__(self, recordings: CallClient) -> None:
        self._recordings = recordings
        self._client = recordings.client

    async def list_calls(self, request: Request, asked: Annotated[ListQuery, Query()]) -> Response:
        """List calls, page by page, until `nextCursor` is null."""
        seen = caller_of(request).resources
        if seen is not None and not seen:
            return json_response(CallList(calls=[], next_cursor=None))
        wanted = Filter(asked.state, asked.at_risk, asked.open, asked.orphans, resources=seen)
        query = query_of(wanted)
        runs, token = await self._page(query, asked.limit, asked.cursor)
        async with translated(RPC_TIMEOUT):
            calls = await chosen(self._client, runs, wanted)
        return json_response(CallList(calls=calls, next_cursor=write_cursor(query, token)))

    async def _page(
        self, query: str, limit: int, cursor: str | None
    ) -> tuple[list[Execution], bytes]:
        begin = read_cursor(query, cursor) if cursor is not None else b""
        try:
            async with translated(RPC_TIMEOUT):
                return await list_page(
                    self._client,
                    query,
                    limit,
                    begin,
                    # Where a forged cursor fails, it fails again.
                    retry=not begin,
                    rpc_timeout=RPC_TIMEOUT,
                )
        except CallvaultError as error:
            if begin and is_about_cursor(error):
                raise unusable_cursor("Temporal cannot read it") from None
            raise

    async def look_up(self, request: Request, asked: Annotated[LookUpQuery, Query()]) -> Response:
        """Find a call by any id that people have of it."""
        workflow_id = await find_seen(self._recordings, caller_of(request), asked.id)
        async with translated(RPC_TIMEOUT):
            run = await describe_execution(self._client, workflow_id, rpc_timeout=RPC_TIMEOUT)
        return json_response(listed_call(run, datetime.now(UTC)))


async def find_seen(calls: CallReader, caller: Caller, call: str) -> str:
    """Return the id of a call's workflow, by any of its ids, if its resource is for the caller.

    To others it is unknown, and so is whatever the usual error would tell of similar calls.
    """
    if caller.resources is None:
        return await find_call(calls.client, call)
    with suppress(InvalidRequest):
        workflow_id = await find_call(calls.client, call)
        if caller.sees(await calls.resource_of(workflow_id)):
            return workflow_id
    raise unknown_call(call)


def lists_router(api: ListsApi, access: Access) -> APIRouter:
    """Return the routes that find calls."""
    router = APIRouter(tags=["recordings"])
    add_read(
        router, PATH, api.list_calls, dependencies=only_role(access, "read"), **operations.LIST
    )
    add_read(
        router, LOOK_UP, api.look_up, dependencies=only_role(access, "read"), **operations.LOOK_UP
    )
    return router
