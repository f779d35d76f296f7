"""The work of `callvault events fetch`: what an event would have told, asked of ACS itself."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime

from temporalio.client import Client

from callvault.cli.actions.deliver import Tell, is_good, told
from callvault.clients import open_acs_client, own_containers
from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.contracts.base import Message, OpaqueId, Unreadable, read
from callvault.contracts.events import FILE_STATUS_UPDATED, FileStatusUpdated
from callvault.errors import InvalidRequest, RecordingNotFound
from callvault.ingest.eventgrid import FilesEvent
from callvault.ingest.intake import delivered
from callvault.ingest.router import Router
from callvault.ingest.routes import Routes
from callvault.temporal.call_client import CallClient


class _Asked(Message):
    server_call_id: OpaqueId
    recording_id: OpaqueId


def files_at_acs(
    settings: Settings, resource: str, server_call_id: str, recording_id: str
) -> FileStatusUpdated:
    """Return the files of a recording by ACS's own account, which does not say whose it is.

    Raises `InvalidRequest` where ACS may not be asked, knows no such recording, or has no file.
    """
    asked = read(_Asked, {"serverCallId": server_call_id, "recordingId": recording_id})
    if isinstance(asked, Unreadable):
        raise InvalidRequest(asked.problem)
    known = settings.resource(resource)
    if known.result_api_version is None:
        raise InvalidRequest(
            f"ACS may not be asked: set resources.{resource}.result_api_version, if ACS offers"
            " that preview"
        )
    with closing(open_acs_client(known)) as client:
        try:
            result = client.get_result(recording_id, server_call_id)
        except RecordingNotFound:
            raise InvalidRequest(
                f"ACS knows no recording {recording_id}, or no longer has its files"
            ) from None
    now = datetime.now(UTC)
    # The end of the window that it names counts if it is earlier than the computed one.
    expires_at = result.expires_at or now + known.export_window
    files = result.announced(
        server_call_id, recording_id, at=min(now, expires_at - known.export_window)
    )
    if files is None:
        errors = "".join(f"; it says: {error}" for error in result.errors)
        raise InvalidRequest(f"ACS tells of no file of recording {recording_id} yet{errors}")
    return files


async def deliver(
    settings: Settings,
    client: Client,
    resource: str,
    files: FileStatusUpdated,
    tell: Tell,
    *,
    again: bool,
) -> bool:
    """Deliver these files like their event; False if some are left out. ``again`` as `Router`'s.

    Raises `InvalidRequest` where the recording is known as one of another call: its files would be
    kept a second time, as that call's.
    """
    calls = CallClient(client)
    await _refuse_another_call(calls, files)
    routes = await asyncio.to_thread(lambda: Routes(settings, own_containers(settings)))
    router = Router(routes, calls, again=again)
    topic = settings.resource(resource).topic or ""
    event = router.admitted(FilesEvent(FILE_STATUS_UPDATED.lower(), topic, files))
    outcome = delivered({"eventType": FILE_STATUS_UPDATED}, event, await router.deliver(event))
    tell(told(outcome))
    return is_good(outcome)


async def _refuse_another_call(calls: CallClient, files: FileStatusUpdated) -> None:
    own = names.workflow_id(files.server_call_id or "")
    try:
        known = await calls.find(files.recording_id or "")
    except InvalidRequest:
        # The namespace lacks the search attributes: nobody can tell.
        return
    if known and own not in known:
        raise InvalidRequest(
            f"recording {files.recording_id} is of another call: workflow {known[0]} keeps it."
            " `callvault recordings show` with that id tells its serverCallId"
        )
