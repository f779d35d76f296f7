"""A module that is changed in memory as it is imported: for mutants."""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the changed module in place of the real one."""

    def __init__(self, module: str, file: Path, source: str) -> None:
        self._module, self._file, self._source = module, file, source

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._module:
            return None
        return importlib.util.spec_from_file_location(name, str(self._file), loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, self._file, "exec"), module.__dict__)


def replace_source(module: str, file: Path, source: str) -> None:
    """Give ``module`` this source from now on; it must not be imported yet."""
    sys.meta_path.insert(0, _Finder(module, file, source))
