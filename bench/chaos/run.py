"""One run: the scenarios of a seed, played while parts are killed, then checked."""

import dataclasses
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from bench.chaos import history, recovery, run_context
from bench.chaos.alarm_receiver import AlarmReceiver
from bench.chaos.check_run import RunChecker
from bench.chaos.cluster import Cluster
from bench.chaos.cluster_settings import ClusterConfig
from bench.chaos.event_loop import EventLoop
from bench.chaos.generator import scenario
from bench.chaos.mutations import NO_RUNBOOK
from bench.chaos.nemesis import Nemesis
from bench.chaos.operator import Operator
from bench.chaos.options import Options
from bench.chaos.proxy import Proxy
from bench.chaos.recovery import Interrupted
from bench.chaos.results import RunResult
from bench.chaos.run_context import RunContext
from bench.chaos.world import Do, Restore, World
from callvault.local.processes import Supervisor

MAX_WORKLOAD_TIME = 600.0
"""Time limit of playing in seconds, and as much again for each hundred scenarios."""
CHECK_TIMEOUT = 1200.0
POLL_INTERVAL = 2.0
REPAIR_TIMEOUT = 600.0
TAKE_OVER_TIME = 45.0
"""Seconds after which another run follows one that was ended: half a minute, says the runbook."""

Say = Callable[[str], None]


def run(
    options: Options,
    home: Path,
    say: Say,
    make_cluster: Callable[[Supervisor, Path, ClusterConfig], Cluster] = Cluster,
    make_world: Callable[[Cluster, Proxy, Do], World] = World,
) -> RunResult:
    """Play all scenarios under faults, and check the outcome. Needs the main thread."""
    with Supervisor(home / "logs") as supervisor, EventLoop() as loop:
        receiver = AlarmReceiver()
        config = cluster_config(options, loop.address, receiver.key)
        cluster = make_cluster(supervisor, home, config)
        proxy = Proxy(cluster.gateway, options.export_window, receiver=receiver)
        loop.serve(proxy)
        world = make_world(cluster, proxy, loop.do)
        world.open_lines()
        cluster.build()
        acting = loop.do(run_context.enter(cluster, proxy, options), timeout=60)
        try:
            return _Run(options, world, proxy, loop, acting, say).execute()
        finally:
            for leaving in (acting.leave(), proxy.close()):
                loop.do(leaving, timeout=10)
            world.close_lines()


def cluster_config(options: Options, proxy: str, webhook_secret: str) -> ClusterConfig:
    """Make the cluster's settings; ``proxy`` is the base URL of the proxy."""
    return ClusterConfig(
        seed=options.seed,
        export_window=options.export_window,
        event_expected_within=options.event_expected_within,
        state_poll_interval=options.state_poll_interval,
        polls_result=options.polls_result,
        escalation_schedule=options.escalation_schedule,
        proxy=proxy,
        webhook_secret=webhook_secret,
        has_directory=options.has_directory,
        mutation="" if options.mutation == NO_RUNBOOK else options.mutation,
    )


@dataclass
class _Run:
    options: Options
    world: World
    proxy: Proxy
    loop: EventLoop
    context: RunContext
    say: Say
    interrupted: list[Interrupted] = dataclasses.field(default_factory=list)
    repairs: list[Future[None]] = dataclasses.field(default_factory=list)
    """What the operator does after restores."""

    def __post_init__(self) -> None:
        workload = self.context.workload
        self.operator = Operator(
            lambda: self.world.cluster.environment,
            self.world.cluster.home,
            workload,
            self.proxy,
            self.context.client,
            workload.backend,
            lambda: history.sealed_in(self.world.cluster),
            self.options.polls_result,
        )
        if self.options.mutation != NO_RUNBOOK:
            self.world.operate = self._repair

    def execute(self) -> RunResult:
        began = time.monotonic()
        self._play()
        self._settle()
        seconds = time.monotonic() - began
        self.say(f"over after {seconds:.0f} s, checking")
        checker = RunChecker(
            self.options, self.world, self.proxy, self.context, self.operator, self.interrupted
        )
        result = self.loop.do(checker.check(), timeout=CHECK_TIMEOUT)
        result.violations += checker.verify()
        result.seconds = seconds
        return result

    def _play(self) -> None:
        """Play the scenarios while the nemesis injects faults."""
        options = self.options
        scenarios = [
            scenario(options.seed, n, options.scenarios, options.pauses)
            for n in range(1, options.scenarios + 1)
        ]
        service_faults = self.loop.begin(self.context.service_faults.run())
        self.loop.begin(self.context.run_sweeps())
        self.loop.begin(self.operator.care())
        nemesis = Nemesis(
            self.world,
            options.seed,
            options.fault_interval,
            self._worker_killed,
            self._report,
            options.parts,
            options.freeze,
        )
        playing = self.loop.begin(
            self.context.workload.play(scenarios, options.concurrency, nemesis.may_begin)
        )
        end = time.monotonic() + MAX_WORKLOAD_TIME * (1 + options.scenarios / 100)
        nemesis.run(until=lambda: playing.done() or time.monotonic() > end)
        # Before `clear`, after which a last change would set faults again.
        service_faults.cancel()
        # Raises the error of a life that failed, or TimeoutError where the lives took too long.
        playing.result(0)

    def _settle(self) -> None:
        """Clear the faults and wait for every workflow; the checker reports those stuck."""
        self.loop.do(self.context.service_faults.clear(), timeout=60)
        for repair in self.repairs:
            repair.result(REPAIR_TIMEOUT)
        end = time.monotonic() + self.options.settle_timeout
        while not self._is_over() and time.monotonic() < end:
            time.sleep(POLL_INTERVAL)

    def _is_over(self) -> bool:
        return (
            self.proxy.is_empty
            and not self._awaits_take_over()
            and not self.loop.do(history.is_any_busy(self.context.client), timeout=60)
        )

    def _awaits_take_over(self) -> bool:
        """Tell if another run may still take over from one that the operator has just ended."""
        ended_at = max(self.operator.ended.values(), default=0.0)
        return time.time() < ended_at + TAKE_OVER_TIME

    def _repair(self, restore: Restore) -> None:
        # Beside the faults, as an operator would have to.
        self.repairs.append(self.loop.begin(self.operator.after(restore)))

    def _worker_killed(self, identity: str, killed: float) -> None:
        async def look() -> None:
            found = await recovery.interrupted_on(self.context.client, identity, killed)
            self.interrupted.extend(found)

        self.loop.begin(look())

    def _report(self, fault: str) -> None:
        self.say(
            f"{self.context.workload.finished} of {self.options.scenarios} scenarios over; {fault}"
        )
