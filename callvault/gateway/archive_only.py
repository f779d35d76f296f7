"""The refusal of what is sent to a call whose recordings are not controlled, and not waited for."""

from callvault.config.archive_only import archiving_only, check_control_of
from callvault.config.settings import Settings
from callvault.temporal.call_reader import CallReader


async def check_control_of_call(settings: Settings, calls: CallReader, workflow_id: str) -> None:
    """Raise `InvalidRequest` (409) if the call's resource only archives.

    Its workflow refuses as well, but nobody hears that of a signal.
    """
    names = archiving_only(settings)
    if names and (resource := await calls.resource_of(workflow_id)) in names:
        check_control_of(settings, str(resource))
