"""Is what is adopted kept as ACS has it, with nothing forgotten of what was recorded before?"""

from datetime import datetime, timedelta
from typing import Any

import pytest

from callvault.contracts.requests import RecordingRequest
from callvault.contracts.states import Wanted
from callvault.contracts.status import CallStatus
from callvault.contracts.takeover import ADOPTED, LastState
from tests.policies import a_policy
from workers import adoption

from .call import ALL, NOON, Call


class Acs:
    """A service that makes the recording, in this state."""

    def __init__(self, state: str) -> None:
        self._state = state

    def belongs_to(self, recording_id: str, server_call_id: str) -> bool:
        return True

    def get_state(self, recording_id: str, server_call_id: str) -> Any:
        return self

    @property
    def recording_state(self) -> str:
        return self._state

    def close(self) -> None:
        pass


def adopt(monkeypatch: pytest.MonkeyPatch, call: Call, state: str) -> None:
    """Let a call that keeps another recording, or none, keep one that is on at ACS, too."""

    class AnySettings:
        def resource(self, name: str) -> None:
            return None

    monkeypatch.setattr(adoption, "open_acs_client", lambda _: Acs(state))
    request = RecordingRequest(server_call_id="call-1", resource="default")

    def now() -> datetime:
        return call.ticks()

    settings: Any = AnySettings()
    found = adoption.found_at_acs(settings, request, "recording-1", now, unproven=False)
    status = CallStatus(server_call_id="call-1", resource="default", recordings=[found])
    last = LastState(run_id=f"{ADOPTED}recording-1", status=status)
    assert call.life.recalled(last, call.now, is_reset=False)


def needing_consent() -> Call:
    """Make a call that nobody asked to record, and whose resource demands consent."""
    call = Call(start_recording=False)
    terms = {"consent_policy": ALL, "on_withdrawal": "pause_and_mark"}
    call.life.policy_known(a_policy(consent=terms))
    return call


def test_what_is_adopted_as_it_is_paused_is_resumed_by_nobodys_consent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody knows who has paused it, and what for."""
    call = needing_consent()
    call.joins("ana")
    adopt(monkeypatch, call, "inactive")
    recording = call.recording
    assert recording.is_held
    call.agrees("ana")
    assert not recording.is_held
    assert (recording.wanted, recording.target) == (Wanted.PAUSED, Wanted.PAUSED)
    call.asks("resume", requested_by="agent")
    assert recording.wanted is Wanted.ACTIVE, "it is nobody's own"


def test_what_is_adopted_as_it_is_on_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(start_recording=False)
    adopt(monkeypatch, call, "active")
    assert (call.recording.wanted, call.recording.pauses) == (Wanted.ACTIVE, [])


def test_what_was_recorded_before_it_was_adopted_is_marked_for_who_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = needing_consent()
    call.joins("ana", at=NOON)
    call.now += timedelta(hours=1)
    adopt(monkeypatch, call, "active")
    call.withdraws("ana")
    assert [(mark.since, mark.until) for mark in call.recording.marked] == [(NOON, None)]
