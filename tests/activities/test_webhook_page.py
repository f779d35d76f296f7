"""The receiver of `docs/webhooks.md` is what a reader would copy; it runs as it stands."""

import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from activities.recording_events import ping, recording_event
from activities.webhooks import Webhook
from callvault.contracts.recording_events import EventKind
from callvault.errors import AccessDenied
from callvault.local.temporal import free_ports

from .test_recording_events import EVENT, NEW, OLD

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()


class Page:
    """The receiver of the page, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        [code] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
        (folder / "receiver.py").write_text(code)
        [self.port] = free_ports(1)
        self.database = folder / "recordings.db"
        own = {"WEBHOOK_SECRET": OLD, "DATABASE": str(self.database), "PORT": str(self.port)}
        self.process = subprocess.Popen(
            [sys.executable, folder / "receiver.py"], env=os.environ | own
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.05)

    def post(self, event: dict[str, Any], secret: str) -> int:
        url = f"http://127.0.0.1:{self.port}/hooks"
        webhook = Webhook(lambda: url, lambda: [secret], httpx.Client(trust_env=False))
        return webhook.post(event, event["id"], timeout=10)

    def kept(self) -> list[tuple[str, int]]:
        with sqlite3.connect(self.database) as database:
            return database.execute("SELECT kind, is_final FROM recordings").fetchall()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    page = Page(tmp_path)
    yield page
    page.process.kill()
    page.process.wait()


def test_the_receiver_of_the_page_keeps_the_newest_word_however_often_it_comes(page: Page) -> None:
    started = EVENT.model_copy(
        update={
            "id": "recording-1/started/1",
            "kind": EventKind.STARTED,
            "is_final": False,
            "sequence": "20260302T110000.000000Z",
        }
    )
    for event in (EVENT, started, EVENT):
        assert page.post(recording_event(event), OLD) == 204
    assert page.post(ping("default", "ping-1", EVENT.at), OLD) == 204
    assert page.kept() == [("archived", 1)]


def test_the_receiver_of_the_page_takes_nothing_that_is_signed_by_another(page: Page) -> None:
    with pytest.raises(AccessDenied):
        page.post(recording_event(EVENT), NEW)
    assert page.kept() == []
