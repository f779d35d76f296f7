"""Runs a module's tests against its changes, each in a fork of a process that has collected them.

Collecting takes seconds, and most changes are noticed within one. A fork gives the changed code to
the functions that are there already: so nothing is imported anew, and no file is written.
"""

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing import get_context
from pathlib import Path
from types import CodeType, FunctionType

import pytest

from bench.mutants.changes import ROOT, Change
from bench.mutants.modules import QUICK

CAUGHT = 1
"""Exit status of a fork in which a test failed, as of pytest."""

UNNOTICED = 0

Tell = Callable[[int | None, float], None]
"""Is told the status, None without an end in time, and the seconds of each change."""


class Forks:
    """A plugin of pytest that runs all that was collected once for each change."""

    def __init__(self, changes: Sequence[Change], tests: Sequence[str], timeout: float, tell: Tell):
        self._changes, self._tests = changes, tests
        self._timeout, self._tell = timeout, tell

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Have hypothesis end with the first example that fails, before a test is imported."""
        # Here: pytest warns of plugins that are imported before it.
        from hypothesis import Phase, settings

        settings.register_profile(
            "mutants",
            settings.get_profile("tests"),
            # Nobody reads the shortest example, and what failed is no example for others.
            phases=(Phase.explicit, Phase.generate),
            database=None,
        )
        settings.load_profile("mutants")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try the unchanged module first: tests that fail by themselves notice nothing."""
        items = sorted(session.items, key=self._place)
        if not items or session.testsfailed or self._status_of(None, items) != UNNOTICED:
            raise RuntimeError(f"the tests of {self._changes[0].path} do not pass as they stand")
        for change in self._changes:
            began = time.monotonic()
            self._tell(self._status_of(change, items), time.monotonic() - began)
        return True

    def _place(self, item: pytest.Item) -> int:
        return self._tests.index(str(item.path.relative_to(ROOT / "tests")))

    def _status_of(self, change: Change | None, items: list[pytest.Item]) -> int | None:
        process = get_context("fork").Process(target=_fork, args=(change, items))
        process.start()
        process.join(self._timeout)
        if not process.is_alive():
            return CAUGHT if process.exitcode else UNNOTICED
        process.kill()
        process.join()
        return None


def try_all(changes: Sequence[Change], tests: Sequence[str], timeout: float, tell: Tell) -> int:
    """Collect the tests, run them against each change, and return pytest's exit status."""
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=1"]
    options += ["-m", "not server and (not slow or lives)", "-k", QUICK]
    # A life in which a promise breaks leaves coroutines behind, as pytest ends.
    options += ["-W", "ignore::pytest.PytestUnraisableExceptionWarning"]
    paths = [str(ROOT / "tests" / name) for name in tests]
    os.chdir(ROOT)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        return pytest.main([*options, *paths], plugins=[Forks(changes, tests, timeout, tell)])


def _fork(change: Change | None, items: list[pytest.Item]) -> None:
    try:
        if change is not None:
            give_code(change)
        failed = any(map(_fails, items, [*items[1:], None]))
    except BaseException:
        # Of a kind that ends pytest, as the time-out of a life does.
        failed = True
    # At once: what a changed module has left behind, such as a thread, is not waited for.
    os._exit(CAUGHT if failed else UNNOTICED)


def _fails(item: pytest.Item, following: pytest.Item | None) -> bool:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    return bool(item.session.testsfailed)


def give_code(change: Change) -> None:
    """Give the changed code to every function of the module, wherever it was imported to."""
    module = sys.modules[change.module]
    changed = {_key(code): code for code in _codes(change.code())}
    for function in gc.get_objects():
        if isinstance(function, FunctionType) and function.__globals__ is module.__dict__:
            function.__code__ = changed.get(_key(function.__code__), function.__code__)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _key(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno
