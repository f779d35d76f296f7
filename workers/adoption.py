"""The adoption of a recording that ACS makes, and that no workflow knows: by command or by policy.

After Temporal's database was restored to an earlier state, or a workflow was deleted, ACS goes on
recording, and nobody would stop it or keep its files.
"""

import asyncio
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import structlog
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.clock import server_clock
from activities.translate import to_application_error
from callvault.clients import open_acs_client
from callvault.clocks import elapsed
from callvault.config.policy import resource_policy
from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.contracts.adoption import AdoptionInput, AdoptionResult
from callvault.contracts.requests import RecordingRequest
from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import CallStatus, PauseRecord, RecordingStatus
from callvault.contracts.takeover import ADOPTED, LastState
from callvault.errors import CallvaultError, InvalidRequest, RecordingNotFound, Unavailable
from callvault.temporal.call_client import CallClient
from callvault.temporal.clock import server_time
from callvault.temporal.earlier_runs import begin
from workflows.call import silence
from workflows.call.pauses import THIRD_PARTY
from workflows.loops.continue_as_new import CarriedState

log = structlog.get_logger(__name__)


def found_at_acs(
    settings: Settings,
    request: RecordingRequest,
    recording_id: str,
    now: Callable[[], datetime],
    *,
    unproven: bool,
) -> RecordingStatus:
    """Read the recording from ACS, as a workflow is to keep it; nothing is changed.

    ``now`` is Temporal's clock, by which the workflow goes. Raises `InvalidRequest` where ACS knows
    no such recording, where it is another call's, and, unless ``unproven`` allows it, where ACS
    does not say whose it is.
    """
    with closing(open_acs_client(settings.resource(request.resource))) as client:
        try:
            is_of_call = client.belongs_to(recording_id, request.server_call_id)
            state = client.get_state(recording_id, request.server_call_id).recording_state
        except RecordingNotFound as error:
            raise InvalidRequest(
                f"ACS knows no recording {recording_id}: it is over. Its files come with their"
                " event: see `callvault sweep`, `callvault events deliver` and `fetch`"
            ) from error
    if is_of_call is False:
        raise InvalidRequest(f"recording {recording_id} is of another call: it is not touched")
    if is_of_call is None and not unproven:
        raise InvalidRequest(
            f"ACS does not say whose recording {recording_id} is: if you know that it is of this"
            " call, add --unproven"
        )
    return _status(request, recording_id, now(), is_on=state == "active")


def _status(
    request: RecordingRequest, recording_id: str, now: datetime, *, is_on: bool
) -> RecordingStatus:
    recording = RecordingStatus(
        number=1,
        origin="requested",
        recording_content_type=request.recording_content_type,
        recording_channel_type=request.recording_channel_type,
        recording_format_type=request.recording_format_type,
        requested_by=request.requested_by,
        requested_at=now,
        started_at=now,
        adopted_at=now,
        known_at=now,
        recording_id=recording_id,
        # What ACS does now is what is wanted, until somebody asks for something else.
        wanted=Wanted.ACTIVE if is_on else Wanted.PAUSED,
        actual=Actual.ACTIVE if is_on else Actual.PAUSED,
        was_active=True,
    )
    # Nothing is known from before: no silence is claimed until a reading has proven it.
    silence.sound_asked(recording, now)
    silence.start_answered(recording, now)
    if is_on:
        silence.active_read(recording, now, now)
    else:
        # It is for people to end, not for consent.
        recording.pauses.append(
            PauseRecord(
                requested_by=THIRD_PARTY,
                reason="ACS did not record as it was adopted",
                requested_at=now,
                received_at=now,
            )
        )
    return recording


class Adoption:
    """Built once by a worker."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client

    @activity.defn(name=names.ADOPTION_ACTIVITY)
    async def adopt_recording(self, input: AdoptionInput) -> AdoptionResult:
        """Adopt a recording, if ACS says that it is on, and of this call."""
        try:
            workflow_id = await find_and_adopt(
                self._client, self._settings, input.request, input.recording_id, server_clock()
            )
        except InvalidRequest as error:
            log.warning("a recording is not adopted", problem=str(error))
            return AdoptionResult(problem=str(error))
        except CallvaultError as error:
            raise to_application_error(error, retry_permanent=True) from error
        log.warning("a recording that no workflow knew is adopted", workflow_id=workflow_id)
        return AdoptionResult(workflow_id=workflow_id)


async def find_and_adopt(
    client: Client,
    settings: Settings,
    request: RecordingRequest,
    recording_id: str,
    now: Callable[[], datetime] | None = None,
    *,
    unproven: bool = False,
) -> str:
    """Adopt a recording that ACS makes; return the id of the workflow that keeps it.

    ``now`` is Temporal's clock, which is asked for where it is not given; raises as `found_at_acs`.
    """
    clock = now or await _temporal_clock(client)
    recording = await asyncio.to_thread(
        found_at_acs, settings, request, recording_id, clock, unproven=unproven
    )
    return await adopt(client, settings, request, recording)


async def _temporal_clock(client: Client) -> Callable[[], datetime]:
    """Return Temporal's clock; this machine's where Temporal does not tell its time."""
    try:
        measured = await server_time(client)
    except Unavailable:
        return lambda: datetime.now(UTC)
    return lambda: measured.told + timedelta(seconds=elapsed() - measured.received)


async def adopt(
    client: Client, settings: Settings, request: RecordingRequest, recording: RecordingStatus
) -> str:
    """Have the call's workflow keep the recording, or begin one that does; return its id."""
    key = f"{ADOPTED}{recording.recording_id}"
    workflow_id = names.workflow_id(request.server_call_id)
    status = CallStatus(
        server_call_id=request.server_call_id,
        resource=request.resource,
        policy=resource_policy(settings, request.resource),
        recordings=[recording],
        taken_over=[key],
    )
    kept = request.model_copy(update={"start_recording": False})
    if (before := await CallClient(client).ended_well(workflow_id)) is not None:
        # Decisions on consent, and who is in the call, count for this recording, too.
        last = _last_state(key, status)
        await begin(client, workflow_id, before.arguments, names.TAKE_OVER, last)
        return workflow_id
    try:
        await client.start_workflow(
            names.WORKFLOW_TYPE,
            args=[kept, CarriedState.taken_over(status, is_adopted=True)],
            id=workflow_id,
            task_queue=names.CONTROL_QUEUE,
            task_timeout=names.TASK_TIMEOUT,
            static_summary="adopts a recording that no workflow knew",
        )
    except WorkflowAlreadyStartedError:
        last = _last_state(key, status)
        await client.get_workflow_handle(workflow_id).signal(names.TAKE_OVER, last)
    return workflow_id


def _last_state(key: str, status: CallStatus) -> LastState:
    return LastState(run_id=key, status=status.model_copy(update={"taken_over": []}))
