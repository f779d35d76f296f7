"""Control of recordings at ACS: start, pause, resume, stop, read back. One thin class.

Every method asks once and reads back what ACS made of it; Temporal repeats what fails. The ends
that belong to a recording's life (it is over) are answers, not errors.
"""

from collections.abc import Callable
from typing import Literal

from temporalio import activity

from activities.translate import translated
from callvault.acs.client import AcsClient
from callvault.acs.wire import (
    ExternalStorage,
    Repeatability,
    ServerCallLocator,
    StartRecording,
)
from callvault.archive.own_storage import container_of
from callvault.archive.store import Archive
from callvault.contracts.orders import (
    ControlOutcome,
    DeleteOrder,
    RecordingOrder,
    ResourcePolicy,
    ResourceQuery,
    StartOrder,
)
from callvault.errors import ContentMissing, NotReady, RecordingNotFound, StateConflict

State = Literal["active", "inactive", "gone"]


class ControlActivities:
    """Built once by a worker, with its clients and the settings of its resources."""

    def __init__(
        self,
        client_of: Callable[[str], AcsClient],
        policy_of: Callable[[str], ResourcePolicy],
        archive_of: Callable[[str], Archive],
    ) -> None:
        self._client_of = client_of
        self._policy_of = policy_of
        self._archive_of = archive_of

    @activity.defn
    def describe_resource(self, query: ResourceQuery) -> ResourcePolicy:
        """Look up the settings that steer the workflow's decisions."""
        with translated(patient=query.patient):
            return self._policy_of(query.resource)

    @activity.defn
    def start_recording(self, order: StartOrder) -> ControlOutcome:
        """Start a recording; asked again, ACS answers with the one it already started."""
        with translated():
            answer = self._client_of(order.resource).start(
                StartRecording(
                    call_locator=ServerCallLocator(server_call_id=order.server_call_id),
                    recording_content_type=order.recording_content_type,
                    recording_channel_type=order.recording_channel_type,
                    recording_format_type=order.recording_format_type,
                    pause_on_start=order.pause_on_start,
                    external_storage=self._external_storage(order.own_storage),
                ),
                Repeatability(
                    request_id=order.repeatability_request_id,
                    first_sent=order.repeatability_first_sent,
                ),
            )
            return ControlOutcome(recording_id=answer.recording_id, state="inactive")

    @activity.defn
    def confirm_active(self, order: RecordingOrder) -> ControlOutcome:
        """Read the state of a recording that was started; not yet active is worth another try."""
        with translated():
            return self._read_back(order, "active")

    @activity.defn
    def pause_recording(self, order: RecordingOrder) -> ControlOutcome:
        """Pause, and read back that ACS records no more."""
        with translated():
            return self._ask(order, self._client_of(order.resource).pause, "inactive")

    @activity.defn
    def resume_recording(self, order: RecordingOrder) -> ControlOutcome:
        """Resume, and read back that ACS records again."""
        with translated():
            return self._ask(order, self._client_of(order.resource).resume, "active")

    @activity.defn
    def stop_recording(self, order: RecordingOrder) -> ControlOutcome:
        """Stop; a recording that ACS does not know any more is stopped."""
        with translated():
            try:
                self._client_of(order.resource).stop(order.recording_id, order.server_call_id)
            except RecordingNotFound:
                return _outcome(order, "gone")
            return _outcome(order, "inactive")

    @activity.defn
    def delete_source(self, order: DeleteOrder) -> None:
        """Delete the service's copy; one that is not there any more is deleted."""
        with translated():
            try:
                self._client_of(order.resource).delete_content(order.delete_location)
            except ContentMissing:
                activity.logger.info("the service's copy was gone already")

    def _ask(
        self,
        order: RecordingOrder,
        request: Callable[[str, str], None],
        wanted: State,
    ) -> ControlOutcome:
        """Ask for a change, then read back that it is the case.

        Asked on every attempt: ACS reports a recording that is starting and one that is paused
        alike as ``inactive``, so its state cannot tell whether an earlier attempt arrived.
        """
        try:
            request(order.recording_id, order.server_call_id)
        except StateConflict as conflict:
            activity.logger.info("ACS reports a conflict, reading the state: %s", conflict)
        except RecordingNotFound:
            return _outcome(order, "gone")
        return self._read_back(order, wanted)

    def _external_storage(self, archive: str | None) -> ExternalStorage | None:
        if archive is None:
            return None
        url = container_of(self._archive_of(archive))
        return ExternalStorage(recording_destination_container_url=url)

    def _read_back(self, order: RecordingOrder, wanted: State) -> ControlOutcome:
        client = self._client_of(order.resource)
        try:
            state = client.get_state(order.recording_id, order.server_call_id).recording_state
        except RecordingNotFound:
            return _outcome(order, "gone")
        if state != wanted:
            raise NotReady(f"ACS reports the recording as {state}, not yet {wanted}: asking again.")
        return _outcome(order, wanted)


def _outcome(order: RecordingOrder, state: State) -> ControlOutcome:
    return ControlOutcome(recording_id=order.recording_id, state=state)
