"""The proxies that the environment names by ``HTTPS_PROXY``, ``ALL_PROXY`` and the like.

Read here for every client of our own, because libraries differ: httpx ends with an error of its own
at ``[::1]``, at a network in IPv6 or at a SOCKS proxy, and does not know networks at all.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from callvault.errors import ConfigurationError

_NAME = re.compile(r"\*?\.?(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)\.?")
_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]{1,5}))?")
_BRACKETS = re.compile(r"^\[([^\[\]]*)\](/[0-9]+)?$")
_USABLE = ("http", "https")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def proxy_for(
    scheme: str, host: str, port: int, environment: Mapping[str, str] = os.environ
) -> str | None:
    """Return the URL of the proxy on the way to a host; None for the direct way.

    Loopback is reached directly. Raises `ConfigurationError` where a variable cannot be read.
    """
    variable, value = _named(scheme, environment)
    if not value or _is_loopback(host) or _is_excepted(host, port, environment):
        return None
    return _proxy(variable, value).geturl()


def _named(scheme: str, environment: Mapping[str, str]) -> tuple[str, str]:
    # A header of a CGI request becomes HTTP_PROXY: in capitals it counts outside of CGI only.
    for name in (f"{scheme}_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            is_header = variable == "HTTP_PROXY" and "REQUEST_METHOD" in environment
            if (value := environment.get(variable, "").strip()) and not is_header:
                return variable, value
    return "", ""


def _proxy(variable: str, value: str) -> SplitResult:
    try:
        proxy = urlsplit(value if "://" in value else f"http://{value}")
        is_usable = proxy.scheme in _USABLE and bool(proxy.hostname) and proxy.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        # Without the value, which may hold a password.
        raise ConfigurationError(
            f"{variable} names no proxy that can be used: write http://host:port (SOCKS is not"
            " understood), or except the hosts by NO_PROXY"
        )
    return proxy


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host.casefold() == "localhost" or (address is not None and address.is_loopback)


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _is_excepted(host: str, port: int, environment: Mapping[str, str]) -> bool:
    listed = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    entries = [each for each in re.split(r"[,\s]+", listed) if each]
    # All of them, even after one that covers it: an entry that cannot be read is told in any case.
    covered = [_covers(entry, host.casefold().rstrip("."), port) for entry in entries]
    return any(covered)


def _covers(entry: str, host: str, port: int) -> bool:
    """Tell if an entry of ``NO_PROXY`` excepts a host: by name, address, network, with a port."""
    if entry == "*":
        return True
    bare = entry.partition("://")[2].rstrip("/") or entry
    if network := _network(bare):
        address = _address(host)
        return address is not None and address in network
    found = _PORT.fullmatch(bare)
    if found is None:
        raise _unreadable(entry)
    is_port = found["port"] is None or int(found["port"]) == port
    return _covers_host(entry, found["host"], host) and is_port


def _covers_host(entry: str, wanted: str, host: str) -> bool:
    if address := _address(wanted):
        return _address(host) == address
    name = _NAME.fullmatch(wanted)
    if name is None:
        raise _unreadable(entry)
    domain = name["name"].casefold()
    return host == domain or host.endswith(f".{domain}")


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Read an address or a network, as ``::1`` or ``10.0.0.0/8`` or ``[fd00::]/8``."""
    try:
        return ipaddress.ip_network(_BRACKETS.sub(r"\1\2", text), strict=False)
    except ValueError:
        return None


def _unreadable(entry: str) -> ConfigurationError:
    return ConfigurationError(
        f"NO_PROXY: {entry[:100]!r} is no host, address or network: write names as .example.com,"
        " addresses as ::1 or 10.0.0.0/8, separated by commas"
    )
