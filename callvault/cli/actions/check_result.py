"""The result of one check of `callvault doctor`, and what its checks look at."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from temporalio.client import Client

from callvault.config.settings import Settings
from callvault.errors import CallvaultError

CHECK_TIMEOUT = 30.0
"""Seconds for all blocking checks of a kind together."""

T = TypeVar("T")


@dataclass
class Subject:
    """What is examined."""

    settings: Settings
    client: Client | None = None
    """None where Temporal does not answer."""
    why_no_client: str = ""
    gateway: str | None = None
    """URL of the gateway, where one was given."""


class CheckResult(NamedTuple):
    """The result of one check."""

    name: str
    is_ok: bool
    found: str
    fix: str = ""
    """A sentence that says what to do; empty where nothing is amiss."""


def of_problems(name: str, problems: dict[str, str], fix: str, otherwise: str) -> CheckResult:
    """Return the result of a check that names each problem; ``otherwise`` is said of none."""
    if not problems:
        return CheckResult(name, True, otherwise)
    found = "; ".join(f"{what}: {problem}" for what, problem in sorted(problems.items()))
    return CheckResult(name, False, found, fix)


async def run_blocking(checks: Mapping[str, Callable[[], CheckResult]]) -> list[CheckResult]:
    """Run checks that block, side by side; one that raises, or does not end in time, has failed."""
    ended = await in_threads(checks, CHECK_TIMEOUT)
    return [_result(name, ended.get(name)) for name in checks]


def _result(name: str, ended: CheckResult | CallvaultError | None) -> CheckResult:
    if isinstance(ended, CheckResult):
        return ended
    if ended is None:
        fix = "See if the name resolves, and if a firewall or a proxy swallows the connection."
        return CheckResult(name, False, f"no answer in {CHECK_TIMEOUT:g} s", fix)
    return CheckResult(name, False, str(ended), "Do what the sentence says, then check again.")


async def in_threads(
    works: Mapping[str, Callable[[], T]], seconds: float
) -> dict[str, T | CallvaultError]:
    """Run blocking work side by side; return, by name, what ended in time, or its error."""
    with _threads(len(works)) as threads:
        waiting = {
            what: asyncio.wrap_future(threads.submit(_outcome, work))
            for what, work in works.items()
        }
        if waiting:
            await asyncio.wait(waiting.values(), timeout=seconds)
    return {what: each.result() for what, each in waiting.items() if each.done()}


def _outcome(work: Callable[[], T]) -> T | CallvaultError:
    try:
        return work()
    except CallvaultError as error:
        return error
    except Exception as error:  # one check must not take the others along
        # Without its text, which may quote a secret.
        return CallvaultError(f"an error of Callvault's own: {type(error).__name__}")


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    threads = ThreadPoolExecutor(max(1, count), "check")
    try:
        yield threads
    finally:
        # Not waited for: one may hang in a name service.
        threads.shutdown(wait=False, cancel_futures=True)
