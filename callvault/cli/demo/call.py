"""A call of the demo: its people speak, and the app backend asks for what it needs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx

from callvault.contracts import names
from callvault.emulator.media.timeline import fundamental
from callvault.local.stack import Stack

STATUS_TIMEOUT = 20.0
"""Seconds in which a worker must tell the status of a call."""

Say = Callable[[str], None]


@dataclass
class Call:
    """A call on the emulator, and the app backend's side of it.

    Its methods are the sentences of the stories in `scenarios`.
    """

    stack: Stack
    http: httpx.AsyncClient
    call_id: str = ""
    server_call_id: str = ""
    people: dict[str, str] = field(default_factory=dict)
    voices: dict[str, float] = field(default_factory=dict)
    """The fundamental frequency of each voice, in hertz."""

    @property
    def workflow_id(self) -> str:
        return names.workflow_id(self.server_call_id)

    async def begins(self, *people: str, kind: str = "acs", media_bytes: int | None = None) -> None:
        """Begin a call of ACS, or of ``teamsInterop``, with these people.

        ``media_bytes`` is the size of its files where the emulator makes sparse ones.
        """
        body: dict[str, Any] = {"participants": [{"displayName": name} for name in people]}
        body["kind"] = kind
        if media_bytes is not None:
            body["mediaBytes"] = media_bytes
        call = await self._emulator("POST", "/calls", body)
        self.call_id, self.server_call_id = call["callId"], call["serverCallId"]
        for each in call["participants"]:
            self._knows(each)

    async def joins(self, person: str) -> None:
        """Let another person join."""
        path = f"/calls/{self.call_id}/participants"
        self._knows(await self._emulator("POST", path, {"displayName": person}))

    def _knows(self, participant: dict[str, Any]) -> None:
        """Note a participant's id and voice, which follows from the order of joining."""
        name = participant["displayName"]
        self.people[name] = participant["rawId"]
        self.voices.setdefault(name, fundamental(len(self.voices)))

    async def speaks(self, person: str, seconds: float) -> None:
        """Let a person be heard for a while."""
        for speaking in (True, False):
            body = {"rawId": self.people[person], "speaking": speaking}
            await self._emulator("POST", f"/calls/{self.call_id}/speech", body)
            await asyncio.sleep(seconds if speaking else 0)

    async def is_to_be_recorded(self, **terms: Any) -> None:
        """Ask Callvault, as the app backend does, to record the call on these terms."""
        body = {"serverCallId": self.server_call_id, "requestedBy": "demo", "requestId": "start-1"}
        await self._gateway("/v1/recordings", body | terms)

    async def asks(self, verb: str, reason: str) -> None:
        """Request a change as the app backend, and wait until ACS has confirmed it."""
        body = {"requestedBy": "demo", "reason": reason, "requestId": f"{verb}-1"}
        await self._gateway(f"/v1/recordings/{self.workflow_id}:{verb}", body)

    async def decides(self, person: str, *, given: bool, **facts: str) -> None:
        """Report, as the app backend, a person's consent or its withdrawal."""
        body = {"participant": self.people[person], "given": given, "requestedBy": "demo", **facts}
        await self._gateway(f"/v1/recordings/{self.workflow_id}/consents", body)

    async def becomes(self, actual: str) -> None:
        """Wait until ACS has confirmed that it records, or is paused."""
        async with asyncio.timeout(20):
            while (await self.status())["recordings"][-1]["actual"] != actual:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def status(self) -> dict[str, Any]:
        """Ask the gateway for the status of the call; again while no worker can tell it."""
        url = f"{self.stack.gateway}/v1/recordings/{self.workflow_id}"
        async with asyncio.timeout(STATUS_TIMEOUT):
            answer = await self.http.get(url)
            while answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
                await asyncio.sleep(0.5)
                answer = await self.http.get(url)
        answer.raise_for_status()
        status: dict[str, Any] = answer.json()
        return status

    async def sends(self, verb: str, reason: str) -> None:
        """Request a change as the app backend, without waiting."""
        body = {"requestedBy": "demo", "reason": reason, "requestId": f"{verb}-sent"}
        path = f"{self.stack.gateway}/v1/recordings/{self.workflow_id}:{verb}"
        answer = await self.http.post(path, json=body, headers={"prefer": "respond-async"})
        answer.raise_for_status()

    async def is_refused(self, verb: str, reason: str) -> str:
        """Request a change that must fail; return the error message."""
        body = {"requestedBy": "demo", "reason": reason, "requestId": f"{verb}-refused"}
        path = f"{self.stack.gateway}/v1/recordings/{self.workflow_id}:{verb}"
        answer = await self.http.post(path, json=body)
        if answer.is_success:
            raise RuntimeError(f"the {verb} was to fail, and was answered {answer.text}")
        message: str = answer.json()["error"]["message"]
        return message

    async def acs_fails(self, kind: str, operation: str | None = None) -> None:
        """Let ACS answer one operation, or every control operation, with a fault of this kind."""
        operations = (operation,) if operation else ("start", "state", "pause", "resume", "stop")
        for each in operations:
            await self._emulator(
                "POST", "/faults", {"kind": kind, "operation": each, "times": None}
            )

    async def acs_recovers(self) -> None:
        await self._emulator("DELETE", "/faults")

    async def ends(self) -> None:
        """Hang up for all."""
        await self._emulator("DELETE", f"/calls/{self.call_id}")

    async def truth(self) -> dict[str, Any]:
        """Ask the emulator for what it recorded: files with size and SHA-256."""
        call = await self._emulator("GET", f"/calls/{self.call_id}")
        recording: dict[str, Any] = call["recordings"][0]
        return recording

    async def _emulator(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, f"{self.stack.emulator.control}{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def _gateway(self, path: str, body: Any) -> None:
        (await self.http.post(f"{self.stack.gateway}{path}", json=body)).raise_for_status()
