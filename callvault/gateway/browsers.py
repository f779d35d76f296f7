"""Where no key is asked for, a web page must not speak for the person who looks at it.

On loopback the gateway may let everybody in, and a page in a browser of that machine is somebody.
Browsers say where a page is from; one whose name was made to point to this machine (DNS rebinding)
gives itself away by the ``Host`` that it asks for. With keys, neither header matters.
"""

from urllib.parse import urlsplit

from fastapi import Request

from callvault.config.types import is_loopback
from callvault.errors import AccessDenied

_OWN = ("same-origin", "none")
"""``Sec-Fetch-Site`` of our own page, and of an address that a person typed."""


def refuse_web_pages(request: Request) -> None:
    """Raise `AccessDenied` for what a page of another origin sends."""
    host = request.headers.get("host", "")
    site = request.headers.get("sec-fetch-site", "none")
    origin = request.headers.get("origin", f"//{host}")
    if not _is_here(host) or site not in _OWN or origin.partition("//")[2] != host:
        raise AccessDenied(
            "without keys only programs of this machine are let in, and no web pages: ask for"
            " 127.0.0.1, or set event_secrets and api_keys",
            status=403,
            code="web_page_refused",
        )


def _is_here(host: str) -> bool:
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False
