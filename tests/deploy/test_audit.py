"""Does the audit fail on a known vulnerability, and say so where it could not ask?"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PINNED = "\n".join(f"{name}==1.0 --hash=sha256:{'0' * 64}" for name in ("harmless", "holey"))


class Advisories(ThreadingHTTPServer):
    """Speaks as OSV does; knows of a hole in ``holey``, if it knows of any."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.holes: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1/query"

    def about(self, package: str) -> object:
        if package not in self.holes:
            return {}
        ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}]
        affected = [{"package": {"name": package, "ecosystem": "PyPI"}, "ranges": ranges}]
        about = {"id": "PYSEC-2026-1", "summary": "a hole", "affected": affected}
        known = {"published": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z"}
        return {"vulns": [about | known]}


class _Handler(BaseHTTPRequestHandler):
    server: Advisories

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(json.dumps(self.server.about(asked["package"]["name"])).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def advisories() -> Iterator[Advisories]:
    with Advisories() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def audited(root: Path, folder: Path, url: str, *options: str) -> tuple[int, str]:
    pinned = folder / "pinned.txt"
    pinned.write_text(PINNED)
    command = [sys.executable, str(root / ".ci" / "audit.py"), "--osv-url", url, *options]
    done = subprocess.run(
        [*command, "--requirement", str(pinned)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("options", [(), ("--may-be-offline",)])
def test_a_known_vulnerability_fails_the_audit(
    advisories: Advisories, root: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    advisories.holes = ("holey",)
    status, said = audited(root, tmp_path, advisories.url, *options)
    assert status == 1
    assert "PYSEC-2026-1" in said
    assert "holey" in said


def test_where_none_is_known_the_audit_passes(
    advisories: Advisories, root: Path, tmp_path: Path
) -> None:
    status, said = audited(root, tmp_path, advisories.url)
    assert (status, "not audited" in said.lower()) == (0, False), said


def test_c7_where_nobody_can_be_asked_it_fails_unless_it_may_be_offline(
    advisories: Advisories, root: Path, tmp_path: Path
) -> None:
    advisories.status = 403
    for url in ("http://127.0.0.1:9/", advisories.url):
        for options, expected in (((), 1), (("--may-be-offline",), 0)):
            status, said = audited(root, tmp_path, url, *options)
            assert status == expected, said
            assert "NOT AUDITED: advisory service unreachable" in said


def test_c7_only_make_check_may_be_offline(root: Path) -> None:
    """`make audit` by itself is asked by somebody who wants to know."""
    recipes = (root / "Makefile").read_text().split("\n\n")
    offline = [each for each in recipes if "audit.py --may-be-offline" in each]
    assert len(offline) == 1
    assert "\ncheck:" in offline[0]
