"""Links to the gateway itself, for archives that make none: each opens one object, for a time.

A link carries what it opens, and a keyed digest of that. It is a secret, so it stands where the
gateway takes secrets out of a URL before logs and traces see it: see `request_url`.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import NamedTuple
from urllib.parse import quote

from callvault.archive.store import LinkTerms
from callvault.config.types import SecretRef
from callvault.errors import AccessDenied
from callvault.gateway.request_url import SECRET_PARAMETER
from callvault.rereading import Reread

PATH = "/v1/media"

MAX_LINK = 8_192
"""Longest link that is looked at, in characters."""


class MediaLink(NamedTuple):
    """What a link opens."""

    archive: str
    object_name: str
    content_type: str
    content_disposition: str
    expires_at: float
    """In seconds since 1970."""


class MediaLinks:
    """Makes and reads links. Several gateways behind one address need one key."""

    def __init__(self, key: SecretRef | None) -> None:
        """Without a key, links are those of this process alone."""
        own = secrets.token_hex(32)
        self._key = Reread(lambda: (key.resolve() if key is not None else own).encode())

    def write(self, archive: str, object_name: str, terms: LinkTerms) -> str:
        """Return the path and query that open an object."""
        link = MediaLink(
            archive,
            object_name,
            terms.content_type,
            terms.content_disposition,
            terms.expires_at.timestamp(),
        )
        said = _encoded(json.dumps(link).encode())
        return f"{PATH}?{SECRET_PARAMETER}={quote(f'{said}.{self._digest(said)}')}"

    def read(self, presented: str) -> MediaLink:
        """Return what a link opens; `AccessDenied` for one that is forged, or over."""
        said, _, digest = presented.partition(".")
        expected = self._digest(said)
        if len(presented) > MAX_LINK or not hmac.compare_digest(
            digest.encode("utf-8", "replace"), expected.encode()
        ):
            raise _denied("no link of this gateway")
        link = MediaLink(*json.loads(_decoded(said)))
        if link.expires_at <= time.time():
            raise _denied("over")
        return link

    def _digest(self, said: str) -> str:
        key = self._key.current()
        # Domain-separated: the same secret may be used for something else.
        signed = b"callvault media link\n" + said.encode("utf-8", "replace")
        return _encoded(hmac.new(key, signed, hashlib.sha256).digest())


def _denied(why: str) -> AccessDenied:
    return AccessDenied(
        f"this link is {why}: open the recording again", status=403, code="link_denied"
    )


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
