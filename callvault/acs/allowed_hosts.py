"""Allow-list of the hosts that may see credentials of ACS.

The URLs of media files arrive in events, so a forged event could name any host. Credentials
go only to the service's own media hosts (the list of azure-communication-callautomation 1.6.0), to
the ACS resource itself, and to hosts the operator names. Paths are judged by `media_location.py`.
"""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import httpx

from callvault.contracts.base import shorten
from callvault.errors import ConfigurationError, UrlNotAllowed

SERVICE_DOMAINS = ("asm.skype.com", "asyncgw.teams.microsoft.com", "ams.gov.teams.microsoft.us")
"""Media hosts of the service: these domains and everything below them, over https on port 443."""

_PLAIN_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")


def parse_endpoint(endpoint: str) -> httpx.URL:
    """Read the endpoint of an ACS resource, without the trailing slash that would spoil signatures.

    Raises ConfigurationError unless it is ``https://<host>``; http is for loopback only.
    """
    try:
        url = _readable(httpx.URL(endpoint.strip().rstrip("/")))
    except httpx.InvalidURL:
        url = httpx.URL("")
    is_host = _PLAIN_HOST.fullmatch(url.host) or _is_loopback(url.host)
    has_more = url.userinfo or url.query or url.fragment or url.path != "/"
    if not is_host or has_more or not _is_confidential(url):
        raise ConfigurationError(
            "the endpoint of an ACS resource must look like "
            "https://<resource>.communication.azure.com (http is accepted for loopback only)"
        )
    return url


class AllowedHosts:
    """Decides, before anything is sent, if a URL may be asked with credentials.

    ``content_hosts`` are exact names, ``host`` (any port) or ``host:port``.
    """

    def __init__(self, endpoint: httpx.URL, content_hosts: Iterable[str] = ()) -> None:
        self._endpoint = endpoint
        self._named = frozenset(_host_and_port(entry) for entry in content_hosts)

    def check(self, url: str, *, base: httpx.URL | None = None) -> httpx.URL:
        """Read ``url`` (relative to ``base``, if given); raise UrlNotAllowed unless permitted."""
        try:
            target = _readable(base.join(url) if base else httpx.URL(url))
        except httpx.InvalidURL:
            raise UrlNotAllowed(
                "a media URL cannot be read as a URL, so nothing was sent: check the event's origin"
            ) from None
        # the service writes plain ASCII; look-alike letters and user names are tricks
        if not url.isascii() or target.userinfo or not self._permits(target):
            raise UrlNotAllowed(
                f"a media URL points to {target.scheme}://{shorten(target.host, 100)!r}, where "
                "credentials must not go, so nothing was sent: if the host is yours, add it to "
                "the content hosts of the ACS resource; if not, somebody may be forging events"
            )
        return target

    def _permits(self, url: httpx.URL) -> bool:
        if _origin(url) == _origin(self._endpoint) or _is_service(url):
            return True
        host, port = url.host, _port(url)
        named = (host, port) in self._named or (host, None) in self._named
        return named and _is_confidential(url)


def _readable(url: httpx.URL) -> httpx.URL:
    """Return ``url`` if its host can be read; else raise InvalidURL."""
    try:
        _ = url.host  # httpx decodes Punycode only here, and may fail
    except UnicodeError:
        raise httpx.InvalidURL("the host is no Punycode") from None
    return url


def _is_service(url: httpx.URL) -> bool:
    return (
        url.scheme == "https"
        and _port(url) == 443
        and _PLAIN_HOST.fullmatch(url.host) is not None
        # With the dot: a foreign `evil-asm.skype.com` ends with the same letters.
        and any(url.host == name or url.host.endswith(f".{name}") for name in SERVICE_DOMAINS)
    )


def _is_confidential(url: httpx.URL) -> bool:
    """Tell if no third party can read the request: TLS, or never leaving the machine."""
    return url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.host))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, _port(url)


def _port(url: httpx.URL) -> int | None:
    return url.port or {"https": 443, "http": 80}.get(url.scheme)


def _host_and_port(entry: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(f"//{entry.strip()}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    bare = host and parts.netloc == entry.strip() and not parts.username and "*" not in host
    if not bare:
        raise ConfigurationError(
            f"content host {shorten(entry, 100)!r} must be an exact host name, or host:port, "
            "without scheme, path or wildcard"
        )
    return host, port
