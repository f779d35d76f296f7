"""Helpers for scenarios: a signing client, and calls played through the control API."""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from callvault.emulator.server import RunningEmulator
from tests.emulator.signing import signed_headers

API = "api-version=2026-03-12"


class Acs:
    """A client that signs as an ACS client does."""

    def __init__(self, emulator: RunningEmulator, http: httpx.Client) -> None:
        self.emulator = emulator
        self.http = http
        self.key = emulator.connection_string.partition("accesskey=")[2]
        self.host = urlsplit(emulator.endpoint).netloc

    def send(self, method: str, target: str, body: Any = None, **headers: str) -> httpx.Response:
        content = b"" if body is None else json.dumps(body).encode()
        signed = signed_headers(self.key, method, target, self.host, content)
        return self.http.request(
            method, self.emulator.endpoint + target, content=content, headers=signed | headers
        )

    def start(self, server_call_id: str, **options: Any) -> httpx.Response:
        headers = options.pop("headers", {})
        locator = {"kind": "serverCallLocator", "serverCallId": server_call_id}
        body = {"callLocator": locator} | options
        return self.send("POST", f"/calling/recordings?{API}", body, **headers)

    def state(self, recording_id: str) -> httpx.Response:
        return self.send("GET", f"/calling/recordings/{recording_id}?{API}")

    def pause(self, recording_id: str) -> httpx.Response:
        return self.send("POST", f"/calling/recordings/{recording_id}:pause?{API}")

    def resume(self, recording_id: str) -> httpx.Response:
        return self.send("POST", f"/calling/recordings/{recording_id}:resume?{API}")

    def stop(self, recording_id: str) -> httpx.Response:
        return self.send("DELETE", f"/calling/recordings/{recording_id}?{API}")

    def fetch(self, location: str, **headers: str) -> httpx.Response:
        return self.send("GET", location.removeprefix(self.emulator.endpoint), **headers)

    def delete(self, location: str) -> httpx.Response:
        return self.send("DELETE", location.removeprefix(self.emulator.endpoint))


class StagedCall:
    """One call of the emulator, and the actions of its participants."""

    def __init__(self, acs: Acs, *names: str, **more: Any) -> None:
        """Create the call; ``more`` are other fields of the control API's new call."""
        self.acs = acs
        people = [{"displayName": name} for name in names or ("Ana", "Ben")]
        answer = self._control("POST", "/calls", {"participants": people, **more})
        created = answer.json()
        self.call_id: str = created["callId"]
        self.server_call_id: str = created["serverCallId"]
        self.raw_ids = {p["displayName"]: p["rawId"] for p in created["participants"]}

    def lasts(self, seconds: float) -> None:
        advance(self.acs, seconds)

    def begins_to_speak(self, name: str) -> None:
        self._speech(name, True)

    def falls_silent(self, name: str) -> None:
        self._speech(name, False)

    def is_joined_by(self, name: str) -> None:
        answer = self._control("POST", f"/calls/{self.call_id}/participants", {"displayName": name})
        self.raw_ids[name] = answer.json()["rawId"]

    def is_left_by(self, name: str) -> None:
        raw_id = quote(self.raw_ids[name], safe="")
        self._control("DELETE", f"/calls/{self.call_id}/participants/{raw_id}")

    def ends(self) -> None:
        self._control("DELETE", f"/calls/{self.call_id}")

    def is_recorded(self, **options: Any) -> str:
        """Start a recording, let it become active, and return its id."""
        answer = self.acs.start(self.server_call_id, **options)
        assert answer.status_code == 200, answer.text
        self.lasts(0.2)
        recording_id: str = answer.json()["recordingId"]
        return recording_id

    def truth(self) -> dict[str, Any]:
        answer: dict[str, Any] = self._control("GET", f"/calls/{self.call_id}").json()
        return answer

    def rendered(self) -> dict[str, Any]:
        """Return the last recording, once its media is fixed."""
        eventually(lambda: self.truth()["recordings"][-1]["media"] in {"ready", "none", "failed"})
        recording: dict[str, Any] = self.truth()["recordings"][-1]
        return recording

    def _speech(self, name: str, speaking: bool) -> None:
        body = {"rawId": self.raw_ids[name], "speaking": speaking}
        self._control("POST", f"/calls/{self.call_id}/speech", body)

    def _control(self, method: str, path: str, body: Any = None) -> httpx.Response:
        answer = self.acs.http.request(method, self.acs.emulator.control + path, json=body)
        answer.raise_for_status()
        return answer


def advance(acs: Acs, seconds: float) -> None:
    address = f"{acs.emulator.control}/clock"
    acs.http.post(address, json={"advanceSeconds": seconds}).raise_for_status()


def request_log(acs: Acs, kind: str) -> list[dict[str, Any]]:
    entries = acs.http.get(f"{acs.emulator.control}/request-log").json()["entries"]
    return [entry for entry in entries if entry["kind"] == kind]


def eventually(condition: Callable[[], Any], within: float = 10.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.01)
