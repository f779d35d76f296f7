"""The result of one check of `callvault doctor`."""

from typing import NamedTuple


class CheckResult(NamedTuple):
    """The result of one check."""

    name: str
    is_ok: bool
    found: str
    fix: str = ""
    """A sentence that says what to do; empty where nothing is amiss."""


def of_problems(name: str, problems: dict[str, str], fix: str, otherwise: str) -> CheckResult:
    """Return the result of a check that names each problem; ``otherwise`` is said of none."""
    if not problems:
        return CheckResult(name, True, otherwise)
    found = "; ".join(f"{what}: {problem}" for what, problem in sorted(problems.items()))
    return CheckResult(name, False, found, fix)
