"""Recordings that ACS tells of and that no workflow knows, adopted by policy.

After Temporal's database was set back, ACS goes on recording calls that Temporal has forgotten, and
tells of each change at an address that names the call's workflow.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from pydantic import ValidationError

from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.contracts.adoption import AdoptionInput
from callvault.contracts.requests import RecordingRequest
from callvault.errors import InvalidRequest
from callvault.ingest.routes import FORMATS
from callvault.temporal.call_client import CallClient

REQUESTED_BY = "adopt-orphans"

log = structlog.get_logger(__name__)


class Orphans:
    """Has those recordings adopted whose resource wants it.

    What a callback tells is only the occasion: the worker that adopts asks ACS itself whether the
    recording is on, and of this call.
    """

    def __init__(self, settings: Settings, calls: CallClient) -> None:
        self._calls = calls
        self._audiences = {
            name: each.callback_audience
            for name, each in settings.resources.items()
            if each.adopt_orphans != "no"
        }
        self._formats = {
            name: FORMATS[each.adopt_orphans] for name, each in settings.resources.items()
        }

    async def look(
        self, claims: Mapping[str, Any], workflow_id: str, values: Sequence[Any]
    ) -> None:
        """Have adopted what the callbacks ``values`` for an unknown workflow tell of."""
        resource = self._resource(claims)
        told = {_told(value, workflow_id) for value in values} - {None}
        # A call that is over and archived: its last callback comes late.
        if resource is None or not told or await self._calls.result(workflow_id) is not None:
            return
        for each in told:
            if each is not None:
                await self._adopt(resource, *each)

    def _resource(self, claims: Mapping[str, Any]) -> str | None:
        """Return the resource whose token it is; None if it is not known, or adopts nothing."""
        said = claims.get("aud")
        named = said if isinstance(said, list) else [said]
        found = [name for name, audience in self._audiences.items() if audience in named]
        return found[0] if len(found) == 1 else None

    async def _adopt(self, resource: str, server_call_id: str, recording_id: str) -> None:
        kind = self._formats[resource]
        if kind is None:
            return
        content, channel, file_format = kind
        try:
            request = RecordingRequest(
                server_call_id=server_call_id,
                resource=resource,
                recording_content_type=content,
                recording_channel_type=channel,
                recording_format_type=file_format,
                requested_by=REQUESTED_BY,
                reason="ACS told of a recording that no workflow knew",
            )
        except (ValidationError, InvalidRequest):
            return
        await self._calls.adopt(AdoptionInput(request=request, recording_id=recording_id))
        log.warning("a recording that no workflow knows is to be adopted", resource=resource)


def _told(value: Any, workflow_id: str) -> tuple[str, str] | None:
    """Read ``serverCallId`` and ``recordingId``; None unless they are of this workflow's call."""
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, dict):
        return None
    call, recording = data.get("serverCallId"), data.get("recordingId")
    if not isinstance(call, str) or not isinstance(recording, str) or not call or not recording:
        return None
    return (call, recording) if names.workflow_id(call) == workflow_id else None
