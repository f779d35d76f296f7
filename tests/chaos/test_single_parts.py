"""Does a recording that is on survive the death of each single part, in otherwise fair weather?"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from bench.chaos import run_context
from bench.chaos.alarm_receiver import AlarmReceiver
from bench.chaos.cluster import Cluster
from bench.chaos.event_loop import EventLoop
from bench.chaos.generator import Channel, DeliveryMode, scenario
from bench.chaos.objects import objects_in
from bench.chaos.options import short
from bench.chaos.parts import Fault, Part
from bench.chaos.proxy import Proxy
from bench.chaos.run import cluster_config
from bench.chaos.run_context import RunContext
from bench.chaos.world import World
from callvault.contracts import names
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus
from callvault.local.processes import Supervisor

pytestmark = pytest.mark.slow("starts a whole stack, and waits until what was killed is back")

FAIR = replace(
    scenario(1, 1, of=1),
    files=DeliveryMode.ON_TIME,
    call_end=DeliveryMode.ON_TIME,
    deleted_early=False,
)
OPTIONS = replace(short(1), export_window=300)
WITHIN = 150.0
"""Seconds: more than the heartbeat time-out, on a machine that has other work, too."""


@dataclass
class Kept:
    """A call that is being recorded."""

    loop: EventLoop
    context: RunContext
    call: dict[str, str]

    @property
    def handle(self) -> object:
        workflow_id = names.workflow_id(self.call["serverCallId"])
        return self.context.client.get_workflow_handle(workflow_id, result_type=CallResult)

    def is_active(self) -> bool:
        status: CallStatus = self.loop.do(
            self.handle.query(names.STATUS, result_type=CallStatus), WITHIN
        )
        return status.recordings[0].state == "recording"

    def ends(self) -> CallResult:
        self.loop.do(self.context.workload.backend.call_ends(self.call), WITHIN)
        return self.loop.do(self.handle.result(), WITHIN)


@dataclass
class Stage:
    loop: EventLoop
    cluster: Cluster
    proxy: Proxy
    context: RunContext

    def call(self) -> Kept:
        backend = self.context.workload.backend
        call = self.loop.do(backend.call_begins(1), WITHIN)
        self.proxy.scenarios |= {call["callId"]: FAIR, call["serverCallId"]: FAIR}
        request = {
            "serverCallId": call["serverCallId"],
            "requestId": "start",
            "recordingContentType": "audio",
            "recordingFormatType": "wav",
        }
        self.loop.do(backend.start_recording(Channel.SIGNAL, request), WITHIN)
        kept = Kept(self.loop, self.context, call)
        until(kept.is_active)
        return kept


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    home = tmp_path_factory.mktemp("cluster")
    with Supervisor(home / "logs") as supervisor, EventLoop() as loop:
        receiver = AlarmReceiver()
        config = cluster_config(OPTIONS, loop.address, receiver.key)
        cluster = Cluster(supervisor, home, config)
        proxy = Proxy(cluster.gateway, OPTIONS.export_window, receiver=receiver)
        loop.serve(proxy)
        world = World(cluster, proxy, loop.do)
        world.open_lines()
        cluster.build()
        acting = loop.do(run_context.enter(cluster, proxy, OPTIONS), timeout=60)
        yield Stage(loop, cluster, proxy, acting)
        loop.do(acting.leave(), timeout=10)
        loop.do(proxy.close(), timeout=10)
        world.close_lines()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("part", "fault"),
    [
        (Part.TEMPORAL, Fault.KILL),
        (Part.EMULATOR, Fault.KILL),
        (Part.AZURITE, Fault.KILL),
        (Part.GATEWAY, Fault.KILL),
        (Part.WORKER_1, Fault.END),
        (Part.WORKER_1, Fault.FREEZE),
        (Part.WORKER_2, Fault.FREEZE),
    ],
)
def test_an_open_recording_survives_the_end_of(stage: Stage, part: Part, fault: Fault) -> None:
    kept = stage.call()
    outage = stage.cluster.inject(part, fault)
    time.sleep(0.3)
    stage.cluster.heal(outage)

    result = kept.ends()

    assert result.outcome == "archived"
    (recording,) = stage.loop.do(stage.context.workload.backend.truth(kept.call["callId"]), WITHIN)[
        "recordings"
    ]
    archived = {each.document_id: each.sha256 for each in objects_in(stage.cluster.azurite)}
    assert recording["chunks"]
    for chunk in recording["chunks"]:
        assert archived[chunk["documentId"]] == chunk["sha256"]


def until(condition: object) -> None:
    end = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
