"""A worker whose code is changed in memory: another version of Callvault.

    python -m bench.deploys.version another-order worker

Runs the role as `callvault` does. Production code has no such switch.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.changed_module import replace_source

ROOT = Path(__file__).parents[2]


class Change(NamedTuple):
    """A text of a file, and what stands there in the other version."""

    file: str
    before: str
    after: str


CHANGES: dict[str, tuple[Change, ...]] = {
    # No history of the code as it is replays with this: it begins with another command, and what
    # falls due at the same moment is done in another order.
    "another-order": (
        Change(
            "workflows/recording.py",
            "        await self._through_cancellation(self._begin(request))\n",
            "        await workflow.sleep(0.001)\n"
            "        await self._through_cancellation(self._begin(request))\n",
        ),
        Change("workflows/loops/loop.py", "for loop in loops:\n", "for loop in reversed(loops):\n"),
    ),
    # Open calls move to the current version with their next task, and replay there.
    "auto-upgrade": (
        Change(
            "workers/registry.py", "VersioningBehavior.PINNED", "VersioningBehavior.AUTO_UPGRADE"
        ),
    ),
}


def apply(names: Sequence[str]) -> None:
    """Change the code of these names, before it is imported."""
    for change in (change for name in names for change in CHANGES[name]):
        file = ROOT / change.file
        source = file.read_text(encoding="utf-8")
        if source.count(change.before) != 1:
            raise ValueError(
                f"{change.file} does not have this text once: {change.before.strip()!r}."
                " Change bench/deploys/version.py along with it"
            )
        module = change.file.removesuffix(".py").replace("/", ".")
        replace_source(module, file, source.replace(change.before, change.after))


def main(changes: str, *command: str) -> None:
    """Apply changes, separated by commas, then run the role."""
    apply([name for name in changes.split(",") if name])
    from callvault.cli import main as callvault

    sys.argv = ["callvault", *command]
    callvault.main()


if __name__ == "__main__":
    main(*sys.argv[1:])
