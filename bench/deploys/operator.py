"""The operator of a deploy: the commands of `deploy/README.md`, as they are written there."""

import asyncio
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from callvault.local.temporal import temporal_binary

DEPLOYMENT = "callvault"

RAMP = (
    "temporal worker deployment set-ramping-version --deployment-name callvault"
    " --build-id {build} --percentage {percentage} --yes"
)
ROLL_BACK = (
    "temporal worker deployment set-ramping-version --deployment-name callvault"
    " --build-id {build} --delete --yes"
)
CURRENT = (
    "temporal worker deployment set-current-version --deployment-name callvault"
    " --build-id {build} --yes"
)
HAND_OVER = (
    "temporal workflow signal --name hand_over --rps 10 --reason deploy --yes"
    " --query \"ExecutionStatus = 'Running'"
    " AND WorkflowType IN ('RecordingWorkflow', 'AlarmGroupWorkflow')"
    " AND TemporalWorkerDeploymentVersion = 'callvault:{build}'\""
)
FORCE = (
    "temporal workflow update-options --versioning-override-behavior auto_upgrade --yes"
    " --query \"ExecutionStatus = 'Running'"
    " AND TemporalWorkerDeploymentVersion = 'callvault:{build}'\""
)

COMMANDS = (RAMP, ROLL_BACK, CURRENT, HAND_OVER, FORCE)

PATIENCE = 60.0
"""Seconds until the workers of a new version are known to the server."""


@dataclass(frozen=True)
class Operator:
    """Sends commands to one server, which the environment names."""

    environment: Mapping[str, str]

    async def ramp(self, build: str, percentage: int) -> None:
        """Let a version have a share of the calls."""
        await self._until_it_works(RAMP.format(build=build, percentage=percentage))

    async def roll_back(self, build: str) -> None:
        """Let a version that was ramping have no call any more."""
        await self._until_it_works(ROLL_BACK.format(build=build))

    async def make_current(self, build: str) -> None:
        """Let a version have all calls."""
        await self._until_it_works(CURRENT.format(build=build))

    async def hand_over(self, build: str) -> None:
        """Have the open calls on a version wake up: those that are to leave it hand over."""
        await self._until_it_works(HAND_OVER.format(build=build))

    async def move_by_force(self, build: str) -> None:
        """Let the current version replay what is left on a version without workers."""
        await self._until_it_works(FORCE.format(build=build))

    async def _until_it_works(self, command: str) -> None:
        """Repeat a command until the server takes it: it may not know the version's workers yet."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while (said := await self._says(command)) is not None:
            if loop.time() > end:
                raise TimeoutError(f"`{command}` failed for {PATIENCE:g} s: {said}")
            await asyncio.sleep(0.3)

    async def _says(self, command: str) -> str | None:
        """Run a command; None if it succeeds, else what it says."""
        _, *words = shlex.split(command)
        process = await asyncio.create_subprocess_exec(
            temporal_binary(),
            *words,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return output.decode(errors="replace").strip() if process.returncode else None
