"""The URLs that a request may name for its events, and the list of a resource that allows them."""

import re
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, StringConstraints

MAX_URL = 2_048

# Without userinfo, query and fragment, which may hold a secret: the URL stands in a history.
# Without percent-encoding, which two programs may decode in two ways.
_PLAIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]*)*")


def _webhook_url(url: str) -> str:
    if not _PLAIN.fullmatch(url) or not _has_host_and_port(url) or _has_dots(url):
        raise ValueError(
            "write https://host/path: without a user name, query, fragment, percent-encoding or"
            " dots as a part of the path"
        )
    return url


def _has_host_and_port(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, brackets around no address
        return False


def _has_dots(url: str) -> bool:
    return not {".", ".."}.isdisjoint(urlsplit(url).path.split("/"))


WebhookUrl = Annotated[str, StringConstraints(max_length=MAX_URL), AfterValidator(_webhook_url)]
"""A receiver of events that a request names."""


def refusal_of(url: str | None, allowed: Sequence[str], resource: str) -> str | None:
    """Say in a sentence why no event is sent to a URL; None where it may be, or is none."""
    if url is None or any(_allows(each, url) for each in allowed):
        return None
    return (
        f"webhookUrl: resource {resource} does not allow this URL: name one that its setting"
        " webhook_allowed_urls lists, or leave it out"
    )


def _allows(listed: str, url: str) -> bool:
    """Tell if a listed URL allows another: itself, and everything below its path."""
    listed, url = _canonical(listed), _canonical(url)
    return url == listed or url.startswith(f"{listed}/")


def _canonical(url: str) -> str:
    """Write the parts without case in lower case, the default port not at all."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port not in (None, _PORTS.get(parts.scheme)) else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path.rstrip('/')}"


_PORTS = {"https": 443, "http": 80}
