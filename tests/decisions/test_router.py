"""The router: which workflow an event is brought to, and which event is of no use."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from callvault.contracts import names
from callvault.contracts.participants import ParticipantChanged
from callvault.errors import InvalidRequest, Unavailable
from callvault.ingest.eventgrid import (
    CallEndedEvent,
    CallStartedEvent,
    FilesEvent,
    OtherEvent,
    ParticipantEvent,
)
from callvault.ingest.router import KEEPING_LIMIT, OVERTAKING_LIMIT, Router
from tests.unit.call import chunk, event, hashed

TOPIC = "topic"
CALL = names.workflow_id("call")


@dataclass
class Calls:
    """The calls' workflows: which of them run, are over, or are found by a recording's id."""

    running: set[str] = field(default_factory=set)
    over: dict[str, Any] = field(default_factory=dict)
    found: list[str] | Exception = field(default_factory=list)
    told: list[tuple[Any, ...]] = field(default_factory=list)
    files: list[Any] = field(default_factory=list)
    client: Any = None

    async def signal(self, workflow_id: str, name: str, what: Any) -> bool:
        self.told.append((name, workflow_id))
        self.files.append(what)
        return workflow_id in self.running

    async def announce_first(self, request: Any, files: Any) -> str | None:
        workflow_id = names.workflow_id(request.server_call_id)
        self.files.append(files)
        if workflow_id in self.over:
            return None
        self.told.append((names.FILE_STATUS_UPDATED, workflow_id))
        return workflow_id

    async def result(self, workflow_id: str) -> Any:
        return self.over.get(workflow_id)

    async def find(self, _: str) -> list[str]:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    async def announce(self, request: Any, files: Any, earlier: Any, **how: Any) -> str:
        self.told.append(("announce", earlier, how))
        self.files.append(files)
        return "begun"

    async def start(self, request: Any) -> Any:
        self.told.append(("start", request.server_call_id))
        return SimpleNamespace(workflow_id="started")

    async def record_call_seen(self, seen: Any) -> None:
        self.told.append(("seen", seen.what, seen.at, seen.all_recorded))


class ARoute:
    """A resource's part in the routing."""

    resource = "default"

    def __init__(self, **wants: bool) -> None:
        self.tracks_calls = wants.get("tracks", True)
        self.records_all_calls = wants.get("records", True)
        self.keeps_participants = wants.get("keeps", False)

    def archive_request(self, files: Any) -> Any:
        return SimpleNamespace(server_call_id=files.server_call_id or "call")

    def recording_request(self, server_call_id: str) -> Any:
        return SimpleNamespace(server_call_id=server_call_id) if self.records_all_calls else None

    def waiting_request(self, server_call_id: str) -> Any:
        return SimpleNamespace(server_call_id=server_call_id)

    def without_foreign_urls(self, files: Any) -> Any:
        return files.model_copy(update={"chunks": files.chunks[:1]})


def a_router(calls: Calls, route: ARoute | None = None, *, again: bool = False) -> Router:
    routes: Any = SimpleNamespace(of=lambda topic: route if topic == TOPIC else None)
    return Router(routes, calls, again=again)


def files_event(topic: str = TOPIC, **facts: Any) -> FilesEvent:
    return FilesEvent(type="files", topic=topic, files=event(chunk(0), **facts))


def came(ago: timedelta | None = timedelta(), *, joined: bool = True) -> ParticipantEvent:
    at = None if ago is None else datetime.now(UTC) - ago
    change = ParticipantChanged(participant=hashed("ana"), joined=joined, at=at)
    return ParticipantEvent(type="people", topic=TOPIC, server_call_id="call", change=change)


Came = tuple[timedelta | None, bool]
"""How long ago somebody came, or left."""


def a_result(*indices: int) -> Any:
    archived = [SimpleNamespace(document_id=chunk(n).document_id, index=n) for n in indices]
    return SimpleNamespace(archived=archived)


async def test_files_of_an_unknown_topic_cannot_be_delivered() -> None:
    with pytest.raises(InvalidRequest, match="no resource has the topic 'other'"):
        await a_router(Calls(), ARoute()).deliver(files_event("other"))


@pytest.mark.parametrize(("topic", "left"), [(TOPIC, 1), ("other", 2)])
def test_files_are_admitted_without_what_must_not_be_asked_for(topic: str, left: int) -> None:
    router = a_router(Calls(), ARoute())
    given = FilesEvent(type="files", topic=topic, files=event(chunk(0), chunk(1)))
    admitted = router.admitted(given)
    assert isinstance(admitted, FilesEvent)
    assert len(admitted.files.chunks) == left
    other = came()
    assert router.admitted(other) is other


FILES = names.FILE_STATUS_UPDATED


@pytest.mark.parametrize(
    ("running", "found", "facts", "told", "workflow"),
    [
        ({CALL}, [], {"server_call_id": "call"}, [(FILES, CALL)], CALL),
        ({"w"}, ["w"], {}, [(FILES, "w")], "w"),
        ({CALL}, ["w"], {}, [(FILES, "w"), (FILES, CALL)], CALL),
        ({"w", CALL}, ["w"], {"server_call_id": "call"}, [(FILES, CALL)], CALL),
        ({"w", CALL}, ["w"], {"of": None}, [(FILES, CALL)], CALL),
        ({CALL}, InvalidRequest("not registered"), {}, [(FILES, CALL)], CALL),
    ],
)
async def test_files_go_to_the_workflow_of_their_recording_or_of_their_call(
    running: set[str], found: Any, facts: dict[str, Any], told: list, workflow: str
) -> None:
    calls = Calls(running, found=found)
    assert await a_router(calls, ARoute()).deliver(files_event(**facts)) == workflow
    assert calls.told == told


@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize(("archived", "is_known"), [((0,), True), ((1,), False), ((), False)])
async def test_files_that_a_call_has_archived_before_it_ended_are_not_archived_again(
    archived: tuple[int, ...], is_known: bool, again: bool
) -> None:
    calls = Calls(over={CALL: a_result(*archived)})
    workflow = await a_router(calls, ARoute(), again=again).deliver(files_event())
    assert workflow == (CALL if is_known and not again else "begun")
    earlier = None if again else calls.over[CALL]
    if workflow == "begun":
        assert calls.told[-1] == ("announce", earlier, {"again": True} if again else {})


@pytest.mark.parametrize(
    ("route", "told", "workflow"),
    [
        (None, [], None),
        (ARoute(tracks=False), [], None),
        (ARoute(records=False), ["seen"], None),
        (ARoute(), ["seen", "start"], "started"),
    ],
)
async def test_a_call_that_begins_is_seen_and_recorded_where_its_resource_wants_it(
    route: ARoute | None, told: list[str], workflow: str | None
) -> None:
    calls = Calls()
    began = CallStartedEvent(type="began", topic=TOPIC, server_call_id="call", at=None)
    assert await a_router(calls, route).deliver(began) == workflow
    assert [each[0] for each in calls.told] == told


async def test_a_beginning_that_comes_after_the_calls_end_records_nothing() -> None:
    calls = Calls(over={CALL: a_result()})
    began = CallStartedEvent(type="began", topic=TOPIC, server_call_id="call", at=None)
    assert await a_router(calls, ARoute()).deliver(began) == CALL
    assert [each[0] for each in calls.told] == ["seen"]


@pytest.mark.parametrize(("route", "is_refused"), [(ARoute(), True), (ARoute(tracks=False), False)])
async def test_a_beginning_must_say_of_which_call_where_that_is_of_interest(
    route: ARoute, is_refused: bool
) -> None:
    began = CallStartedEvent(type="began", topic=TOPIC, server_call_id=None, at=None)
    if is_refused:
        with pytest.raises(InvalidRequest, match="which call began"):
            await a_router(Calls(), route).deliver(began)
    else:
        assert await a_router(Calls(), route).deliver(began) is None


@pytest.mark.parametrize("at", [None, datetime(2026, 3, 2, tzinfo=UTC)])
@pytest.mark.parametrize("is_running", [True, False])
async def test_a_call_that_ends_is_told_and_seen_at_its_time(
    at: datetime | None, is_running: bool
) -> None:
    calls = Calls({CALL} if is_running else set())
    ended = CallEndedEvent(type="ended", topic=TOPIC, server_call_id="call", at=at)
    before = datetime.now(UTC)
    assert await a_router(calls, ARoute()).deliver(ended) == (CALL if is_running else None)
    seen, told = calls.told
    assert seen[:2] == ("seen", "ended")
    assert seen[2] == at if at else before <= seen[2] <= datetime.now(UTC)
    assert seen[3] is True
    assert told == (names.CALL_ENDED, CALL)


@pytest.mark.parametrize(
    ("route", "came_ago", "is_kept"),
    [
        (ARoute(keeps=True), (timedelta(), True), True),
        (ARoute(keeps=True), (None, True), True),
        (ARoute(keeps=True), (KEEPING_LIMIT - timedelta(seconds=5), True), True),
        (ARoute(keeps=True), (KEEPING_LIMIT, True), False),
        (ARoute(keeps=True, records=False), (timedelta(), False), False),
        (ARoute(keeps=False, records=False), (timedelta(), True), False),
        (None, (timedelta(), True), False),
    ],
)
async def test_a_coming_is_kept_for_a_recording_that_may_be_asked_for_soon(
    route: ARoute | None, came_ago: Came, is_kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Made now, and not when the table is: its age counts.
    event = came(came_ago[0], joined=came_ago[1])
    kept: list[Any] = []

    async def joined(_: Any, request: Any, change: Any) -> str:
        kept.append((request.server_call_id, change))
        return "kept"

    router = a_router(Calls(), route)
    monkeypatch.setattr(type(router._decisions), "joined", joined)
    assert await router.deliver(event) == ("kept" if is_kept else None)
    assert kept == ([("call", event.change)] if is_kept else [])


@pytest.mark.parametrize(
    ("route", "came_ago", "is_early"),
    [
        (ARoute(), (timedelta(), True), True),
        (ARoute(), (timedelta(), False), True),
        (ARoute(), (OVERTAKING_LIMIT - timedelta(seconds=5), True), True),
        (ARoute(), (OVERTAKING_LIMIT, True), False),
        (ARoute(), (None, True), False),
        (ARoute(records=False), (timedelta(), True), False),
        (None, (timedelta(), True), False),
    ],
)
async def test_a_coming_that_may_have_overtaken_the_calls_beginning_is_asked_for_again(
    route: ARoute | None, came_ago: Came, is_early: bool
) -> None:
    event = came(came_ago[0], joined=came_ago[1])
    router = a_router(Calls(), route)
    if is_early:
        with pytest.raises(Unavailable, match="send it again"):
            await router.deliver(event)
    else:
        assert await router.deliver(event) is None


async def test_a_coming_is_told_to_the_calls_workflow_while_it_runs() -> None:
    calls = Calls({CALL})
    assert await a_router(calls, ARoute(keeps=True)).deliver(came()) == CALL
    assert calls.told == [(names.PARTICIPANT_CHANGED, CALL)]


async def test_what_is_of_no_interest_goes_nowhere() -> None:
    calls = Calls()
    assert await a_router(calls, ARoute()).deliver(OtherEvent(type="x", topic=TOPIC)) is None
    assert calls.told == []


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("running", [set(), {CALL}])
async def test_only_who_delivers_an_event_says_if_its_files_are_to_be_copied_anew(
    running: set[str], again: bool
) -> None:
    """A workflow that runs was not told so: it knew the files, and ignored the event."""
    calls = Calls(running=running)
    event = files_event(server_call_id="call", again=not again)
    await a_router(calls, ARoute(), again=again).deliver(event)
    assert calls.files
    assert {files.again for files in calls.files} == {again}
