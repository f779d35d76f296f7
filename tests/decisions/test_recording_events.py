"""Events of recordings: which is told next, to whom, and what was told, at each boundary."""

from typing import Any

import pytest

from callvault.contracts.recording_events import END_OF, EventKind, RecordingEvent, ToldEvents
from callvault.contracts.silence import SilentInterval
from callvault.contracts.states import Actual, RecordingState
from callvault.contracts.status import RecordingStatus
from tests.policies import a_policy
from workflows.call import recording_events

from .facts import a_call, a_chunk, a_recording, at, at_or_none, seconds, silent

URL = "https://crm.example/hooks"


def an_event(kind: EventKind, **facts: Any) -> RecordingEvent:
    """Make an event of the first recording."""
    known = {"id": "e", "at": at(9), "sequence": "s", "resource": "default", "origin": "requested"}
    call = {"server_call_id": "call", "workflow_id": "w", "recording": 1, "state": "recording"}
    return RecordingEvent.model_validate({**known, **call, "kind": kind, **facts})


# Receivers.


@pytest.mark.parametrize(
    ("allowed", "url", "is_refused"),
    [
        (None, URL, False),
        ((), URL, True),
        ((URL,), URL, False),
        (("https://crm.example/other",), URL, True),
        ((), None, False),
    ],
)
def test_a_receiver_that_the_settings_do_not_allow_is_forgotten(
    allowed: tuple[str, ...] | None, url: str | None, is_refused: bool
) -> None:
    recording = a_recording(webhook_url=url)
    policy = None if allowed is None else a_policy(webhook_allowed_urls=allowed)
    refused = recording_events.refuse_url(a_call(recording, policy=policy), recording)
    assert (refused is not None) is is_refused
    assert recording.webhook_url == (None if is_refused else url)


@pytest.mark.parametrize(
    ("tells", "url", "receivers"),
    [
        (None, None, []),
        (None, URL, []),
        (False, None, []),
        (False, URL, [URL]),
        (True, None, [None]),
        (True, URL, [None, URL]),
    ],
)
def test_the_receivers_are_the_webhook_of_the_resource_and_that_of_the_request(
    tells: bool | None, url: str | None, receivers: list[str | None]
) -> None:
    recording = a_recording(webhook_url=url)
    policy = None if tells is None else a_policy(tells_events=tells)
    status, event = a_call(recording, policy=policy), an_event(EventKind.STARTED)
    sent = recording_events.deliveries(status, recording, event)
    assert [each.url for each in sent] == receivers
    assert all(each.event == event for each in sent)
    assert all(policy and each.within == policy.webhook_within for each in sent)
    assert list(recording_events.to_tell(status)) == ([recording] if receivers else [])


# The next event.


def kind_of(
    recording: RecordingStatus, told: ToldEvents | None = None, *, is_sealing: bool = False
) -> EventKind | None:
    status = a_call(recording, told={} if told is None else {1: told})
    return recording_events.next_kind(status, recording, is_sealing=is_sealing)


@pytest.mark.parametrize(
    ("facts", "is_told"),
    [
        ({}, True),
        ({"recording_id": None}, False),
        ({"origin": "announced"}, False),
        ({"actual": Actual.NONE}, False),
        ({"actual": Actual.STARTING}, False),
        ({"actual": Actual.PAUSED}, True),
        ({"actual": Actual.UNKNOWN}, True),
        ({"actual": Actual.STOPPED}, True),
    ],
)
def test_a_recording_that_was_asked_for_and_has_begun_is_told_once(
    facts: dict[str, Any], is_told: bool
) -> None:
    recording = a_recording(**{"recording_id": "r", **facts})
    assert kind_of(recording) == (EventKind.STARTED if is_told else None)
    assert kind_of(recording, ToldEvents(has_started=True)) is not EventKind.STARTED


@pytest.mark.parametrize(
    ("silences", "told_since", "is_silent", "over_at", "kind"),
    [
        ([], None, False, None, None),
        ([silent(5)], None, False, None, "paused"),
        ([silent(5, 9)], None, False, None, "paused"),
        ([silent(5)], 5, True, None, None),
        ([silent(5)], 5, True, 9, None),
        ([silent(5, 9)], 5, True, None, "resumed"),
        ([silent(5, 9)], 5, True, 9, None),
        ([silent(5, 9)], 5, True, 10, "resumed"),
        ([], 5, True, None, "resumed"),
        ([silent(6)], 5, True, None, "resumed"),
        ([silent(5, 9), silent(12)], 5, True, None, "resumed"),
        ([silent(5, 9)], 5, False, None, None),
        ([silent(4)], 5, False, None, None),
        ([silent(6)], 5, False, None, "paused"),
        ([silent(5, 9), silent(12)], 5, False, None, "paused"),
    ],
)
@pytest.mark.parametrize("is_over", [False, True])
def test_each_silence_is_told_and_its_end_unless_it_ends_with_the_recording(
    silences: list[SilentInterval],
    told_since: float | None,
    is_silent: bool,
    over_at: float | None,
    kind: str | None,
    is_over: bool,
) -> None:
    actual = Actual.STOPPED if is_over else Actual.ACTIVE
    recording = a_recording(*silences, actual=actual, recording_id="r", sound={"over_at": over_at})
    told = ToldEvents(has_started=True, silent_since=at_or_none(told_since), is_silent=is_silent)
    assert kind_of(recording, told) == kind or (is_over and "stopped")
    told.has_stopped = True
    assert kind_of(recording, told) is None, "what is stopped is neither paused nor resumed"


@pytest.mark.parametrize(
    ("actual", "kind"),
    [(Actual.STOPPED, "stopped"), (Actual.UNKNOWN, None), (Actual.PAUSED, None)],
)
def test_a_recording_is_stopped_once_acs_has_ended_it(actual: Actual, kind: str | None) -> None:
    recording = a_recording(actual=actual, recording_id="r")
    assert kind_of(recording, ToldEvents(has_started=True)) == kind
    assert kind_of(recording, ToldEvents(has_started=True, has_stopped=True)) is None


@pytest.mark.parametrize("state", RecordingState)
@pytest.mark.parametrize("origin", ["announced", "requested"])
def test_an_end_is_told_with_its_manifest(state: RecordingState, origin: str) -> None:
    recording = a_recording(state=state, origin=origin, actual=Actual.STOPPED)
    assert kind_of(recording) == END_OF.get(state)
    assert kind_of(recording, is_sealing=True) is None


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (ToldEvents(), "started"),
        (ToldEvents(has_started=True), "stopped"),
        (ToldEvents(has_started=True, has_stopped=True), "lost"),
    ],
)
def test_an_end_is_told_after_all_that_was_before_it(told: ToldEvents, kind: str) -> None:
    recording = a_recording(state="lost", actual=Actual.STOPPED, recording_id="r")
    assert kind_of(recording, told) == kind


def test_an_end_is_told_once_and_another_end_again() -> None:
    recording = a_recording(state="lost", origin="announced", chunks=[a_chunk(0)])
    status = a_call(recording)
    event = recording_events.make(status, recording, EventKind.LOST, "w", at(9))
    recording_events.told(status, event)
    assert kind_of(recording, status.told[1]) is None
    recording.chunks.append(a_chunk(1))
    assert kind_of(recording, status.told[1]) is EventKind.LOST


# What was told.


@pytest.mark.parametrize(
    ("kind", "facts", "told"),
    [
        ("started", {}, {"has_started": True}),
        ("paused", {"silent_since": at(7)}, {"silent_since": at(7), "is_silent": True}),
        ("resumed", {"silent_since": at(7)}, {}),
        ("stopped", {}, {"has_stopped": True}),
        ("lost", {"is_final": True, "facts": "f"}, {"final": "e", "end_facts": "f"}),
    ],
)
def test_each_event_that_is_taken_adds_to_what_was_told(
    kind: str, facts: dict[str, Any], told: dict[str, Any]
) -> None:
    event = an_event(EventKind(kind), **facts)
    status = a_call()
    recording_events.told(status, event)
    assert status.told == {1: ToldEvents(**told)}
    known = {"has_started": True, "has_stopped": True, "silent_since": at(3), "final": "d"}
    status.told[1] = ToldEvents(**known, end_facts="d", is_silent=True)
    recording_events.told(status, event)
    assert status.told == {1: ToldEvents(**{**known, "end_facts": "d", **told})}


# Two runs.


def joined(mine: dict[str, Any], theirs: dict[str, Any], is_reset: bool) -> ToldEvents:
    status = a_call(told={1: ToldEvents(**mine)})
    before = a_call(told={1: ToldEvents(**theirs)})
    recording_events.join(status, before, {1: 1}, is_reset=is_reset)
    return status.told[1]


@pytest.mark.parametrize("is_reset", [True, False])
@pytest.mark.parametrize("field", ["has_started", "has_stopped"])
@pytest.mark.parametrize(("mine", "theirs"), [(True, False), (False, True), (False, False)])
def test_it_was_told_that_a_recording_began_or_ended_if_either_has_told_it(
    is_reset: bool, field: str, mine: bool, theirs: bool
) -> None:
    told = joined({field: mine}, {field: theirs}, is_reset)
    assert told == ToldEvents(**{field: mine or theirs})


MINE = {"silent_since": at(5), "is_silent": True}
THEIRS = {"silent_since": at(9), "is_silent": False}
PAUSED = {"silent_since": at(9), "is_silent": True}
MY_END = {"final": "mine", "end_facts": "mine"}
THEIR_END = {"final": "theirs", "end_facts": "theirs"}


@pytest.mark.parametrize(
    ("mine", "theirs", "is_reset", "counts"),
    [
        (MINE, THEIRS, True, THEIRS),
        (MINE, THEIRS, False, MINE),
        (THEIRS, MINE, True, MINE),
        (THEIRS, MINE, False, THEIRS),
        ({}, PAUSED, True, PAUSED),
        ({}, PAUSED, False, PAUSED),
        (PAUSED, {}, True, PAUSED),
        (PAUSED, {}, False, PAUSED),
        (MY_END, THEIR_END, True, THEIR_END),
        (MY_END, THEIR_END, False, MY_END),
        ({}, THEIR_END, False, THEIR_END),
        (MY_END, {}, True, MY_END),
    ],
)
def test_of_silence_and_ends_the_newer_word_counts_which_after_a_reset_is_that_of_the_dead_run(
    mine: dict[str, Any], theirs: dict[str, Any], is_reset: bool, counts: dict[str, Any]
) -> None:
    assert joined(mine, theirs, is_reset) == ToldEvents(**counts)


@pytest.mark.parametrize(
    ("numbers", "told"),
    [({1: 1}, {1: "theirs"}), ({1: 2}, {2: "theirs"}), ({1: None}, {}), ({}, {})],
)
def test_what_was_told_of_a_recording_follows_it_to_its_number_or_goes_with_it(
    numbers: dict[int, int | None], told: dict[int, str]
) -> None:
    status, before = a_call(), a_call(told={1: ToldEvents(final="theirs")})
    recording_events.join(status, before, numbers, is_reset=False)
    assert {number: record.final for number, record in status.told.items()} == told


@pytest.mark.parametrize(
    ("mine", "theirs", "last"),
    [(None, None, None), (5, None, 5), (None, 5, 5), (5, 7, 7), (7, 5, 7)],
)
def test_the_last_event_of_both_is_the_last(
    mine: float | None, theirs: float | None, last: float | None
) -> None:
    status, before = a_call(told_at=at_or_none(mine)), a_call(told_at=at_or_none(theirs))
    recording_events.join(status, before, {}, is_reset=False)
    assert seconds(status.told_at) == last
