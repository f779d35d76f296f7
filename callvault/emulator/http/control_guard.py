"""The control API is for programs: no web page that a person looks at may drive it.

A browser sends requests to this machine for any page. It tells of it by ``Origin`` and
``Sec-Fetch-Site``; a page whose name was made to point here (DNS rebinding) gives itself away by
the ``Host`` that it asks for.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from callvault.emulator.emulator import Emulator
from callvault.emulator.http.control import PREFIX
from callvault.emulator.http.requests import REASON, set_request_state

_OWN = ("same-origin", "none")
_REFUSAL = "The control API answers programs of this machine only, and no web page."


class ControlGuard:
    """Middleware that refuses requests of web pages to the control API."""

    def __init__(self, app: ASGIApp, emulator: Emulator) -> None:
        self._app = app
        self._settings = emulator.settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith(PREFIX) or self._accepts(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        set_request_state(scope, REASON, _REFUSAL)
        error = {"error": {"code": "Forbidden", "message": _REFUSAL}}
        await JSONResponse(error, 403)(scope, receive, send)

    def _accepts(self, headers: Headers) -> bool:
        host = headers.get("host", "")
        origins = headers.getlist("origin")
        if any(origin.partition("://")[2] != host for origin in origins):
            return False
        return headers.get("sec-fetch-site", "none") in _OWN and self._is_ours(host)

    def _is_ours(self, host: str) -> bool:
        # Who lets others reach it may give it any name.
        if self._settings.allow_remote:
            return True
        name = _hostname(f"//{host}")
        known = {"localhost", self._settings.host, _hostname(self._settings.public_url)}
        return bool(name) and (name in known or _is_loopback(name))


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
