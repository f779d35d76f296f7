"""Draws changes of the deciding modules, and has the tests of each module run against them.

Each process tries its share of the changes (`forks.py`). A mutant with a source of its own, which
the draw does not know, is imported in place of its module by a process for itself.
"""

import os
import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

from bench.changed_module import replace_source
from bench.mutants.changes import ROOT, Change, Mutant, changes
from bench.mutants.forks import CAUGHT, UNNOTICED, try_all
from bench.mutants.modules import MODULES

LIBRARIES = ["pytest", "pydantic", "temporalio.testing", "azure.storage.blob", "httpx", "rich"]
"""Imported once for all; nothing of Callvault, which a mutant must import anew."""

INTERRUPTED = 2
"""Exit status of pytest if a module of tests could not even be imported."""

_PYTEST_ENDED = 100
"""Added to pytest's status: a process that fails by itself ends with 1, as does a failed test."""


@dataclass(frozen=True)
class Verdict:
    """The end of a mutant: noticed or not, and how long that took."""

    mutant: Mutant
    status: int | None
    """Exit status of pytest; None if the tests did not end in time."""
    seconds: float

    @property
    def is_caught(self) -> bool:
        """True if a test failed, or did not end: a loop without end is noticed by whoever waits."""
        return self.status in (CAUGHT, INTERRUPTED, None)

    def __str__(self) -> str:
        said = {None: "no end", UNNOTICED: "SURVIVES", CAUGHT: "caught", INTERRUPTED: "caught"}
        return f"{said[self.status]:9}{self.seconds:4.0f} s  {self.mutant}"


def drawn(count: int, seed: int, paths: Iterable[str] = MODULES) -> list[Change]:
    """Draw changes of the deciding modules; the same ones for the same seed and source."""
    everything = [change for path in sorted(paths) for change in changes(path)]
    return random.Random(seed).sample(everything, min(count, len(everything)))


def verdicts(drawn: Sequence[Change], processes: int, timeout: float) -> Iterator[Verdict]:
    """Yield the verdict on each change; ``timeout`` in seconds bounds one change's tests."""
    told: SimpleQueue[Verdict | Exception] = SimpleQueue()
    # Those of a module together: it is collected by as few processes as can be.
    ordered = sorted(drawn, key=lambda change: change.path)
    share = -(-len(ordered) // processes) or 1
    with ThreadPoolExecutor(processes) as pool:
        for first in range(0, len(ordered), share):
            pool.submit(_try_some, ordered[first : first + share], timeout, told)
        for _ in ordered:
            if isinstance(verdict := told.get(), Exception):
                raise verdict
            yield verdict


def _try_some(
    chosen: list[Change], timeout: float, told: "SimpleQueue[Verdict | Exception]"
) -> None:
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tried, args=(chosen, timeout, theirs))
    process.start()
    theirs.close()
    try:
        for change in chosen:
            status, seconds = ours.recv()
            told.put(Verdict(change.mutant(), status, seconds))
    except EOFError:
        tests = sorted({name for change in chosen for name in MODULES[change.path]})
        told.put(RuntimeError(f"tests do not pass as they stand: run pytest {' '.join(tests)}"))
    process.join()


def _tried(chosen: list[Change], timeout: float, told: Connection) -> None:
    """Try changes in a process of its own, and tell of each."""
    try_all(chosen, timeout, lambda *said: told.send(said))


def verdict(mutant: Mutant, timeout: float, tests: Sequence[str]) -> Verdict:
    """Run the tests against one mutant in a process of its own, until one fails."""
    paths = [str(ROOT / "tests" / name) for name in tests]
    began = time.monotonic()
    status = _status_of(mutant, paths, timeout)
    if status is not None and status not in (UNNOTICED, CAUGHT, INTERRUPTED):
        raise RuntimeError(f"pytest ended with {status} for {mutant}: see that {paths} can be run")
    return Verdict(mutant, status, time.monotonic() - began)


def _status_of(mutant: Mutant, paths: list[str], timeout: float) -> int | None:
    context = get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    process = context.Process(target=_test, args=(mutant, paths), daemon=True)
    process.start()
    process.join(timeout)
    if process.is_alive():
        process.kill()
        process.join()
        return None
    return (process.exitcode or 0) - _PYTEST_ENDED


def _test(mutant: Mutant, paths: list[str]) -> None:
    """Run pytest with the changed module, silently, and end the process with its status."""
    import pytest

    if mutant.module in sys.modules:
        raise RuntimeError(f"{mutant.module} is imported before it is changed")
    replace_source(mutant.module, ROOT / mutant.path, mutant.source)
    os.chdir(ROOT)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    # A life in which a promise breaks leaves coroutines behind, as pytest ends.
    options += ["-W", "ignore::pytest.PytestUnraisableExceptionWarning"]
    options += ["-m", "not server and (not slow or lives)", "--hypothesis-seed=1"]
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        status = pytest.main([*options, *paths])
    # At once: what a changed module has left behind, such as a thread, is not waited for.
    os._exit(_PYTEST_ENDED + int(status))
