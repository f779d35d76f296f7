"""Looks after what a worker needs, and tells of what is amiss by its name.

Secrets that cannot be used, services that let us not in, clocks that differ, search attributes that
are missing: no call fails in a way that names them, or only much later.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.common import MetricMeter

from activities.clock import ServerTime
from callvault.clocks import Clocks
from callvault.codec.encryption import key_problems
from callvault.config.settings import Settings
from callvault.contracts.alarms import Alarm
from callvault.errors import CallvaultError, Unavailable
from callvault.probes import Answer, Probe, probes
from callvault.problem_alarms import ProblemAlarms
from callvault.problems import Problems
from callvault.secret_checks import secret_problems
from callvault.telemetry import metrics
from callvault.temporal.clock import server_time
from callvault.temporal.namespace import unusable_search_attributes
from callvault.temporal.search_attributes import SEARCH_ATTRIBUTES
from workers.old_versions import without_workers

ATTRIBUTE_INTERVAL = timedelta(seconds=5)
"""Less than the server takes to notice itself that an attribute was removed."""

SECRET_INTERVAL = timedelta(seconds=20)
PROBE_INTERVAL = timedelta(minutes=1)
VERSION_INTERVAL = timedelta(minutes=1)

PROBE_TIMEOUT = 20.0
"""Seconds for all probes of a round; one that takes longer holds up no other."""

SECTIONS = ("resources", "archives", "alarms", "dead_letters", "participants", "encryption")
"""The sections of the settings whose secrets a worker uses."""

log = structlog.get_logger(__name__)


class Watch:
    """Looks again and again, until cancelled; a look that fails is logged, and comes again."""

    def __init__(
        self,
        client: Client,
        settings: Settings,
        clocks: Clocks,
        meter: MetricMeter = MetricMeter.noop,
        send: Callable[[Alarm], object] = lambda _: None,
        time: ServerTime | None = None,
    ) -> None:
        """``send`` sends an alarm to the webhook; it may block. ``time`` is taught Temporal's."""
        self.problems = Problems(meter)
        self._alarms = ProblemAlarms(
            "worker", lambda alarm: asyncio.to_thread(send, alarm), clocks.now
        )
        self._client = client
        self._settings = settings
        self._clocks = clocks
        self._time = time or ServerTime()
        self._differences = metrics.clock_differences(meter)
        self._probes = probes(settings)
        self._threads = ThreadPoolExecutor(max(1, len(self._probes)), "probe")
        self._asked: dict[str, Future[Answer]] = {}
        """The probes that have not ended yet."""

    async def run(self) -> None:
        """Look at everything, each at its interval."""
        try:
            await asyncio.gather(
                _again(self.look_at_attributes, ATTRIBUTE_INTERVAL),
                _again(self.look_at_secrets, SECRET_INTERVAL),
                _again(self.ask_services, PROBE_INTERVAL),
                _again(self.look_at_versions, VERSION_INTERVAL),
            )
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def look_at_attributes(self) -> None:
        """Find out which search attributes the namespace knows; workflows set no others."""
        try:
            missing = await unusable_search_attributes(self._client)
        except Unavailable as error:
            # Temporal Cloud lets no client ask: the namespace is taken to be set up.
            log.debug("search attributes cannot be listed", problem=str(error))
            return
        SEARCH_ATTRIBUTES.seen(missing)
        text = "the namespace does not know it, or as another type: run `callvault setup`"
        await self._found("attributes", {f"search attribute {each}": text for each in missing})

    async def look_at_secrets(self) -> None:
        """Read every secret of a worker, and check its form; tell of keys that were missing."""
        found = await asyncio.to_thread(secret_problems, self._settings, SECTIONS)
        await self._found("secrets", found | key_problems(self._client))

    async def look_at_versions(self) -> None:
        """Find out whether calls wait for a version of the workers that is gone."""
        if (deployment := self._settings.worker.deployment_name) is not None:
            await self._found("tasks", await without_workers(self._client, deployment))

    async def ask_services(self) -> None:
        """Ask every service if it lets us in, and for its time."""
        answers = await self._ask()
        refused = {what: each.problem for what, each in answers.items() if each.problem}
        await self._found("services", refused)
        await self.look_at_server_time()
        for clock, seconds in self._clocks.differences().items():
            self._differences.set(abs(seconds), {"clock": clock})
        wrong = {f"the clock of {whose}": text for whose, text in self._clocks.problems().items()}
        await self._found("clocks", wrong)

    async def look_at_server_time(self) -> None:
        """Measure Temporal's time: no claim of silence is to begin before its proof."""
        try:
            measured = await server_time(self._client)
        except Unavailable as error:
            log.debug("a clock could not be compared", problem=str(error))
            return
        self._clocks.learn("Temporal", measured.told)
        self._time.measured(*measured)

    async def _found(self, kind: str, problems: dict[str, str]) -> None:
        self.problems.found(kind, problems)
        await self._alarms.found(kind, problems)

    async def _ask(self) -> dict[str, Answer]:
        asked = {what: self._begin(what, probe) for what, probe in self._probes.items()}
        waiting = [asyncio.wrap_future(each) for each in asked.values()]
        if waiting:
            await asyncio.wait(waiting, timeout=PROBE_TIMEOUT)
        return {what: self._answer(what, each) for what, each in asked.items()}

    def _begin(self, what: str, probe: Probe) -> Future[Answer]:
        """Begin a probe in a thread of its own, unless the last one has not ended yet."""
        if what not in self._asked:
            self._asked[what] = self._threads.submit(self._probed, what, probe)
        return self._asked[what]

    def _probed(self, what: str, probe: Probe) -> Answer:
        answer = probe()
        if answer.time is not None:
            # At once: a round waits for the slowest.
            self._clocks.learn(what, answer.time)
        return answer

    def _answer(self, what: str, asked: Future[Answer]) -> Answer:
        if not asked.done():
            return Answer(problem=f"no answer in {PROBE_TIMEOUT:g} s: does its name resolve?")
        del self._asked[what]
        return asked.result()


async def _again(look: Callable[[], Awaitable[None]], interval: timedelta) -> None:
    while True:
        try:
            await look()
        except CallvaultError as error:
            log.warning("a look failed", look=look.__name__, problem=str(error))
        except Exception:  # whatever it is, a worker must not end by it
            log.exception("a look failed", look=look.__name__)
        await asyncio.sleep(interval.total_seconds())
