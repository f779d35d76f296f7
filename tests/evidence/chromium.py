"""A real headless Chromium, driven over its debugging pipe: no port, no driver, no download."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str:
    """Return the browser's command; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip(f"there is no {_NAMES[0]} on this machine: install it to look at the page")
    return found


class Page:
    """A page that the browser has loaded, and what it said meanwhile."""

    def __init__(self, asked: int, answers: int, url: str) -> None:
        self._asked = os.fdopen(asked, "wb")
        self._answers = os.fdopen(answers, "rb")
        self._read_ahead: list[bytes] = []
        self._begun: list[bytes] = []
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime", "Accessibility"):
            self.ask(f"{domain}.enable")
        self.ask("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._read()

    def ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": arguments}
        if self._session:
            message["sessionId"] = self._session
        self._asked.write(json.dumps(message).encode() + b"\0")
        self._asked.flush()
        while (answer := self._read()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return dict(answer["result"])

    def value(self, expression: str) -> Any:
        """Compute an expression in the page; the page itself may run nothing."""
        told = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def requested(self) -> list[str]:
        """Return the addresses that the page has asked for, without those its policy refused."""
        told = [(event["method"], event["params"]) for event in self.events]
        refused = {
            said["requestId"]
            for method, said in told
            if method == "Network.loadingFailed" and said.get("blockedReason") == "csp"
        }
        return [
            said["request"]["url"]
            for method, said in told
            if method == "Network.requestWillBeSent" and said["requestId"] not in refused
        ]

    def complaints(self) -> list[str]:
        """Return what the browser complained of: what the policy refused, scripts, dialogs."""
        told = ("Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening")
        return [json.dumps(event["params"]) for event in self.events if event["method"] in told]

    def accessible(self) -> list[tuple[str, str]]:
        """Return role and name of everything that a screen reader tells."""
        nodes = self.ask("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node.get("ignored")
        ]

    def close(self) -> None:
        self._session = None
        self.ask("Browser.close")
        self._asked.close()
        self._answers.close()

    def _read(self) -> dict[str, Any]:
        while not self._read_ahead:
            self._fill()
        found: dict[str, Any] = json.loads(self._read_ahead.pop(0))
        if "method" in found:
            self.events.append(found)
        return found

    def _fill(self) -> None:
        piece = os.read(self._answers.fileno(), 1024**2)
        assert piece, "the browser has ended"
        first, *others = piece.split(b"\0")
        self._begun.append(first)
        for other in others:
            self._read_ahead.append(b"".join(self._begun))
            self._begun = [other]


@contextmanager
def opened(file: Path, profile: Path) -> Iterator[Page]:
    """Open a file in a browser of its own."""
    to_browser, asked = os.pipe()
    answers, from_browser = os.pipe()

    def as_3_and_4() -> None:
        # first out of the way, for either may be 3 or 4 itself
        one, two = os.dup(to_browser), os.dup(from_browser)
        os.dup2(one, 3)
        os.dup2(two, 4)

    browser = subprocess.Popen(
        [
            chromium(),
            "--headless",
            "--no-sandbox",  # root in a container has no other way
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            f"--user-data-dir={profile}",
            "--remote-debugging-pipe",
        ],
        preexec_fn=as_3_and_4,
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser)
    os.close(from_browser)
    page = Page(asked, answers, file.as_uri())
    try:
        yield page
        page.close()
    finally:
        browser.kill()
        browser.wait()
