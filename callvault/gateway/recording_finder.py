"""Recordings by any id, in Temporal or in the archives, as far as they are for a caller."""

from datetime import UTC, date, datetime, time
from functools import partial

from callvault.archive.manifests.folders import find_folders, is_place, place_folders
from callvault.archive.names import day_prefix, is_folder_of_recording
from callvault.archive.opening.files import RecordedFiles, files_of
from callvault.archive.opening.places import Place, places_in
from callvault.contracts import names
from callvault.contracts.base import shorten
from callvault.contracts.hold_messages import HoldTarget
from callvault.errors import InvalidRequest, TryAgain
from callvault.gateway.access import Caller
from callvault.gateway.archive_readers import ArchiveReaders
from callvault.gateway.lists_api import find_seen
from callvault.temporal.call_client import CallClient
from callvault.temporal.rpc_errors import unknown_call


class RecordingFinder:
    """Finds recordings: by their workflow, or in the archives, where Temporal forgot it."""

    def __init__(self, calls: CallClient, archives: ArchiveReaders) -> None:
        self._calls = calls
        self._archives = archives

    async def archived(
        self, caller: Caller, word: str, recorded_on: date | None
    ) -> dict[Place, RecordedFiles]:
        """Find recordings of which something is archived, and their files.

        `InvalidRequest` (404) where there is none for the caller.
        """
        found: dict[Place, RecordedFiles] = {}
        for place in await self._places(caller, word, recorded_on):
            # What failed back is in two archives: the first one of the settings counts.
            if place.folder not in {each.folder for each in found}:
                archive = (await self._archives.open(place.archive)).archive
                recorded = await self._archives.run(partial(files_of, archive, place.folder))
                if recorded.files and caller.sees(recorded.resource):
                    found[place] = recorded
        if not found:
            raise unknown_call(word)
        return found

    async def workflow(self, caller: Caller, word: str) -> str | None:
        """Find the workflow of a call that is for the caller; None where Temporal has none."""
        if is_place(word):
            return None
        try:
            return await find_seen(self._calls, caller, word)
        except InvalidRequest as error:
            if error.code != "not_found":
                raise
            return None

    async def held(
        self, caller: Caller, target: HoldTarget, recorded_on: date | None
    ) -> tuple[str | None, str | None]:
        """Find the workflow and the resource of a call or a recording, archived or not yet.

        `InvalidRequest` where there is none for the caller (404), or its id is of another sort.
        """
        word = target.server_call_id or target.recording_id or ""
        is_recording = target.recording_id is not None
        workflow_id = await self.workflow(caller, word)
        if workflow_id is not None:
            if (names.workflow_id(word) == workflow_id) is is_recording:
                raise _of_another_sort(word)
            return workflow_id, await self._calls.resource_of(workflow_id)
        if recorded_on is None:
            raise advised(unknown_call(word))
        found = await self.archived(caller, word, recorded_on)
        if any(is_folder_of_recording(f"{p.folder}/", word) is not is_recording for p in found):
            raise _of_another_sort(word)
        return None, next(iter(found.values())).resource

    async def _places(self, caller: Caller, word: str, recorded_on: date | None) -> list[Place]:
        if is_place(word):
            folders = place_folders(word)
            return [Place(name, folder) for name in self._archives.names() for folder in folders]
        try:
            workflow_id = await find_seen(self._calls, caller, word)
            status = await self._calls.status(workflow_id)
        except (InvalidRequest, TryAgain) as error:
            if recorded_on is None:
                raise advised(error) from error
            return await self._in_archives(word, _prefix(recorded_on))
        return places_in(status, word)

    async def _in_archives(self, word: str, prefix: str) -> list[Place]:
        for name in self._archives.names():
            archive = (await self._archives.open(name)).archive
            look = partial(find_folders, archive, word, prefix=prefix)
            if folders := await self._archives.run(look):
                return [Place(name, folder) for folder in folders]
        return []


def advised(error: InvalidRequest | TryAgain) -> InvalidRequest | TryAgain:
    """Add to the error for a call that Temporal does not know how it is found all the same."""
    if error.code != "not_found":
        return error
    return InvalidRequest(
        f"{error}. If it was recorded long ago, say the day: recordedOn",
        status=error.status,
        code=error.code,
    )


def _of_another_sort(word: str) -> InvalidRequest:
    # A hold under it would lie on nothing.
    return InvalidRequest(
        f"{shorten(word, 100)} was found, but as an id of another sort: a hold is on one call"
        " (serverCallId) or one recording (recordingId)"
    )


def _prefix(recorded_on: date) -> str:
    return day_prefix(datetime.combine(recorded_on, time(), UTC))
