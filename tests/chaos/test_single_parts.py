"""Does a recording that is on survive the death of each single part, in otherwise fair weather?"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from bench.chaos import run_context
from bench.chaos.cluster import Blow, House, Part
from bench.chaos.event_loop import Field
from bench.chaos.generator import Fate, Way, life
from bench.chaos.history import objects_in
from bench.chaos.options import short
from bench.chaos.proxy import Road
from bench.chaos.run import plan_of
from bench.chaos.run_context import Scene
from callvault.contracts import names
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus
from callvault.local.processes import Supervisor

pytestmark = pytest.mark.slow("starts a whole stack, and waits until what was killed is back")

FAIR = replace(life(1, 1, of=1), files=Fate.ON_TIME, call_end=Fate.ON_TIME, deleted_early=False)
OPTIONS = replace(short(1), export_window=300)
WITHIN = 150.0
"""Seconds: more than the heartbeat time-out, on a machine that has other work, too."""


@dataclass
class Kept:
    """A call that is being recorded."""

    field: Field
    scene: Scene
    call: dict[str, str]

    @property
    def handle(self) -> object:
        workflow_id = names.workflow_id(self.call["serverCallId"])
        return self.scene.client.get_workflow_handle(workflow_id, result_type=CallResult)

    def is_active(self) -> bool:
        status: CallStatus = self.field.do(
            self.handle.query(names.STATUS, result_type=CallStatus), WITHIN
        )
        return status.recordings[0].state == "recording"

    def ends(self) -> CallResult:
        self.field.do(self.scene.player.backend.call_ends(self.call), WITHIN)
        return self.field.do(self.handle.result(), WITHIN)


@dataclass
class Stage:
    field: Field
    house: House
    road: Road
    scene: Scene

    def call(self) -> Kept:
        backend = self.scene.player.backend
        call = self.field.do(backend.call_begins(1), WITHIN)
        self.road.lives |= {call["callId"]: FAIR, call["serverCallId"]: FAIR}
        request = {
            "serverCallId": call["serverCallId"],
            "requestId": "start",
            "recordingContentType": "audio",
            "recordingFormatType": "wav",
        }
        self.field.do(backend.keep(Way.SIGNAL, request), WITHIN)
        kept = Kept(self.field, self.scene, call)
        until(kept.is_active)
        return kept


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    home = tmp_path_factory.mktemp("house")
    with Supervisor(home / "logs") as supervisor, Field() as field:
        house = House(supervisor, home, plan_of(OPTIONS, field.address))
        road = Road(house.gateway, OPTIONS.export_window)
        field.serve(road)
        house.build()
        acting = field.do(run_context.enter(house, road, OPTIONS), within=60)
        yield Stage(field, house, road, acting)
        field.do(acting.leave(), within=10)
        field.do(road.close(), within=10)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("part", "blow"),
    [
        (Part.TEMPORAL, Blow.KILL),
        (Part.EMULATOR, Blow.KILL),
        (Part.AZURITE, Blow.KILL),
        (Part.GATEWAY, Blow.KILL),
        (Part.WORKER_1, Blow.END),
    ],
)
def test_an_open_recording_survives_the_end_of(stage: Stage, part: Part, blow: Blow) -> None:
    kept = stage.call()
    outage = stage.house.strike(part, blow)
    time.sleep(0.3)
    stage.house.mend(outage)

    result = kept.ends()

    assert result.outcome == "archived"
    (recording,) = stage.field.do(stage.scene.player.backend.truth(kept.call["callId"]), WITHIN)[
        "recordings"
    ]
    archived = {each.document_id: each.sha256 for each in objects_in(stage.house.azurite)}
    assert recording["chunks"]
    for chunk in recording["chunks"]:
        assert archived[chunk["documentId"]] == chunk["sha256"]


def until(condition: object) -> None:
    end = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
