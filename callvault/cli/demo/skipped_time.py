"""The stage of `callvault demo --skip`: hours pass in seconds while ACS refuses a file."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import httpx
from rich.console import Console
from rich.text import Text
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from callvault.cli.demo.call import Call
from callvault.cli.demo.play import explain_delay, verify, workflow_url
from callvault.cli.demo.scenarios.scenario import PlayedCall, Scenario
from callvault.cli.terminal import line
from callvault.config.settings import load_settings
from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.results import CallResult
from callvault.contracts.states import RecordingState
from callvault.contracts.status import CallStatus
from callvault.local.processes import Supervisor
from callvault.local.stack import Stack
from callvault.local.stack_settings import RESOURCE
from callvault.local.time_skipping import MAX_SKIPS
from callvault.temporal.client import connect

STEPS = 24
"""Steps in which the time passes: of two hours each, if there are 48."""

STEP_INTERVAL = 0.5
"""Seconds of real time from one step to the next, so that eyes can follow."""

TIMEOUT = 60.0
"""Seconds of real time for a step, which takes less than one, and for whatever comes behind."""

_STYLES = {"warning": "yellow", "error": "red", "critical": "bold red"}


class SkippedTime:
    """The time of one call, which passes at once, and what was seen of the call meanwhile."""

    def __init__(self, client: Client, call: Call, console: Console) -> None:
        self._skipper = TimeSkipper(
            client, config=TimeSkippingConfig(max_session_skip_count=MAX_SKIPS)
        )
        self._handle: WorkflowHandle[Any, CallResult] = client.get_workflow_handle(
            call.workflow_id, result_type=CallResult
        )
        self._console = console
        self._told = 0
        self._goes_on = True

    async def status(self) -> CallStatus:
        """Ask the workflow for the status of the call."""
        status: CallStatus = await self._handle.query(names.STATUS, result_type=CallStatus)
        return status

    async def is_announced(self) -> datetime | None:
        """Wait, in real time, until a file is announced; return when it may be deleted."""
        async with asyncio.timeout(TIMEOUT):
            while not (recording := (await self.status()).recordings[-1]).chunks:  # noqa: ASYNC110
                await asyncio.sleep(STEP_INTERVAL)
        return recording.expires_at

    async def passes(self, duration: timedelta) -> AsyncIterator[None]:
        """Let the time pass in steps, or until the call is over, and tell each alarm."""
        for _ in range(STEPS):
            if self._goes_on:
                async with asyncio.timeout(TIMEOUT):
                    self._goes_on = await self._skipper.fast_forward(self._handle, duration / STEPS)
                await self._tell()
                yield
                await asyncio.sleep(STEP_INTERVAL)

    async def passes_until_the_end(self) -> CallResult:
        """Let the time pass that the call still needs; return its result."""
        async with asyncio.timeout(TIMEOUT):
            if self._goes_on:
                await self._skipper.fast_forward(self._handle)
            result = await self._handle.result()
        await self._tell()
        return result

    async def _tell(self) -> None:
        alarms = [record.alarm for record in (await self.status()).alarms]
        for alarm in alarms[self._told :]:
            what = (alarm.severity, _STYLES.get(alarm.severity, ""))
            at = f"  {alarm.at:%Y-%m-%d %H:%M} "
            self._console.print(line(at, what, f" {alarm.kind}: {alarm.what}"), soft_wrap=True)
        self._told = len(alarms)


async def pass_time(
    stack: Stack, supervisor: Supervisor, console: Console, duration: timedelta, *, is_watched: bool
) -> bool:
    """Play a call and let the time pass while ACS refuses its file; True if all came as it must.

    If the export window is longer than ``duration``, ACS recovers then, and the file is archived;
    else it is lost. A person who watches presses Enter before the time passes, and afterwards.
    """
    settings = load_settings()
    is_lost = duration >= settings.resource(RESOURCE).export_window
    client = await connect(settings)
    async with httpx.AsyncClient(trust_env=False, timeout=35) as http:
        call = Call(stack, http)
        try:
            time = await _until_announced(call, client, console)
            _press_enter(console, "Press Enter, and the time passes.", is_watched=is_watched)
            async for _ in time.passes(duration):
                supervisor.check()
            result = await _end(call, time, console, is_lost=is_lost)
        except TimeoutError:
            explain_delay(supervisor, console)
            return False
        played = PlayedCall(call, result, await time.status(), await call.truth(), [])
    is_right = _verify_loss(played, console) if is_lost else _verify_archived(played, console)
    _show_page(call, console)
    _press_enter(console, "Press Enter, and everything is stopped.", is_watched=is_watched)
    return is_right


async def _until_announced(call: Call, client: Client, console: Console) -> SkippedTime:
    await call.begins("Ana (customer)", "Ben (agent)")
    await call.is_to_be_recorded()
    await call.becomes("active")
    _say(console, "Ana and Ben are in a call, which is recorded")
    await call.speaks("Ana (customer)", 2.0)
    await call.acs_fails("unavailable", "download")
    _say(console, "ACS answers 503 to everybody who wants a file")
    await call.asks("stop", "conversation over")
    await call.ends()
    time = SkippedTime(client, call, console)
    until = await time.is_announced()
    _say(console, f"the file is announced; ACS may delete it at {until:%Y-%m-%d %H:%M} UTC")
    _show_page(call, console)
    return time


async def _end(call: Call, time: SkippedTime, console: Console, *, is_lost: bool) -> CallResult:
    if not is_lost:
        await call.acs_recovers()
        _say(console, "ACS is back: the next attempt gets the file")
    return await time.passes_until_the_end()


def _verify_archived(played: PlayedCall, console: Console) -> bool:
    return verify(Scenario(_no_story), played, console) and _became_urgent(played)


def _verify_loss(played: PlayedCall, console: Console) -> bool:
    """Return True if the loss was told, after alarms that became more urgent."""
    reasons = [c.lost_reason for r in played.result.recordings for c in r.chunks if c.lost_reason]
    for reason in reasons:
        console.print(line(f"  lost       {reason}"), soft_wrap=True)
    kinds = [alarm.kind for alarm in played.alarms]
    is_right = (
        played.result.outcome is RecordingState.LOST
        and bool(reasons)
        and AlarmKind.EXPORT_LATE in kinds
        and kinds[-1] is AlarmKind.LOST
        and _became_urgent(played)
    )
    console.print(
        Text("Lost, as ACS never gave it: said early, often, and in the end.", "bold yellow")
        if is_right
        else Text(f"NOT as it must be: the outcome is {played.result.outcome}.", "bold red")
    )
    return is_right


def _became_urgent(played: PlayedCall) -> bool:
    """Return True if each alarm for lateness was at least as urgent as the one before."""
    late = [alarm for alarm in played.alarms if alarm.kind is AlarmKind.EXPORT_LATE]
    urgencies = [list(_STYLES).index(alarm.severity) for alarm in late]
    return urgencies == sorted(urgencies)


async def _no_story(_call: Call, _say: Any) -> None:
    """Do nothing: the call was played before."""


def _say(console: Console, what: str) -> None:
    console.print(line(f"  • {what}"))


def _show_page(call: Call, console: Console) -> None:
    console.print(line("Its page in the Web UI: ", workflow_url(call)), soft_wrap=True)


def _press_enter(console: Console, why: str, *, is_watched: bool) -> None:
    if is_watched:
        with suppress(EOFError):  # Ctrl-D is as good
            console.input(line((why, "bold")))
