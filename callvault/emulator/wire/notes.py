"""What one part of the server leaves for another in the state of a request."""

from typing import Any

from starlette.types import Scope

WHY = "why"
"""Reason of the answer, for the journal."""
FAULT = "fault"
"""The kind of fault that happens to the request."""


def leave(scope: Scope, name: str, value: Any) -> None:
    scope.setdefault("state", {})[name] = value


def find(scope: Scope, name: str) -> Any:
    return scope.get("state", {}).get(name)
