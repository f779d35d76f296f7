"""Runs the tests of a module against its changes, each in a process of its own.

The processes are forked from one that has imported the libraries already; no file is written.
"""

import os
import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from bench.changed_module import replace_source
from bench.mutants.changes import ROOT, Mutant, changes
from bench.mutants.modules import MODULES, QUICK

LIBRARIES = ["pytest", "pydantic", "temporalio.testing", "azure.storage.blob", "httpx", "rich"]
"""Imported once for all; nothing of Callvault, which a mutant must import anew."""

CAUGHT = 1
"""Exit status of pytest if a test failed."""

INTERRUPTED = 2
"""Exit status of pytest if a module of tests could not even be imported."""

UNNOTICED = 0

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


def drawn(count: int, seed: int, paths: Iterable[str] = MODULES) -> list[Mutant]:
    """Draw mutants of the deciding modules; the same ones for the same seed and source."""
    everything = [change for path in sorted(paths) for change in changes(path)]
    chosen = random.Random(seed).sample(everything, min(count, len(everything)))
    return [change.mutant() for change in chosen]


def verdicts(mutants: Sequence[Mutant], processes: int, timeout: float) -> Iterator[Verdict]:
    """Yield the verdict on each mutant; ``timeout`` in seconds bounds one mutant's tests."""
    with ThreadPoolExecutor(processes) as pool:
        running = [pool.submit(verdict, mutant, timeout) for mutant in mutants]
        yield from (each.result() for each in as_completed(running))


def verdict(mutant: Mutant, timeout: float, tests: Sequence[str] | None = None) -> Verdict:
    """Run the tests of the mutant's module, or those given, until one fails."""
    chosen = MODULES[mutant.path] if tests is None else tests
    paths = [str(ROOT / "tests" / name) for name in dict.fromkeys(chosen)]
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
    options += ["-m", "not server and (not slow or lives)", "--hypothesis-seed=1", "-k", QUICK]
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        status = pytest.main([*options, *paths])
    # At once: what a changed module has left behind, such as a thread, is not waited for.
    os._exit(_PYTEST_ENDED + int(status))
