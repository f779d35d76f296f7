"""A scenario of the demo: a story that is played, and the proof its media must give."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from callvault.cli.demo.call import Call, Say
from callvault.contracts.alarms import Alarm
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus


@dataclass(frozen=True)
class PlayedCall:
    """A call that was played to its end."""

    call: Call
    result: CallResult
    status: CallStatus
    truth: dict[str, Any]
    """The emulator's own account of what it recorded."""
    media: list[bytes]
    """The archived media files, read back."""

    @property
    def alarms(self) -> list[Alarm]:
        """Every alarm that was raised."""
        return [record.alarm for record in self.status.alarms]

    @property
    def findings(self) -> list[str]:
        """Every finding in the manifests."""
        return [f for r in self.status.recordings if r.sealed for f in r.sealed.findings]


def nothing_more(_played: PlayedCall, _console: Console) -> bool:
    """Return True: the proof of all bytes, which every scenario has, is enough for this one."""
    return True


@dataclass(frozen=True)
class Scenario:
    """One story, with its proof."""

    story: Callable[[Call, Say], Awaitable[None]]
    verify: Callable[[PlayedCall, Console], bool] = nothing_more
    """A check beyond the bytes: prints its findings and returns True if they are right."""
    is_flawless: bool = True
    """True if the manifest must have no findings."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Variables for the gateway and the worker."""
