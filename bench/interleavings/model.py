"""The model of one simulation: Callvault's state machine, the fake service, the participants."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.interleavings.fake_acs import FakeAcs
from bench.interleavings.people import NAMED_PEOPLE, PEOPLE, People
from callvault.config.policy import resource_policy
from callvault.config.settings import Settings
from callvault.contracts.requests import RecordingRequest, StartRequest
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.call.alarms import Alarms
from workflows.call.consent_gate import ConsentGate
from workflows.call.guards import Watchdog
from workflows.call.lifecycle import Lifecycle

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_SETTINGS = Settings.model_validate(
    {
        "resources": {
            "default": {
                "endpoint": "https://contoso.communication.azure.com",
                "credential": {"entra": True},
            }
        },
        "archives": {"main": {"kind": "directory", "path": "/archive"}},
    }
)
POLICY = resource_policy(_SETTINGS, "default")


class Model:
    """The state that a simulation changes and invariants check."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now = NOON
        self.acs = FakeAcs()
        self.people = People()
        first = self._terms() | {"server_call_id": "call-1", "resource": "default"}
        self._resume(Lifecycle.begin(RecordingRequest.model_validate(first), self.now))
        self._seen(first["participants"])

    def start_request(self, **facts: Any) -> StartRequest:
        """Return a request to record, on random terms."""
        return StartRequest.model_validate(self._terms() | facts)

    def asked_for(self, request: StartRequest) -> None:
        """Note the participants of an accepted request as present."""
        self._seen(request.participants)

    def policy_comes(self) -> None:
        """Set the resource's policy; earlier messages take effect now."""
        timeout = timedelta(seconds=10) if self.chance(0.1) else None
        policy = POLICY.model_copy(update={"announce_within": timeout})
        self.call.policy_known(policy)
        self.call.settle_all(self.now)

    def next_run(self) -> None:
        """Continue as new: the next run has the status, and nothing else."""
        status = self.call.status.model_dump_json()
        self._resume(Lifecycle(CallStatus.model_validate_json(status)))

    def act(self) -> None:
        """Act on everything that has fallen due."""
        self.guard.act(self.now)
        self.gate.act(self.now)

    def pass_time(self, span: timedelta) -> None:
        """Let time pass; timers fire exactly when due, as the server guarantees."""
        end = self.now + span
        while (due := self._next_due()) is not None and due <= end:
            self.now = max(self.now, due)
            self.act()
        self.now = end
        self.act()

    def has_consent(self, recording: RecordingStatus) -> bool:
        return self.people.agree_to(recording.consent)

    def chance(self, likely: float) -> bool:
        return self.rng.random() < likely

    def _resume(self, call: Lifecycle) -> None:
        self.call = call
        self.alarms = Alarms(call.status, "workflow")
        self.guard = Watchdog(call, self.alarms)
        self.gate = ConsentGate(call)

    def _next_due(self) -> datetime | None:
        moments = (self.guard.next_due(), self.gate.next_due())
        return min((moment for moment in moments if moment is not None), default=None)

    def _seen(self, participants: tuple[str, ...]) -> None:
        for who in participants:
            self.people.move(who, joined=True)

    def _terms(self) -> dict[str, Any]:
        draw = self.rng.choice
        policy = draw(["none", "none", "none", "any_party", "all_parties", "named"])
        return {
            "on_pause_failure": draw(["stop", "alarm", "mark"]),
            "pause_on_start": self.chance(0.2),
            "max_pause": draw([None, None, None, timedelta(seconds=20)]),
            "on_max_pause": draw(["resume", "alarm"]),
            "consent_policy": policy,
            "consent_participants": NAMED_PEOPLE if policy == "named" else (),
            "before_consent": draw(["paused", "wait"]),
            "consent_within": draw([None, None, timedelta(seconds=8), timedelta(seconds=60)]),
            "on_withdrawal": draw(["pause", "pause_and_mark"]),
            "stop_when_last_consenting_leaves": self.chance(0.3),
            "participants": tuple(who for who in PEOPLE if self.chance(0.4)),
        }
