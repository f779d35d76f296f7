"""What a scenario of the demo is: a story that is played, and what its media must prove."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from callvault.cli.script import Call, Say
from callvault.contracts.status import CallResult


@dataclass(frozen=True)
class Kept:
    """A call that was played to its end."""

    call: Call
    result: CallResult
    truth: dict[str, Any]
    """What the emulator recorded."""
    media: Sequence[bytes]
    """The archived media files, read back."""


def nothing_more(_kept: Kept, _console: Console) -> bool:
    """Every scenario proves that all bytes were kept; this one has nothing to add."""
    return True


@dataclass(frozen=True)
class Scenario:
    """One story, with its proof."""

    story: Callable[[Call, Say], Awaitable[None]]
    proof: Callable[[Kept, Console], bool] = nothing_more
    """Beyond every byte: prints what it finds, and whether that is as it must be."""
