"""An operator who backs data up and restores them, as docs/operations.md says, and keeps events."""

import asyncio
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from callvault.local.processes import Process, Supervisor
from callvault.local.stack import CALLBACK_URL, CALLVAULT, Stack, start_stack
from callvault.local.temporal import start_temporal


@dataclass
class Operator:
    """A stack whose Temporal and archive lie on disk, and what an operator does to it."""

    supervisor: Supervisor
    home: Path
    stack: Stack
    saved: list[dict[str, Any]]
    """Copies of all events, as a second event subscription brings them."""

    @property
    def archive(self) -> Path:
        return self.home / "archive"

    @property
    def database(self) -> Path:
        return self.home / "temporal.db"

    async def callvault(self, *words: str, **environment: str) -> tuple[int | None, str]:
        """Run a command of the stack; return its exit status and all that it said."""
        process = await asyncio.create_subprocess_exec(
            *CALLVAULT,
            *words,
            env=os.environ | dict(self.stack.environment) | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, said.decode()

    async def deliver(self, *options: str, documents: set[str]) -> tuple[int | None, str]:
        """Deliver the saved events that name some documents."""
        file = self.home / "saved-events.json"
        file.write_text(json.dumps([each for each in self.saved if _documents(each) & documents]))
        return await self.callvault("events", "deliver", *options, str(file))

    def back_up(self, name: str) -> Path:
        folder = self.home / name
        folder.mkdir()
        with (
            closing(sqlite3.connect(self.database)) as source,
            closing(sqlite3.connect(folder / "temporal.db")) as copy,
        ):
            source.backup(copy)
        shutil.copytree(self.archive, folder / "archive")
        return folder

    def stop_roles(self) -> None:
        for name in ("gateway", "worker"):
            _named(self.supervisor, name).stop()

    def start_roles(self) -> None:
        port = self.stack.gateway.rpartition(":")[2]
        environment = {
            **self.stack.environment,
            CALLBACK_URL: self.stack.gateway,
            "CALLVAULT_GATEWAY__PORT": port,
        }
        for role in ("gateway", "worker"):
            process = self.supervisor.start(
                f"{role}-again", [*CALLVAULT, role], environment=environment
            )
            key = "endpoint" if role == "gateway" else "ready"
            process.wait_for(lambda process=process, key=key: process.announcement(key))

    def restore_archive(self, backup: Path) -> None:
        shutil.rmtree(self.archive)
        shutil.copytree(backup / "archive", self.archive)

    def restore_temporal(self, backup: Path) -> None:
        _named(self.supervisor, "temporal").stop()
        for suffix in ("-wal", "-shm"):
            self.database.with_name(self.database.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(backup / "temporal.db", self.database)
        port = int(self.stack.temporal.address.rpartition(":")[2])
        start_temporal(
            self.supervisor, database=self.database, port=port, ui=False, name="temporal-again"
        )


@contextmanager
def operated(home: Path) -> Iterator[Operator]:
    """Run a stack on disk, with a second subscription that saves every event."""
    saved: list[dict[str, Any]] = []
    with Supervisor(home / "logs") as supervisor, _saving(saved) as url:
        stack = start_stack(
            supervisor, home, archive=home / "archive", database=home / "temporal.db"
        )
        wanted = {"endpoint": url, "includedEventTypes": []}
        httpx.post(
            f"{stack.emulator.control}/subscriptions", json=wanted, trust_env=False
        ).raise_for_status()
        yield Operator(supervisor, home, stack, saved)


@contextmanager
def _saving(saved: list[dict[str, Any]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            events = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = {}
            for event in events:
                if event["eventType"].endswith("SubscriptionValidationEvent"):
                    answer = {"validationResponse": event["data"]["validationCode"]}
                else:
                    saved.append(event)
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _documents(event: dict[str, Any]) -> set[str]:
    info = event["data"].get("recordingStorageInfo", {})
    return {chunk["documentId"] for chunk in info.get("recordingChunks", [])}


def _named(supervisor: Supervisor, name: str) -> Process:
    return next(each for each in supervisor.processes if each.name == name)
