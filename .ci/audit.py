"""Audit the pinned dependencies for known vulnerabilities: exit status 1 where there are any.

Where the advisory service (OSV) cannot be asked, nothing is known: that is said, and passes, for a
check must work without a network. Once it has answered, every failure is one.
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
    given = arguments.parse_args()
    if problem := why_not(given.osv_url):
        print(f"not audited: advisory service unreachable ({problem})", file=sys.stderr)  # noqa: T201
        return 0
    return audit(given.osv_url, given.requirement)


if __name__ == "__main__":
    sys.exit(main())
