"""Audit the pinned dependencies for known vulnerabilities: exit status 1 where there are any.

Where the advisory service (OSV) cannot be asked, nothing is known, and the exit status is 1 too: a
check that was not made has not passed. Only with `--may-be-offline` it passes, and says aloud that
nothing was audited: `make check` must work without a network. Once the service has answered, every
failure is one.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import requests

OSV = "https://api.osv.dev/v1/query"
PINNED = Path(__file__).parents[1] / "requirements" / "dev.txt"
ANSWERS_WITHIN = 5
"""Seconds."""

QUESTION = {"package": {"name": "pip", "ecosystem": "PyPI"}, "version": "1.0"}
"""Any will do: who answers it in JSON is no proxy that only says no."""


def why_not(service: str) -> str | None:
    """Why the service cannot be asked; None where it can."""
    try:
        answer = requests.post(service, json=QUESTION, timeout=ANSWERS_WITHIN)
        answer.raise_for_status()
        answer.json()
    except requests.RequestException as error:
        return type(error).__name__
    return None


def audit(service: str, pinned: Path) -> int:
    """Let pip-audit ask about everything; its exit status."""
    program = [sys.executable, "-m", "pip_audit", "--vulnerability-service", "osv"]
    options = ["--osv-url", service, "--timeout", str(ANSWERS_WITHIN), "--progress-spinner", "off"]
    only_these = ["--strict", "--disable-pip", "--require-hashes", "--requirement", str(pinned)]
    return subprocess.run([*program, *options, *only_these], check=False).returncode  # noqa: S603


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--osv-url", default=OSV)
    arguments.add_argument("--requirement", type=Path, default=PINNED)
    arguments.add_argument(
        "--may-be-offline", action="store_true", help="pass, unaudited, where OSV cannot be asked"
    )
    given = arguments.parse_args()
    if problem := why_not(given.osv_url):
        print(unread(problem, may_be_offline=given.may_be_offline), file=sys.stderr)  # noqa: T201
        return 0 if given.may_be_offline else 1
    return audit(given.osv_url, given.requirement)


def unread(problem: str, *, may_be_offline: bool) -> str:
    """What to say where nothing was audited."""
    said = f"NOT AUDITED: advisory service unreachable ({problem})."
    if not may_be_offline:
        return f"{said} Run it again with a network; --may-be-offline passes without one."
    rule = "*" * 80
    return (
        f"{rule}\n{said}\nNo dependency was checked. This passes only because --may-be-offline"
        f" was given;\nrun `make audit` where there is a network.\n{rule}"
    )


if __name__ == "__main__":
    sys.exit(main())
