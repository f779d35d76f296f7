"""What holds of consent in every order of events: random calls, beside a plain account of them."""

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from callvault.contracts.states import Actual, Wanted
from workflows.call.commands import Command, Operation

from .call import Call, hashed
from .test_lifecycle_properties import PROFILE

PEOPLE = ("ana", "ben", "cem")
WHO = st.sampled_from(PEOPLE)
SOUND = (Operation.RESUME, Operation.CONFIRM, Operation.START)
"""After these ACS may record."""


class LifeOfConsent(RuleBasedStateMachine):
    """One call, in which people come, go, agree and withdraw while somebody pauses and resumes."""

    @initialize(
        policy=st.sampled_from(["any_party", "all_parties", "named"]),
        mode=st.sampled_from(["paused", "wait"]),
        paused=st.booleans(),
    )
    def begins(self, policy: str, mode: str, paused: bool) -> None:
        named = [hashed("ana"), hashed("ben")] if policy == "named" else []
        self.policy = policy
        self.call = Call(
            consent_policy=policy,
            consent_participants=named,
            before_consent=mode,
            pause_on_start=paused,
        )
        self.agreed: set[str] = set()
        self.there: set[str] = set()
        self.left: set[str] = set()
        self.command: Command | None = None
        self.is_cancelled = False
        self.asked_for = Wanted.PAUSED if paused else Wanted.ACTIVE
        """The last word of the backend that was not refused."""

    def is_met(self) -> bool:
        """Said once more, as plainly as the page of the contracts says it."""
        if self._objectors():
            return False
        if self.policy == "named":
            return {"ana", "ben"} <= self.agreed
        if self.policy == "any_party":
            return bool(self.agreed & self.there)
        return bool(self.there) and self.there <= self.agreed

    def _objectors(self) -> set[str]:
        """Who said no at last, and is not known to have left."""
        decided = {r.participant for r in self.call.life.status.consents}
        return {who for who in PEOPLE if hashed(who) in decided} - self.agreed - self.left

    @rule(who=WHO)
    def somebody_agrees(self, who: str) -> None:
        if self.call.decides(who, True) is not None:
            self.agreed.add(who)
        self._cancel()

    @rule(who=WHO)
    def somebody_withdraws(self, who: str) -> None:
        if self.call.decides(who, False) is not None:
            self.agreed.discard(who)
        self._cancel()

    @rule(who=WHO)
    def somebody_joins(self, who: str) -> None:
        self.call.joins(who)
        self.there.add(who)
        self.left.discard(who)
        self._cancel()

    @rule(who=WHO)
    def somebody_leaves(self, who: str) -> None:
        self.call.leaves(who)
        self.there.discard(who)
        self.left.add(who)
        self._cancel()

    @rule(operation=st.sampled_from(["pause", "resume", "resume", "stop"]))
    def the_backend_asks(self, operation: str) -> None:
        held = not self.is_met()
        record = self.call.asks(operation, requested_by="backend")
        if operation == "resume" and held:
            assert record.state == "failed"
        elif record.state != "failed":
            wanted = {"pause": Wanted.PAUSED, "resume": Wanted.ACTIVE, "stop": Wanted.STOPPED}
            self.asked_for = wanted[operation]
        self._cancel()

    @precondition(lambda self: self.command is None and self.call.life.next_command() is not None)
    @rule()
    def acs_is_asked(self) -> None:
        """Nothing after which ACS would record is ever asked for without consent."""
        command = self.call.life.next_command()
        assert command is not None
        begins_recording = command.operation in SOUND and not command.pause_on_start
        assert self.is_met() or not begins_recording
        assert self.asked_for is Wanted.ACTIVE or not begins_recording
        self.call.life.command_sent(command, self.call.now)
        self.command, self.is_cancelled = command, False

    @precondition(lambda self: self.command is not None)
    @rule()
    def acs_confirms(self) -> None:
        command, self.command = self.command, None
        assert command is not None
        self.call.answers(command)

    @precondition(lambda self: self.command is not None and self.is_cancelled)
    @rule()
    def asking_is_given_up(self) -> None:
        command, self.command = self.command, None
        assert command is not None
        self.call.gives_up(command)

    def _cancel(self) -> None:
        if self.command is not None and self.call.life.is_superseded(self.command):
            self.is_cancelled = True

    @invariant()
    def without_consent_the_recording_is_held_and_with_it_is_not(self) -> None:
        recording = self.call.recording
        if recording.wanted is not Wanted.STOPPED:
            assert recording.is_held is not self.is_met()
            assert recording.wanted is self.asked_for

    @invariant()
    def what_may_sound_without_consent_is_about_to_be_silenced(self) -> None:
        recording = self.call.recording
        may_sound = recording.actual in (Actual.ACTIVE, Actual.STARTING, Actual.UNKNOWN)
        if may_sound and not self.is_met() and self.command is None:
            assert self.call.next in ("pause", "stop")

    @invariant()
    def holds_never_overlap_and_end_with_the_recording(self) -> None:
        recording = self.call.recording
        assert all(hold.until is not None for hold in recording.holds[:-1])
        if recording.actual is Actual.STOPPED:
            assert not recording.is_held

    def teardown(self) -> None:
        """With everybody's consent, the last word of the backend comes true."""
        if not hasattr(self, "call"):
            return
        for who in PEOPLE:
            self.somebody_joins(who)
            self.somebody_agrees(who)
        for _ in range(20):
            if self.command is not None:
                self.acs_confirms()
            elif self.call.life.next_command() is not None:
                self.acs_is_asked()
        actual = {"active": "active", "paused": "paused", "stopped": "stopped"}
        assert self.call.recording.actual == actual[self.asked_for]


TestLifeOfConsent = LifeOfConsent.TestCase
TestLifeOfConsent.settings = PROFILE
