"""The place of one file at the service, checked before each request that is signed for it."""

from dataclasses import dataclass

import httpx

from callvault.acs.allowed_hosts import AllowedHosts
from callvault.contracts.base import shorten
from callvault.contracts.media_urls import UrlKind, document_in, document_of
from callvault.errors import UrlNotAllowed


@dataclass(frozen=True)
class MediaLocation:
    """A URL that a chunk was announced with, and what it may be asked for.

    A signature proves to the service that the resource's owner wants the request. So nothing else
    is ever signed than a request for a file of one document, on an allowed host.
    """

    hosts: AllowedHosts
    kind: UrlKind
    url: str

    def target(self) -> httpx.URL:
        """Return the URL to ask. Raises UrlNotAllowed."""
        target = self.hosts.check(self.url)
        # As it came: `httpx.URL` has resolved what would lead elsewhere.
        if document_of(self.kind, self.url) is None:
            raise self._refused(target)
        return target

    def redirected(self, location: str, base: httpx.URL) -> httpx.URL:
        """Return the URL that a redirect leads to, which may be relative. Raises UrlNotAllowed."""
        target = self.hosts.check(location, base=base)
        document = document_in(self.kind, target.raw_path.decode("ascii"))
        if document is None or document != document_of(self.kind, self.url):
            raise self._refused(target)
        return target

    def _refused(self, target: httpx.URL) -> UrlNotAllowed:
        return UrlNotAllowed(
            f"a media URL names {shorten(target.path, 100)!a}, which is no {self.kind} of the"
            " announced document, so nothing was sent: somebody may be forging events"
        )
