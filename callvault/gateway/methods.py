"""Methods of HTTP that are the same for every path: HEAD, OPTIONS, and those that it has not."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.routing import Match
from starlette.types import Scope

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def add_read(
    router: APIRouter | FastAPI, path: str, endpoint: Callable[..., Any], **described: Any
) -> None:
    """Add a route that reads: GET, and HEAD, whose answer the server sends without its body."""
    router.add_api_route(path, endpoint, methods=["GET"], **described)
    options = {key: described[key] for key in ("dependencies",) if key in described}
    # Apart, for the document would have two operations of one id.
    router.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False, **options)


def allowed(app: FastAPI, scope: Scope) -> str:
    """Return the header ``Allow`` for a path: what all of its routes take, and OPTIONS."""
    taken = [
        method
        for method in METHODS
        if method == "OPTIONS"
        or any(
            route.matches({**scope, "method": method})[0] is Match.FULL
            for route in app.router.routes
        )
    ]
    return ", ".join(taken)
