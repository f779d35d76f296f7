"""Requests to ACS, each sent, carried out and answered at a moment of its own, or lost on the way.

As `activities/control.py` makes them. What was given up may still take effect: no later than
`ARRIVAL_TIMEOUT` after it was sent, as its connection is closed then.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from activities.control import MAY_HAVE_BEGUN
from bench.simulation import protocol
from bench.simulation.acs import FakeAcs
from bench.simulation.instance import Broken
from bench.simulation.outages import Delivery
from bench.simulation.server import Activity
from callvault.contracts.activity_io import ACS_TIMEOUT, ControlResult, ToldRecording

ARRIVAL_TIMEOUT = ACS_TIMEOUT + timedelta(seconds=2)
"""Longest time from the sending of a request to its effect."""

_ATTEMPT_TIMEOUT = 3 * ACS_TIMEOUT
_EFFECT_TIMEOUT = timedelta(seconds=2)
_CHANGES = ("start_recording", "pause_recording", "resume_recording", "stop_recording")
_READINGS = ("read_state", "poll_state")
_TIMES_TO_CHANGE = (*[0] * 9, 0.5, 1.9, 5)
"""Seconds that ACS may take to make a change it has accepted."""


@dataclass
class Request:
    """One attempt at an activity of ACS."""

    activity: Activity
    sent_at: datetime
    rng: random.Random
    memory: dict[str, Any]
    """What this attempt will note for the next one."""
    answer: Any = None
    answered_at: datetime | None = None


@dataclass
class AcsRequests:
    """All that is asked of ACS in one life."""

    acs: FakeAcs
    is_slow: bool
    """True if requests and changes may take their time."""

    def __post_init__(self) -> None:
        self._answer_of: dict[str, Callable[[Request], Any]] = {
            "start_recording": self._start,
            "confirm_active": self._confirm,
            "read_state": self._read,
            "identify_recording": self._identify,
            "pause_recording": lambda request: self._change(request, "inactive"),
            "resume_recording": lambda request: self._change(request, "active"),
            "stop_recording": self._stop,
            "poll_state": self._poll_state,
        }

    def takes(self, activity: Activity) -> bool:
        """Tell if it is ACS that answers an activity."""
        return activity.kind in self._answer_of

    def scheduled(self, activity: Activity) -> None:
        """Take note of an activity that is to be made."""
        if activity.kind in ("start_recording", "resume_recording"):
            self.acs.asked_at.append(self.acs.now)
        # Of an attempt before this activity nothing is known but that it may still arrive.
        if getattr(activity.input, "is_unanswered", False):
            activity.memory["unanswered_at"] = self.acs.now
        activity.memory["accepted_at"] = getattr(activity.input, "accepted_at", None)

    def attempt(self, activity: Activity, delivery: Delivery, rng: random.Random) -> Any:
        """Make one attempt, or go on with it; return the answer, or `REPEAT` if there is none."""
        if activity.under_way is not None:
            return self._hear(activity.under_way)
        if self.is_slow and not activity.is_quick and rng.random() < 0.25:
            activity.under_way = self._send(activity, rng)
            return REPEAT
        if delivery is Delivery.LOST:
            self._lose(activity, rng)
            return REPEAT
        request = Request(activity, self.acs.now, rng, dict(activity.memory))
        answer = self._answer(request)
        if delivery is Delivery.ANSWERED:
            activity.memory.update(request.memory)
            return self._told(request, answer)
        if rng.random() < 0.5 and activity.kind != "start_recording":
            # The change was answered, and the reading after it was not; a start has none.
            activity.memory.update(request.memory)
        else:
            activity.memory["unanswered_at"] = self.acs.now
        return REPEAT

    def may_refuse_start(self, activity: Activity) -> bool:
        """Tell if a start can be refused, and is believed to be: nothing has begun, or may yet."""
        is_sent = activity.under_way is not None
        begun = activity.input.repeatability_request_id in self.acs.starts
        return not (begun or is_sent or self._is_doubtful(activity.memory))

    def _is_doubtful(self, memory: Mapping[str, Any]) -> bool:
        """Tell if an earlier attempt may still arrive, so that no refusal is believed."""
        unanswered_at = memory.get("unanswered_at")
        return unanswered_at is not None and self.acs.now - unanswered_at < ARRIVAL_TIMEOUT

    def give_up(self, activity: Activity, delivery: Delivery, rng: random.Random) -> None:
        """Call an attempt off; it may have been made, or be made still."""
        if activity.under_way is None and delivery is not Delivery.LOST and rng.random() < 0.5:
            self._lose(activity, rng, is_made=True)

    def _lose(self, activity: Activity, rng: random.Random, *, is_made: bool = False) -> None:
        activity.memory["unanswered_at"] = self.acs.now
        if activity.kind not in _CHANGES:
            return
        if is_made and rng.random() < 0.5:
            self._answer(Request(activity, self.acs.now, rng, {}))
        elif is_made or (self.is_slow and rng.random() < 0.6):
            self._send(activity, rng)

    def _send(self, activity: Activity, rng: random.Random) -> Request:
        """Send a request, which arrives later."""
        lot = random.Random(rng.random())
        request = Request(activity, self.acs.now, lot, dict(activity.memory))

        def arrive() -> None:
            request.answer = self._answer(request)
            request.answered_at = self.acs.now

        # Most are soon there.
        late = rng.random() ** 3 if rng.random() < 0.7 else rng.random()
        self.acs.later(late * ARRIVAL_TIMEOUT, f"{activity.kind} arrives", arrive)
        return request

    def _hear(self, request: Request) -> Any:
        """Return the answer to a request that is under way, `REPEAT` as long as there is none."""
        now, given_up_at = self.acs.now, request.sent_at + ACS_TIMEOUT
        answered_at, activity = request.answered_at, request.activity
        if answered_at is not None and answered_at <= given_up_at:
            if now <= request.sent_at + _ATTEMPT_TIMEOUT:
                activity.under_way = None
                activity.memory.update(request.memory)
                return self._told(request, request.answer)
        elif now <= given_up_at:
            return REPEAT
        activity.under_way = None
        activity.memory["unanswered_at"] = given_up_at
        return REPEAT

    def _told(self, request: Request, answer: Any) -> Any:
        """Note what the workflow learns by an answer."""
        if not isinstance(answer, ControlResult):
            return answer
        if answer.state == "active" and request.activity.kind in _READINGS:
            read_at = request.answered_at or self.acs.now
            self.acs.read(answer.recording_id, request.sent_at, read_at)
        if request.answered_at is None:
            return answer
        # It was on its way for a while, or the worker was slow to look.
        latest = min(self.acs.now, request.sent_at + ACS_TIMEOUT)
        received_at = request.rng.choice([request.answered_at, latest])
        return answer.model_copy(update={"received_at": received_at})

    def _answer(self, request: Request) -> Any:
        """Answer a request; the first denial is not believed, nor that of a quick attempt."""
        answer, activity = self._answer_of[request.activity.kind](request), request.activity
        is_result = isinstance(answer, ControlResult) and activity.kind != "poll_state"
        is_denied = is_result and answer.state == "gone"
        is_denied |= isinstance(answer, ToldRecording) and not answer.is_known
        was_denied = request.memory.get("is_denied", False)
        request.memory["is_denied"] = is_denied
        is_believed = was_denied and not activity.is_quick
        return answer if is_believed or not is_denied else REPEAT

    # What ACS does.

    def _start(self, request: Request) -> Any:
        acs, input = self.acs, request.activity.input
        begun = acs.starts.get(input.repeatability_request_id)
        number = int(input.callback_uri.rpartition("/")[2])
        is_in_the_way = begun is None and bool(acs.active)
        is_remembered = begun is None and acs.is_slow_to_forget() and request.rng.random() < 0.5
        meets_itself = begun in acs.active and request.rng.random() < 0.1
        if is_in_the_way or is_remembered or meets_itself:
            return self._refused(request, "AlreadyRecording", "8553")
        if begun is None:
            if acs.is_call_over:
                return self._refused(request, "InvalidRequest", "no call")
            if number in acs.numbers.values():
                raise Broken("a recording is started a second time")
            begun = acs.start(
                input.repeatability_request_id, number, input.pause_on_start, request.rng
            )
        says_active = acs.active.get(begun, False) and not input.pause_on_start
        state: Literal["active", "inactive"] = (
            "active" if says_active and request.rng.random() < 0.5 else "inactive"
        )
        return self._seen(request, state, begun).model_copy(update={"accepted_at": acs.now})

    def _refused(self, request: Request, kind: str, why: str) -> Any:
        """Refuse a start; it is asked again as long as an earlier attempt may still arrive."""
        if self._is_doubtful(request.memory):
            return REPEAT
        is_unanswered = request.memory.get("unanswered_at") is not None
        details = (MAY_HAVE_BEGUN,) if is_unanswered else ()
        return protocol.failed(kind, why, is_final=True, details=details)

    def _confirm(self, request: Request) -> Any:
        seen = self._read(request)
        return REPEAT if seen.state == "inactive" else seen

    def _identify(self, request: Request) -> Any:
        is_known = request.activity.input.recording_id in self.acs.active
        return ToldRecording(is_known=is_known, is_of_call=True if is_known else None)

    def _stop(self, request: Request) -> Any:
        recording_id = request.activity.input.recording_id
        if recording_id not in self.acs.active:
            return self._read(request)
        self.acs.stop(recording_id)
        return self._seen(request, "inactive").model_copy(update={"accepted_at": self.acs.now})

    def _change(self, request: Request, wanted: Literal["active", "inactive"]) -> Any:
        acs, memory = self.acs, request.memory
        recording_id, accepted_at = request.activity.input.recording_id, memory.get("accepted_at")
        if accepted_at is not None:
            seen = self._read(request)
            if seen.state in (wanted, "gone"):
                return _with_progress(seen, memory)
            if acs.now - accepted_at < _EFFECT_TIMEOUT:
                return REPEAT
            memory["unanswered_at"] = acs.now
        if recording_id not in acs.active:
            return _with_progress(self._read(request), memory)
        memory["accepted_at"] = acs.now
        self._make(request, recording_id, wanted)
        seen = self._read(request).model_copy(update={"read_at": acs.now})
        if seen.state == wanted:
            return _with_progress(seen, memory)
        if not request.activity.is_quick:
            return REPEAT
        unseen = {"state": "unknown", "is_settled": False}
        return _with_progress(seen.model_copy(update=unseen), memory)

    def _make(self, request: Request, recording_id: str, wanted: str) -> None:
        """Make a change; it may take its time, or be forgotten although it was accepted."""
        rng, is_active = request.rng, wanted == "active"
        if request.activity.is_quick and rng.random() < 0.1:
            return

        def change() -> None:
            if recording_id in self.acs.active:
                self.acs.change(recording_id, is_active)

        takes = timedelta(seconds=rng.choice(_TIMES_TO_CHANGE))
        # What is the case already, as another client has seen to it, is no change that takes time.
        is_change = self.acs.active.get(recording_id) is not is_active
        if takes and is_change and self.is_slow and request.sent_at == self.acs.now:
            what = f"{recording_id} becomes {wanted}"
            self.acs.later(takes, what, change, (recording_id, is_active))
        else:
            change()

    def _read(self, request: Request) -> ControlResult:
        is_active = self.acs.active.get(request.activity.input.recording_id)
        if is_active is None:
            return self._seen(request, "gone")
        return self._seen(request, "active" if is_active else "inactive")

    def _seen(
        self,
        request: Request,
        state: Literal["active", "inactive", "gone"],
        recording_id: str | None = None,
    ) -> ControlResult:
        return ControlResult(
            recording_id=recording_id or request.activity.input.recording_id,
            state=state,
            sent_at=request.sent_at,
            read_at=request.sent_at,
            received_at=self.acs.now,
        )

    def _poll_state(self, request: Request) -> Any:
        seen, input, memory = self._read(request), request.activity.input, request.memory
        # The first denial is not believed.
        is_sure = seen.state == "gone" and memory.get("denied", False)
        memory["denied"] = seen.state == "gone"
        is_proof = input.proves_from is not None and request.sent_at >= input.proves_from
        is_news = seen.state not in ("gone", input.expected)
        if is_sure or is_news or (seen.state == "inactive" and is_proof):
            return seen.model_copy(update={"inactive_at": memory.get("inactive_at")})
        if seen.state == "inactive":
            memory["inactive_at"] = request.sent_at
        return REPEAT


def _with_progress(seen: ControlResult, memory: dict[str, Any]) -> ControlResult:
    told = {name: memory.get(name) for name in ("accepted_at", "unanswered_at")}
    return seen.model_copy(update=told)


class _Repeat:
    """The answer of an attempt that has to be repeated."""


REPEAT = _Repeat()
