"""The checks of `callvault doctor` that look at the settings: secrets, services, clocks."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from temporalio.client import Client

from callvault.cli.actions.check_result import CheckResult, of_problems
from callvault.clocks import Clocks
from callvault.config.settings import Settings
from callvault.probes import Answer, probes
from callvault.secret_checks import secret_problems
from callvault.temporal.clock import server_time

PROBE_TIMEOUT = 15.0
"""Seconds for all services together, to answer one small request each."""


async def check_services(client: Client, settings: Settings) -> list[CheckResult]:
    """Check every secret, every service that is reached with one, and all clocks."""
    answers = await _ask(settings)
    clocks = Clocks()
    for whose, answer in answers.items():
        if answer.time is not None:
            clocks.learn(whose, answer.time)
    clocks.learn("Temporal", (await server_time(client)).told)
    refused = {what: answer.problem for what, answer in answers.items() if answer.problem}
    return [
        of_problems(
            "secrets",
            secret_problems(settings),
            "Write the secret anew where the setting says; no process needs a restart.",
            "each is there and has its form",
        ),
        of_problems(
            "services",
            refused,
            "Mend the key, the role or the name: see the sentence.",
            f"{len(answers)} let us in",
        ),
        of_problems(
            "clocks",
            clocks.problems(),
            "Have the machine's clock set over the network (NTP).",
            f"{len(clocks.differences()) + 1} agree",
        ),
    ]


async def _ask(settings: Settings) -> dict[str, Answer]:
    """Ask every service at the same time; one that hangs holds up no other."""
    asked = probes(settings)
    with _threads(len(asked)) as threads:
        waiting = {what: asyncio.wrap_future(threads.submit(p)) for what, p in asked.items()}
        if waiting:
            await asyncio.wait(waiting.values(), timeout=PROBE_TIMEOUT)
    late = Answer(problem=f"no answer in {PROBE_TIMEOUT:g} s: does its name resolve?")
    return {what: each.result() if each.done() else late for what, each in waiting.items()}


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    threads = ThreadPoolExecutor(max(1, count), "probe")
    try:
        yield threads
    finally:
        # Not waited for: one may hang in a name service.
        threads.shutdown(wait=False, cancel_futures=True)
