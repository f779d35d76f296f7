"""Tries changes in forks of a process that has collected the tests of all their modules.

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
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from types import CodeType, FunctionType

import pytest

from bench.mutants.changes import ROOT, Change
from bench.mutants.modules import MODULES, QUICK

TESTS = ROOT / "tests"

CAUGHT = 1
"""Exit status of a fork in which a test failed, as of pytest."""

UNNOTICED = 0

NOWHERE = -1

Tell = Callable[[int | None, float], None]
"""Is told the status, None without an end in time, and the seconds of each change."""


class Forks:
    """A plugin of pytest that runs all that was collected once for each change."""

    def __init__(self, changes: Sequence[Change], timeout: float, tell: Tell) -> None:
        self._changes, self._timeout, self._tell = changes, timeout, tell
        self._sound: set[pytest.Item] = set()
        """Tests that pass without a change."""

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
        """Run the tests of each change's module in a fork that has it."""
        by_file: dict[str, list[pytest.Item]] = {}
        for item in session.items:
            by_file.setdefault(str(item.path.relative_to(TESTS)), []).append(item)
        for change in self._changes:
            items = [item for name in MODULES[change.path] for item in by_file.get(name, [])]
            began = time.monotonic()
            status, failed = _tried(change, items, self._timeout)
            seconds = time.monotonic() - began
            if failed is not None:
                self._be_sound(failed)
            self._tell(status, seconds)
        return True

    def _be_sound(self, item: pytest.Item) -> None:
        """See that a test passes without a change: one that fails by itself notices nothing."""
        if item not in self._sound and _tried(None, [item], None)[0] != UNNOTICED:
            raise RuntimeError(f"{item.nodeid} does not pass as it stands")
        self._sound.add(item)


def _tried(
    change: Change | None, items: list[pytest.Item], timeout: float | None
) -> tuple[int | None, pytest.Item | None]:
    """Run tests in a fork; return its status, and the test that failed."""
    context = get_context("fork")
    place = context.Value("i", NOWHERE)
    process = context.Process(target=_fork, args=(change, items, place))
    process.start()
    process.join(timeout)
    if process.is_alive():
        process.kill()
        process.join()
        return None, None
    status = CAUGHT if process.exitcode else UNNOTICED
    return status, None if place.value == NOWHERE else items[place.value]


def try_all(changes: Sequence[Change], timeout: float, tell: Tell) -> None:
    """Collect the tests of these changes' modules, and run each module's against its changes.

    Without a word for the rest once a test fails that also fails without a change.
    """
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=1"]
    options += ["-m", "not server and (not slow or lives)", "-k", QUICK]
    # A life in which a promise breaks leaves coroutines behind, as pytest ends.
    options += ["-W", "ignore::pytest.PytestUnraisableExceptionWarning"]
    tests = [name for change in changes for name in MODULES[change.path]]
    paths = [str(TESTS / name) for name in dict.fromkeys(tests)]
    os.chdir(ROOT)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        pytest.main([*options, *paths], plugins=[Forks(changes, timeout, tell)])


def _fork(change: Change | None, items: list[pytest.Item], place: "Synchronized[int]") -> None:
    try:
        if change is not None:
            give_code(change)
        for number, item in enumerate(items):
            following = items[number + 1] if item is not items[-1] else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if item.session.testsfailed:
                place.value = number
                os._exit(CAUGHT)
    except BaseException:
        # Of a kind that ends pytest, as the time-out of a life does.
        os._exit(CAUGHT)
    # At once: what a changed module has left behind, such as a thread, is not waited for.
    os._exit(UNNOTICED)


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
