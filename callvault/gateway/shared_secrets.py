"""Shared secrets and API keys, and the check of a request's origin where none are set."""

import hashlib
import hmac
from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from fastapi import Request

from callvault.config.types import SecretRef, is_loopback
from callvault.errors import AccessDenied
from callvault.rereading import Reread

MAX_PRESENTED = 16
"""Most secrets of one request that are looked at."""

_SAME_SITE = ("same-origin", "none")
"""``Sec-Fetch-Site`` of our own page, and of an address that a person typed."""


class SharedSecrets:
    """The secrets of which a caller must present one; several are valid while they are rotated.

    Only their digests are kept. Without any, every caller is accepted, which the configuration
    allows on loopback only; then `refuse_cross_site` is to be called.
    """

    def __init__(self, references: Iterable[SecretRef]) -> None:
        self._references = tuple(references)
        self._digests = Reread(lambda: _digests(self._references))

    def __bool__(self) -> bool:
        return bool(self._references)

    def accept(self, *presented: bytes) -> bool:
        """Return True if one of the presented secrets is one of these.

        Equally slow whichever fits. A wrong one beside the right one does no harm: a secret is
        often left in an address when it is set as a header, or the other way round.
        """
        accepted = self._digests.current()
        given = [hashlib.sha256(each).digest() for each in presented or (b"",)]
        # A list, not a generator: all of them are compared, even after one has fitted.
        equal = [hmac.compare_digest(one, known) for one in given for known in accepted]
        return not accepted or any(equal)


def refuse_cross_site(request: Request, origins: Collection[str] = ()) -> None:
    """Raise `AccessDenied` unless a request comes from a program of this machine.

    Only for callers that present no secret. Refused is everything that arrives at another address
    than loopback, and a web page of another origin (CSRF, DNS rebinding), but for ``origins``: a
    page in a browser of this machine could send requests in the name of the person who looks at it.
    """
    if not _arrived_on_loopback(request):
        raise AccessDenied(
            "without keys only programs of this machine are let in: set event_secrets and api_keys,"
            " and callback_audience",
            status=403,
            code="not_on_loopback",
        )
    host = request.headers.get("host", "")
    site = request.headers.get("sec-fetch-site", "none")
    origin = request.headers.get("origin", f"//{host}")
    # A page whose name was made to point to this machine has itself as its origin, so the two
    # other headers look right; its name is still the ``Host`` that it asks for.
    is_own = site in _SAME_SITE and origin.partition("//")[2] == host
    if not _is_this_machine(host) or not (is_own or origin in origins):
        raise AccessDenied(
            "without keys only programs of this machine are let in, and no web pages: ask for"
            " 127.0.0.1, or set event_secrets and api_keys",
            status=403,
            code="web_page_refused",
        )


def _arrived_on_loopback(request: Request) -> bool:
    # The address of our end of the connection, and no header: the sender chooses those.
    address = request.scope.get("server")
    return address is not None and is_loopback(str(address[0]))


def _is_this_machine(host: str) -> bool:
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


def presented_in(request: Request, header: str) -> list[bytes]:
    """Return all that a header may mean as a secret, byte for byte.

    Each of its lines counts, and each part of a line, for proxies join lines with commas.
    """
    lines = [value for name, value in request.scope["headers"] if name == header.encode()]
    parts = [part.strip() for line in lines for part in line.split(b",")]
    return list(dict.fromkeys([*lines, *parts]))[:MAX_PRESENTED]


def _digests(references: Iterable[SecretRef]) -> list[bytes]:
    """Hash secrets: digests have one length, so comparing them does not tell the secret's own."""
    return [
        hashlib.sha256(spelt).digest()
        for reference in references
        for spelt in _spellings(reference.resolve())
    ]


def _spellings(secret: str) -> list[bytes]:
    """Return the bytes that a secret may arrive as: headers know no encoding of their own."""
    utf8 = secret.encode("utf-8", "surrogateescape")
    try:
        return list(dict.fromkeys((utf8, secret.encode("latin-1"))))
    except UnicodeEncodeError:
        return [utf8]
