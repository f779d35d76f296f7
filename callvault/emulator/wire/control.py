"""``/_emulator``: what a test does to the world (calls, speech, time) and what really happened."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callvault.emulator.calls import CallKind
from callvault.emulator.clock import service_time
from callvault.emulator.emulator import Emulator
from callvault.emulator.eventgrid.subscriptions import Subscription
from callvault.emulator.settings import EventGridEndpoint, EventSchema

from .requests import read_body, read_model
from .truth import truth_of_call

PREFIX = "/_emulator"
_LONGEST_JUMP = 10 * 366 * 86_400


class _Command(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class NewParticipant(_Command):
    display_name: Annotated[str, Field(min_length=1, max_length=200)]
    raw_id: Annotated[str, Field(min_length=1, max_length=300, pattern="^[!-~]+$")] | None = None


class NewCall(_Command):
    participants: Annotated[list[NewParticipant], Field(max_length=350)] = []
    kind: CallKind = CallKind.ACS

    @field_validator("participants")
    @classmethod
    def _nobody_twice(cls, participants: list[NewParticipant]) -> list[NewParticipant]:
        given = [who.raw_id for who in participants if who.raw_id]
        if len(given) != len(set(given)):
            raise ValueError("each rawId may stand here once")
        return participants


class Speech(_Command):
    raw_id: str
    speaking: bool


class Advance(_Command):
    advance_seconds: Annotated[float, Field(ge=0, le=_LONGEST_JUMP, allow_inf_nan=False)]


class NewSubscription(_Command):
    endpoint: Annotated[str, Field(pattern="^https?://[^/]")]
    event_schema: Annotated[EventSchema, Field(alias="schema")] = EventSchema.EVENT_GRID


class Control:
    """No authentication: it is for the machine the emulator runs on."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        call = f"{PREFIX}/calls/{{call_id}}"
        return [
            Route(f"{PREFIX}/health", self.health),
            Route(f"{PREFIX}/journal", self.journal),
            Route(f"{PREFIX}/clock", self.clock),
            Route(f"{PREFIX}/clock", self.advance, methods=["POST"]),
            Route(f"{PREFIX}/subscriptions", self.subscriptions),
            Route(f"{PREFIX}/subscriptions", self.subscribe, methods=["POST"]),
            Route(f"{PREFIX}/calls", self.create_call, methods=["POST"]),
            Route(call, self.call),
            Route(call, self.end_call, methods=["DELETE"]),
            Route(f"{call}/speech", self.speak, methods=["POST"]),
            Route(f"{call}/participants", self.join, methods=["POST"]),
            Route(f"{call}/participants/{{raw_id:path}}", self.leave, methods=["DELETE"]),
        ]

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def journal(self, _: Request) -> Response:
        return JSONResponse({"entries": self._emulator.journal.entries()})

    async def clock(self, _: Request) -> Response:
        clock = self._emulator.clock
        ahead = clock.advanced.total_seconds()
        return JSONResponse({"now": service_time(clock.now()), "advancedSeconds": ahead})

    async def advance(self, request: Request) -> Response:
        command = read_model(Advance, await read_body(request))
        self._emulator.clock.advance(timedelta(seconds=command.advance_seconds))
        return await self.clock(request)

    async def subscriptions(self, _: Request) -> Response:
        known = [_subscription(each) for each in self._emulator.event_grid.subscriptions]
        return JSONResponse({"subscriptions": known})

    async def subscribe(self, request: Request) -> Response:
        command = read_model(NewSubscription, await read_body(request))
        endpoint = EventGridEndpoint(command.endpoint, command.event_schema)
        return JSONResponse(
            _subscription(self._emulator.event_grid.subscribe(endpoint)), status_code=201
        )

    async def create_call(self, request: Request) -> Response:
        command = read_model(NewCall, await read_body(request))
        call = self._emulator.start_call(
            command.kind, [(p.display_name, p.raw_id) for p in command.participants]
        )
        everybody = [
            {"rawId": p.raw_id, "displayName": p.display_name} for p in call.participants.values()
        ]
        return JSONResponse(
            {
                "callId": call.call_id,
                "serverCallId": call.server_call_id,
                "participants": everybody,
            },
            status_code=201,
        )

    async def call(self, request: Request) -> Response:
        call = self._emulator.calls.get(request.path_params["call_id"])
        return JSONResponse(truth_of_call(call, self._emulator))

    async def end_call(self, request: Request) -> Response:
        self._emulator.end_call(self._emulator.calls.ongoing(request.path_params["call_id"]))
        return Response(status_code=204)

    async def join(self, request: Request) -> Response:
        who = read_model(NewParticipant, await read_body(request))
        calls = self._emulator.calls
        call = calls.ongoing(request.path_params["call_id"])
        joined = calls.join(call, who.display_name, who.raw_id)
        answer = {"rawId": joined.raw_id, "displayName": joined.display_name}
        return JSONResponse(answer, status_code=201)

    async def leave(self, request: Request) -> Response:
        calls = self._emulator.calls
        calls.leave(calls.ongoing(request.path_params["call_id"]), request.path_params["raw_id"])
        return Response(status_code=204)

    async def speak(self, request: Request) -> Response:
        command = read_model(Speech, await read_body(request))
        calls = self._emulator.calls
        call = calls.ongoing(request.path_params["call_id"])
        calls.speak(call, command.raw_id, command.speaking)
        return Response(status_code=204)


def _subscription(subscription: Subscription) -> dict[str, Any]:
    return {
        "name": subscription.name,
        "endpoint": subscription.endpoint.url,
        "schema": subscription.endpoint.schema,
        "state": subscription.standing,
    }
