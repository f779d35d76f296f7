"""``/_emulator``: the control API of tests for time, faults, behaviours, keys and events."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callvault.emulator.clock import service_time
from callvault.emulator.credentials import KeyName
from callvault.emulator.emulator import Emulator
from callvault.emulator.errors import bad_request
from callvault.emulator.eventgrid.subscriptions import Subscription
from callvault.emulator.faults import KINDS, RandomFaults, Rule, ScriptedFault
from callvault.emulator.http.requests import (
    explain,
    read_body,
    read_model,
    read_object,
    validate,
)
from callvault.emulator.settings import EventGridEndpoint, EventSchema, webhook_url

PREFIX = "/_emulator"
_MAX_ADVANCE = 10 * 366 * 86_400
_MAX_CLOCK_AHEAD = timedelta(days=1000 * 366)
"""Ahead of real time; years have four digits."""
_MAX_HEADERS = 10


class Command(BaseModel):
    """A request of the control API; unknown fields are refused by name."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Advance(Command):
    advance_seconds: Annotated[float, Field(ge=0, le=_MAX_ADVANCE, allow_inf_nan=False)]


class Rotation(Command):
    which: KeyName = "primary"


class NewSubscription(Command):
    endpoint: Annotated[str, Field(pattern="^https?://[^/]"), AfterValidator(webhook_url)]
    event_schema: Annotated[EventSchema, Field(alias="schema")] = EventSchema.EVENT_GRID
    included_event_types: tuple[str, ...] = ()
    delivery_headers: Annotated[
        dict[
            Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")],
            Annotated[str, Field(pattern=r"^[ -~]*$", max_length=4096)],
        ],
        Field(max_length=_MAX_HEADERS),
    ] = {}

    def to_endpoint(self) -> EventGridEndpoint:
        headers = tuple(self.delivery_headers.items())
        return EventGridEndpoint(
            self.endpoint, self.event_schema, self.included_event_types, headers
        )


class Control:
    """Routes of the control API; they need no authentication, so others must not reach them."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        return [
            Route(f"{PREFIX}/health", self.health),
            Route(f"{PREFIX}/request-log", self.request_log),
            Route(f"{PREFIX}/reset", self.reset, methods=["POST"]),
            Route(f"{PREFIX}/clock", self.clock),
            Route(f"{PREFIX}/clock", self.advance, methods=["POST"]),
            Route(f"{PREFIX}/keys/rotate", self.rotate_key, methods=["POST"]),
            Route(f"{PREFIX}/behaviours", self.behaviours),
            Route(f"{PREFIX}/behaviours", self.change_behaviours, methods=["POST"]),
            Route(f"{PREFIX}/faults", self.faults),
            Route(f"{PREFIX}/faults", self.add_fault, methods=["POST"]),
            Route(f"{PREFIX}/faults", self.clear_faults, methods=["DELETE"]),
            Route(f"{PREFIX}/subscriptions", self.subscriptions),
            Route(f"{PREFIX}/subscriptions", self.subscribe, methods=["POST"]),
        ]

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def request_log(self, _: Request) -> Response:
        return JSONResponse({"entries": self._emulator.request_log.entries()})

    async def reset(self, request: Request) -> Response:
        read_object(await read_body(request))
        # In a thread: it waits for jobs, which may be asking this server meanwhile.
        await run_in_threadpool(self._emulator.reset)
        return Response(status_code=204)

    async def clock(self, _: Request) -> Response:
        clock = self._emulator.clock
        ahead = clock.advanced.total_seconds()
        return JSONResponse({"now": service_time(clock.now()), "advancedSeconds": ahead})

    async def advance(self, request: Request) -> Response:
        command = read_model(Advance, await read_body(request))
        step = timedelta(seconds=command.advance_seconds)
        if self._emulator.clock.advanced + step > _MAX_CLOCK_AHEAD:
            raise bad_request("advanceSeconds: the clock is a thousand years ahead; reset it.")
        # In a thread: the step waits for webhooks, which may ask this server meanwhile.
        await run_in_threadpool(self._emulator.scheduler.advance, step)
        return await self.clock(request)

    async def rotate_key(self, request: Request) -> Response:
        command = read_model(Rotation, await read_body(request))
        self._emulator.keys.rotate(command.which)
        primary, secondary = self._emulator.keys.current
        return JSONResponse({"primaryKey": primary, "secondaryKey": secondary})

    async def behaviours(self, _: Request) -> Response:
        return JSONResponse(self._emulator.behaviours.now.model_dump(mode="json"))

    async def change_behaviours(self, request: Request) -> Response:
        changes = read_object(await read_body(request))
        try:
            self._emulator.behaviours.change(changes)
        except ValidationError as error:
            raise bad_request(explain(error)) from None
        return await self.behaviours(request)

    async def faults(self, _: Request) -> Response:
        kinds = [
            {"kind": kind, "about": what.about, "operations": sorted(what.operations)}
            for kind, what in KINDS.items()
        ]
        active = [_active(*each) for each in self._emulator.faults.active()]
        return JSONResponse({"kinds": kinds, "active": active})

    async def add_fault(self, request: Request) -> Response:
        body = read_object(await read_body(request))
        model: type[Rule] = RandomFaults if "rate" in body else ScriptedFault
        rule = validate(model, body)
        number = self._emulator.faults.add(rule)
        return JSONResponse(_active(number, rule, 0), status_code=201)

    async def clear_faults(self, _: Request) -> Response:
        self._emulator.faults.clear()
        return Response(status_code=204)

    async def subscriptions(self, _: Request) -> Response:
        known = [_subscription(each) for each in self._emulator.event_grid.subscriptions]
        return JSONResponse({"subscriptions": known})

    async def subscribe(self, request: Request) -> Response:
        command = read_model(NewSubscription, await read_body(request))
        subscription = self._emulator.event_grid.subscribe(command.to_endpoint())
        return JSONResponse(_subscription(subscription), status_code=201)


def _active(number: int, rule: Rule, fired: int) -> dict[str, Any]:
    return {"id": number, **rule.model_dump(mode="json", by_alias=True), "fired": fired}


def _subscription(subscription: Subscription) -> dict[str, Any]:
    return {
        "name": subscription.name,
        "endpoint": subscription.endpoint.url,
        "schema": subscription.endpoint.schema,
        "state": subscription.state,
    }
