"""One call, from its request to the end of its workflow, in an order drawn by lot.

Every step draws by a lot of its own, so that the same step without its predecessors is still the
same step: that is what makes a story short.
"""

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from bench.simulation import at_rest, ending, messages, protocol
from bench.simulation.acs import FakeAcs
from bench.simulation.acs_requests import AcsRequests
from bench.simulation.activities import Surroundings
from bench.simulation.faults import DEFAULT, Fault
from bench.simulation.instance import Broken, Opening
from bench.simulation.invariants import Invariants
from bench.simulation.limits import limits
from bench.simulation.outages import Outages
from bench.simulation.people import PEOPLE, People
from bench.simulation.protocol import Job
from bench.simulation.server import Activity, Server
from bench.simulation.settings import draw_policy
from callvault.contracts import names
from callvault.contracts.events import RecordingStateChanged
from callvault.contracts.requests import CallEnded, RecordingRequest
from callvault.contracts.status import CallStatus

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STEPS = 60
_A_MOMENT = timedelta(milliseconds=10)
_OUT_OF_ORDER = 0.02
"""Part of the steps before which somebody comes and goes, and word of it is out of order."""

MAX_CLOSING_STEPS = 600
"""Steps after which a workflow that has not ended never will."""


class Life:
    """One life: everything that can happen to a call, one thing after the other."""

    def __init__(self, seed: int, faults: frozenset[Fault] = DEFAULT) -> None:
        self.seed = seed
        self.faults = faults
        self.story: list[str] = []
        """What happened, a line for each step."""
        rng = self._lot("terms")
        self._acs = FakeAcs(lambda: self.server.now, self._note)
        self._people = People()
        self._invariants = Invariants(self._acs, self._people)
        request = RecordingRequest.model_validate(
            messages.terms(rng)
            | {"server_call_id": "call-1", "resource": "default", "requested_by": "app"}
        )
        for who in request.participants:
            self._people.named(who)
        payload = protocol.payload(request.model_dump(mode="json", exclude_none=True))
        self.server = Server(
            opening=Opening(names.workflow_id("call-1"), "run-1", NOON, (payload,), seed + 1),
            now=NOON,
            on_activation=self._invariants.around,
            on_scheduled=self._scheduled,
            on_rest=lambda: at_rest.check(self.server),
            on_handed_over=self._between_runs,
        )
        self._invariants.server = self.server
        self._outages = Outages(faults, rng)
        # Some calls can remember little: what they give up must not change what they do.
        self._max_size = rng.choice([6_000, 15_000]) if rng.random() < 0.15 else None
        self.theme = rng.choices(list(messages.Theme), [6, 1, 3])[0]
        self._is_frozen = Fault.LATENESS in faults and rng.random() < 0.3
        """True if the worker stands still now and then."""
        self._requests = AcsRequests(self._acs, Fault.LATENESS in faults)
        self._surroundings = Surroundings(self.server, self._acs, self._requests, draw_policy(rng))

    def live(self, steps: Iterable[int] = range(STEPS)) -> None:
        """Live through these steps, then let everything come to its end."""
        with limits(self._max_size):
            self._live(steps)

    def _live(self, steps: Iterable[int]) -> None:
        rng = self._lot("beginning")
        self.server.begin([self._draw_message(rng, 0) for _ in range(rng.choice([0, 0, 0, 3]))])
        for step in steps:
            if self.server.is_over:
                break
            self._step(step)
        self.end()

    def end(self) -> None:
        """Let everything come to its end, and check what must hold then."""
        self._close()
        ending.check(self.server, self._acs, self._surroundings)
        self._invariants.check_end()
        self.server.close()

    @property
    def status(self) -> CallStatus:
        """The call's state as its workflow has it."""
        return self.server.run.workflow.call.status

    def _scheduled(self, activity: Activity) -> None:
        self._invariants.may_schedule(activity)
        self._surroundings.scheduled(activity)

    def _between_runs(self) -> list[Job]:
        """Return what comes between a run and the next one, of which no worker may hear at once."""
        rng = self._lot(f"run {self.server.runs}")
        if Fault.LATENESS in self.faults and rng.random() < 0.3:
            self.server.now += timedelta(seconds=rng.choice([1, 10, 600, 3 * 3_600]))
        if rng.random() < 0.7:
            return []
        ended = messages.signal(names.CALL_ENDED, CallEnded())
        return [rng.choice([self._draw_message(rng, -self.server.runs), ended])]

    # One step.

    def _step(self, step: int) -> None:
        rng = self._lot(step)
        action = rng.choice(self._actions())
        if self._is_frozen and rng.random() < 0.1:
            self.server.stands_still = timedelta(seconds=rng.choice([0.5, 2, 4.9]))
        self.story.append(f"{step}: {action.__name__.strip('_').replace('_', ' ')}")
        # No two things happen at one moment.
        self._pass_time(_A_MOMENT)
        # By a lot of its own: without it the step is the same.
        lot = self._lot(f"order {step}")
        if lot.random() < _OUT_OF_ORDER:
            self._come_and_go(lot)
        action(rng, step)

    def _come_and_go(self, rng: random.Random) -> None:
        """Let word of one connection come in another order than it happened."""
        who = rng.choice(PEOPLE)
        has_devices = any(device for each, device in self._people.seen if each == who)
        device = rng.choice(["phone", "laptop", "phone" if has_devices else ""])
        # What was held back is older.
        self.server.deliver()
        self._pass_time(_A_MOMENT)
        if self.server.is_over:
            return
        told = messages.comings_and_goings(rng, self.server.now, who, device)
        self._note("; ".join(map(messages.describe, told)))
        self.server.deliver(*told)

    def _actions(self) -> list[Callable[[random.Random, int], None]]:
        """Return what may happen next; what is here twice is twice as likely."""
        actions: list[Callable[[random.Random, int], None]] = [
            *[self._progress] * 8,
            *[self._message] * 5,
            *[self._wait] * 3,
            self._callback,
            self._file_event,
            self._rare,
        ]
        if Fault.EVICTION in self.faults:
            actions.append(self._evict)
        if self.theme is messages.Theme.SILENCE and Fault.MEDDLING in self.faults:
            actions.append(self._meddle)
        return actions

    def _progress(self, rng: random.Random, step: int) -> None:
        """Make an attempt at one of the activities under way."""
        found = sorted(self.server.activities.values(), key=lambda activity: activity.seq)
        if found:
            # The newest is the likeliest to be answered: pollings stand for hours.
            at = min(int(rng.expovariate(0.7)), len(found) - 1)
            self._attempt(found[-1 - at], rng)

    def _message(self, rng: random.Random, step: int) -> None:
        self._send(rng, self._draw_message(rng, step))

    def _draw_message(self, rng: random.Random, step: int) -> Job:
        return messages.draw(rng, step, self.server.now, self.theme, self.faults)

    def _wait(self, rng: random.Random, step: int) -> None:
        spans = [0.1, 1, 1, 4, 4, 10, 10]
        is_short = self.theme is messages.Theme.SILENCE
        seconds = rng.choice(spans if is_short else [*spans, 60, 600, 3 * 3_600])
        self._note(f"{seconds} s")
        # Temporal answers soon, as it does for every workflow task.
        for asked in [a for a in self.server.activities.values() if a.asks_temporal_alone]:
            self._attempt(asked, rng)
        if Fault.ODD in self.faults and rng.random() < 0.3:
            # Rejected in the same activation as what falls due first: no history holds it.
            self.server.hold(messages.rejected(f"wait-{step}"))
        self._pass_time(timedelta(seconds=seconds))

    def _pass_time(self, span: timedelta) -> None:
        self.server.pass_time(span)
        if not self.server.is_over:
            at_rest.check_due(self.server)

    def _callback(self, rng: random.Random, step: int) -> None:
        """Deliver a callback: any of those under way, perhaps not for the last time."""
        if not self._acs.callbacks:
            return
        at = rng.randrange(len(self._acs.callbacks))
        told = self._acs.callbacks[at]
        if rng.random() < 0.8:
            del self._acs.callbacks[at]
        event = RecordingStateChanged(
            recording=told.number,
            recording_id=told.recording_id,
            state="active" if told.is_active else "inactive",
            at=told.at,
        )
        event = messages.undated(rng, event, "at")
        self._send(rng, messages.signal(names.RECORDING_STATE_CHANGED, event))

    def _file_event(self, rng: random.Random, step: int) -> None:
        """Announce files of a recording that is over: all, or one of them, perhaps again."""
        if not self._acs.files:
            return
        recording_id = rng.choice(sorted(self._acs.files))
        indices = range(len(self._acs.files[recording_id]))
        chosen = [rng.choice(indices)] if rng.random() < 0.5 else indices
        self._announce(rng, recording_id, chosen)

    def _announce(self, rng: random.Random, recording_id: str, indices: Iterable[int]) -> None:
        event = self._surroundings.event(recording_id, indices)
        self._send(rng, messages.signal(names.FILE_STATUS_UPDATED, event))

    def _evict(self, rng: random.Random, step: int) -> None:
        self.server.replay()

    def _rare(self, rng: random.Random, step: int) -> None:
        """Do what happens seldom."""
        rare: list[Callable[[random.Random], None]] = [
            lambda rng: self.server.ask(protocol.query(names.STATUS, [])),
            lambda rng: self._send(rng, messages.acknowledgement()),
            self._decide_twice,
        ]
        if Fault.ACS in self.faults:
            rare += [self._toggle_outage] * 2
        if Fault.LATENESS in self.faults:
            rare.append(self._lose_workers)
        if rng.random() < 0.3:
            rare.append(self._end_call)
        if Fault.MEDDLING in self.faults:
            rare.append(self._meddle)
        if Fault.CANCELLATION in self.faults:
            rare.append(lambda rng: self._send(rng, protocol.cancellation()))
        rng.choice(rare)(rng)

    def _decide_twice(self, rng: random.Random) -> None:
        """Let somebody refuse and agree at one moment, in either order."""
        who, now = rng.choice(PEOPLE), self.server.now
        both = rng.choice([(True, False), (False, True)])
        told = [messages.decision(rng, f"twice-{now}-{given}", now, who, given) for given in both]
        self._note("; ".join(map(messages.describe, told)))
        self.server.deliver(*told)

    def _toggle_outage(self, rng: random.Random) -> None:
        self._note(self._outages.toggle())

    def _lose_workers(self, rng: random.Random) -> None:
        """Let no worker run for a while, in which something may come."""
        span = timedelta(seconds=rng.choice([6, 60, 600, 3 * 3_600]))
        self._note(f"no worker for {span}")
        if rng.random() < 0.5:
            message = self._draw_message(rng, -1)
            self._note(messages.describe(message))
            self.server.hold(message)
        self.server.be_away(span)

    def _meddle(self, rng: random.Random, step: int = 0) -> None:
        self._note("another client meddles")
        self._pass_time(_A_MOMENT)
        self._acs.catch_up()
        self._acs.meddle(rng)

    def _end_call(self, rng: random.Random) -> None:
        """Let everybody hang up; no event may tell of it."""
        self._note("the call ends")
        self._acs.catch_up()
        self._acs.end_call()
        if rng.random() < 0.6:
            self._send(rng, messages.signal(names.CALL_ENDED, CallEnded()))

    # The parts of a step.

    def _send(self, rng: random.Random, job: Job) -> None:
        self._note(messages.describe(job))
        if rng.random() < 0.15:
            self.server.hold(job)
        else:
            self.server.deliver(job)

    def _attempt(self, activity: Activity, rng: random.Random) -> None:
        self._pass_time(_A_MOMENT)
        if self.server.activities.get(activity.seq) is not activity:
            return
        delivery = self._outages.delivery(activity, rng)
        result = self._surroundings.attempt(activity, delivery, rng)
        self._note(f"{activity.kind} {delivery}{'' if result is not None else ', to be repeated'}")
        if result is not None:
            self.server.resolve(activity, result)

    # The end.

    def _close(self) -> None:
        """Let the call end, everything answer, and time go by."""
        rng = self._lot("end")
        self.story.append("then all comes to its end")
        self._outages.end()
        self._requests.is_slow = False
        self.server.deliver()
        self._acs.catch_up()
        self._acs.end_call()
        if rng.random() < 0.7:
            self.server.deliver(messages.signal(names.CALL_ENDED, CallEnded()))
        for recording_id, files in sorted(self._acs.files.items()):
            if rng.random() < 0.8:
                self.server.deliver()
                # The last file may never be announced.
                self._announce(rng, recording_id, range(rng.choice([1, *[len(files)] * 5])))
        for closing in range(MAX_CLOSING_STEPS):
            if self.server.is_over:
                return
            self._closing_step(rng)
            if closing == MAX_CLOSING_STEPS // 2:
                # What waits for consent, and was never begun, is over only once this is told.
                self.server.deliver(messages.signal(names.CALL_ENDED, CallEnded()))
        raise Broken("the workflow does not end")

    def _closing_step(self, rng: random.Random) -> None:
        """Answer everything once, and go on to the next moment."""
        self.server.deliver()
        tried: list[Activity] = []
        while (activity := self._untried(tried)) is not None:
            tried.append(activity)
            if activity.kind == "seal_recording" and rng.random() < 0.3:
                self._hear_late(activity.input.recording.recording_id, rng)
            self._attempt(activity, rng)
        self._acs.catch_up()
        self._acs.end_call()
        if not any(activity.is_cancelled for activity in self.server.activities.values()):
            due = self.server.next_due()
            far = timedelta(hours=1)
            self._pass_time(min(far, due - self.server.now) if due else far)

    def _hear_late(self, recording_id: str, rng: random.Random) -> None:
        """Announce all files of a recording while its manifest is being written."""
        if rng.random() < 0.5:
            # Signals of others have come as well: the run is to hand over, and must not yet.
            self.server.run.history_length += 10_000
        self._announce(rng, recording_id, range(len(self._acs.files[recording_id])))

    def _untried(self, tried: list[Activity]) -> Activity | None:
        activities = self.server.activities.values()
        return next((each for each in activities if not any(each is one for one in tried)), None)

    def _lot(self, what: object) -> random.Random:
        return random.Random(f"{self.seed}/{what}")

    def _note(self, what: str) -> None:
        if self.story:
            self.story[-1] += f"; {what}"
