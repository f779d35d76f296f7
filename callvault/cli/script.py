"""The call that the demo plays: who speaks when, and what the app backend asks."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from callvault.contracts import names
from callvault.local.stack import Stack

Say = Callable[[str], None]


@dataclass
class Call:
    """A call on the emulator, and the app backend's side of it."""

    stack: Stack
    http: httpx.AsyncClient
    call_id: str = ""
    server_call_id: str = ""
    people: dict[str, str] = field(default_factory=dict)

    @property
    def workflow_id(self) -> str:
        return names.workflow_id(self.server_call_id)

    async def begins(self, *people: str, kind: str = "acs", media_bytes: int | None = None) -> None:
        """Everybody joins a call of ACS, or of ``teamsInterop``.

        ``media_bytes`` is the size of its files where the emulator makes sparse ones.
        """
        body: dict[str, Any] = {"participants": [{"displayName": name} for name in people]}
        body["kind"] = kind
        if media_bytes is not None:
            body["mediaBytes"] = media_bytes
        call = await self._emulator("POST", "/calls", body)
        self.call_id, self.server_call_id = call["callId"], call["serverCallId"]
        self.people = {each["displayName"]: each["rawId"] for each in call["participants"]}

    async def speaks(self, person: str, seconds: float) -> None:
        """Somebody is heard for a while."""
        for speaking in (True, False):
            body = {"rawId": self.people[person], "speaking": speaking}
            await self._emulator("POST", f"/calls/{self.call_id}/speech", body)
            await asyncio.sleep(seconds if speaking else 0)

    async def is_to_be_recorded(self) -> None:
        """The app backend asks Callvault to keep the call."""
        body = {"serverCallId": self.server_call_id, "requestedBy": "demo", "requestId": "start-1"}
        await self._gateway("/v1/recordings", body)

    async def asks(self, verb: str, reason: str) -> None:
        """The app backend asks for a change, and waits until ACS has confirmed it."""
        body = {"requestedBy": "demo", "reason": reason, "requestId": f"{verb}-1"}
        await self._gateway(f"/v1/recordings/{self.workflow_id}:{verb}", body)

    async def ends(self) -> None:
        """Everybody hangs up."""
        await self._emulator("DELETE", f"/calls/{self.call_id}")

    async def truth(self) -> dict[str, Any]:
        """What the emulator recorded: files with size and SHA-256."""
        call = await self._emulator("GET", f"/calls/{self.call_id}")
        recording: dict[str, Any] = call["recordings"][0]
        return recording

    async def _emulator(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, f"{self.stack.emulator.control}{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def _gateway(self, path: str, body: Any) -> None:
        (await self.http.post(f"{self.stack.gateway}{path}", json=body)).raise_for_status()


async def play_call(call: Call, say: Say) -> None:
    """Two people talk; a card number is spoken while the recording is paused."""
    await call.begins("Ana (customer)", "Ben (agent)")
    say("Ana and Ben join the call")
    await call.is_to_be_recorded()
    say("the app backend asks Callvault to keep the call")
    await call.speaks("Ben (agent)", 3)
    await call.speaks("Ana (customer)", 4)
    await call.asks("pause", "card number")
    say("paused, confirmed by ACS: Ana speaks her card number")
    await call.speaks("Ana (customer)", 5)
    await call.asks("resume", "card number taken")
    say("resumed, confirmed by ACS")
    await call.speaks("Ben (agent)", 3)
    await call.asks("stop", "conversation over")
    say("stopped, confirmed by ACS")
    await call.ends()
    say("everybody hangs up; the service makes the file and tells Event Grid")
