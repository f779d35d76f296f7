"""What a scenario of the demo is: a story that is played, and what its media must prove."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from callvault.cli.demo.call import Call, Say
from callvault.contracts.alarms import Alarm
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus


@dataclass(frozen=True)
class Kept:
    """A call that was played to its end."""

    call: Call
    result: CallResult
    status: CallStatus
    truth: dict[str, Any]
    """What the emulator recorded."""
    media: list[bytes]
    """The archived media files, read back."""

    @property
    def alarms(self) -> list[Alarm]:
        """Everything that somebody was told of."""
        return [record.alarm for record in self.status.alarms]

    @property
    def findings(self) -> list[str]:
        """Everything that the manifests say is amiss."""
        return [f for r in self.status.recordings if r.sealed for f in r.sealed.findings]


def nothing_more(_kept: Kept, _console: Console) -> bool:
    """Every scenario proves that all bytes were kept; this one has nothing to add."""
    return True


@dataclass(frozen=True)
class Scenario:
    """One story, with its proof."""

    story: Callable[[Call, Say], Awaitable[None]]
    proof: Callable[[Kept, Console], bool] = nothing_more
    """Beyond every byte: prints what it finds, and whether that is as it must be."""
    is_flawless: bool = True
    """Whether the manifest must find nothing amiss."""
