"""ErasureWorkflow: carries out the plan of an erasure, to its end, after any crash."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.erasure import ErasureActivities
from callvault.contracts import names
from callvault.contracts.base import Unreadable, read_one, shorten
from callvault.contracts.erasures import (
    MAX_REASON,
    CertifyErasure,
    EraseHistories,
    EraseLetters,
    EraseRecording,
    ErasureInput,
    ErasurePlan,
    ErasureStatus,
    PlannedErasure,
    PlannedRecording,
)
from workflows import activity_options

MAX_HELD_BACK = 200
"""Things held back that the status names; the plan names them all."""


@workflow.defn(name=names.ERASURE_TYPE)
class ErasureWorkflow:
    """One erasure; `names.STATUS` queries where it stands, its result is the last status."""

    def __init__(self) -> None:
        self._status = ErasureStatus()

    @workflow.query(name=names.STATUS)
    def status(self) -> ErasureStatus:
        """Return what is done and what is held back."""
        return self._status

    @workflow.run
    async def run(self, *payloads: Any) -> ErasureStatus:
        """Plan anew, compare with the token, erase. The payload is an `ErasureInput`."""
        order = read_one(ErasureInput, payloads)
        if isinstance(order, Unreadable):
            raise ApplicationError(order.problem, type="InvalidRequest", non_retryable=True)
        self._tell("planning")
        planned = await workflow.execute_activity_method(
            ErasureActivities.plan_erasure, order, **activity_options.erase("what is erased?")
        )
        self._begin(planned, order)
        if not order.dry_run:
            await self._carry_out(planned, order)
        self._tell("done")
        return self._status

    def _begin(self, planned: PlannedErasure, order: ErasureInput) -> None:
        self._status = self._status.model_copy(
            update={
                "token": planned.token,
                "recordings": len(planned.plan.erasable),
                "dry_run": order.dry_run,
            }
        )
        for each in planned.plan.recordings:
            if not each.erases:
                self._hold_back(f"{each.archive}: {each.folder}", each.reason)
        for letter in planned.plan.letters:
            if not letter.erases:
                self._hold_back(f"{letter.place}: {letter.name}", letter.reason)
        for place in planned.plan.not_searched:
            self._hold_back("not searched", place)

    async def _carry_out(self, planned: PlannedErasure, order: ErasureInput) -> None:
        plan = planned.plan
        workflows: set[str] = set()
        for number, each in enumerate(plan.erasable, start=1):
            step = EraseRecording(erasure=planned.token, number=number, recording=each, order=order)
            if await self._erase(step):
                workflows |= set(each.workflows)
        await self._delete_histories(workflows)
        await self._delete_letters(plan)
        for archive in sorted({each.archive for each in plan.erasable}):
            await self._certify(planned.token, archive)

    async def _erase(self, step: EraseRecording) -> bool:
        """Erase one recording; return False where something has come to stand against it."""
        each = step.recording
        self._tell(f"recording {step.number} of {self._status.recordings}: {_named(each)}")
        recorded = await workflow.execute_activity_method(
            ErasureActivities.record_erasure,
            step,
            **activity_options.erase(f"record {_named(each)}"),
        )
        if recorded.record is None:
            self._hold_back(_named(each), recorded.reason)
            return False
        left = await workflow.execute_activity_method(
            ErasureActivities.delete_recording,
            step,
            **activity_options.erase(f"delete {_named(each)}"),
        )
        if left:
            self._hold_back(_named(each), left)
        self._status = self._status.model_copy(update={"erased": self._status.erased + 1})
        return True

    async def _delete_histories(self, workflows: set[str]) -> None:
        self._tell("histories")
        for each in sorted(workflows):
            kept = await workflow.execute_activity_method(
                ErasureActivities.delete_histories,
                EraseHistories(workflows=(each,)),
                **activity_options.erase(f"history of {each}"),
            )
            for open_one in kept.workflows:
                self._hold_back(f"history of {open_one}", "it is open")

    async def _delete_letters(self, plan: ErasurePlan) -> None:
        letters = tuple(each for each in plan.letters if each.erases)
        if letters:
            self._tell("letters")
            await workflow.execute_activity_method(
                ErasureActivities.delete_letters,
                EraseLetters(letters=letters),
                **activity_options.erase(f"{len(letters)} letters"),
            )

    async def _certify(self, token: str, archive: str) -> None:
        self._tell(f"certificate in {archive}")
        place = await workflow.execute_activity_method(
            ErasureActivities.certify_erasure,
            CertifyErasure(erasure=token, archive=archive),
            **activity_options.erase(f"certificate in {archive}"),
        )
        if place:
            places = (*self._status.certificates, place)
            self._status = self._status.model_copy(update={"certificates": places})

    def _hold_back(self, what: str, why: str) -> None:
        if len(self._status.held_back) < MAX_HELD_BACK:
            told = (*self._status.held_back, f"{what}: {shorten(why, MAX_REASON)}")
            self._status = self._status.model_copy(update={"held_back": told})

    def _tell(self, step: str) -> None:
        self._status = self._status.model_copy(update={"step": step})
        workflow.set_current_details(_details(self._status))


def _named(recording: PlannedRecording) -> str:
    return f"{recording.archive}: {recording.folder}"


def _details(status: ErasureStatus) -> str:
    first = f"**{status.step}**: {status.erased} of {status.recordings} recordings erased"
    return "\n".join([first, *(f"- stays: {each}" for each in status.held_back)])
