"""The URLs of a recording's files: the paths that ACS gives for one document, and no others.

An event or a callback is text from outside, and a request to a URL in it is signed with the
resource's key. A URL that names anything else than a file of its own document would have Callvault
do to a stranger's recording what the stranger's key alone may do. The host is judged by
`callvault.acs.allowed_hosts`, which knows the settings.
"""

import re
from enum import StrEnum
from urllib.parse import urlsplit


class UrlKind(StrEnum):
    """The three URLs that an event gives for a chunk."""

    CONTENT = "contentLocation"
    METADATA = "metadataLocation"
    DELETE = "deleteLocation"


_METADATA_VIEW = "acsmetadata"

# Captured of the service since 2021: `/v1/objects/{documentId}/content/{view}`, of which the object
# itself is the URL to delete. The store behind it serves its objects under `views` as well.
_OBJECT = r"/v[0-9]{1,2}/objects/(?P<document>[A-Za-z0-9_-]+)"
_VIEW = rf"{_OBJECT}/(?:content|views)"
# The previews of 2021, at the resource itself.
_DOWNLOAD = r"/recording/download/(?P<document>[A-Za-z0-9_-]+)"

# Whole paths, as they are sent: no `..`, `//` or `;` in them, and nothing percent-encoded.
_PATHS = {
    UrlKind.CONTENT: (rf"{_VIEW}/(?!{_METADATA_VIEW}$)[A-Za-z0-9_]+", _DOWNLOAD),
    UrlKind.METADATA: (rf"{_VIEW}/{_METADATA_VIEW}", rf"{_DOWNLOAD}/metadata"),
    UrlKind.DELETE: (_OBJECT,),
}
_PATTERNS = {kind: tuple(map(re.compile, paths)) for kind, paths in _PATHS.items()}

# Neither a user name, a query, a fragment nor a backslash: clients differ in how they read them.
_URL = re.compile(r"(?i:https?)://[A-Za-z0-9.:\[\]_-]+(?P<path>/[A-Za-z0-9_/-]*)")


def document_in(kind: UrlKind, path: str) -> str | None:
    """Return the document whose file a path names; None for a path that is not of this kind."""
    found = (pattern.fullmatch(path) for pattern in _PATTERNS[kind])
    return next((match["document"] for match in found if match), None)


def document_of(kind: UrlKind, url: str) -> str | None:
    """Return the document whose file a URL of ACS names; None for any other URL."""
    match = _URL.fullmatch(url)
    return document_in(kind, match["path"]) if match else None


def is_in_own_storage(kind: UrlKind, url: str, document_id: str) -> bool:
    """Tell if a URL is that of a blob which ACS wrote to a container of the customer's.

    Such a blob is read with the credential of that container, found by its name, and never deleted
    through ACS. The documented names end in ``{index}-{kind}.{documentId}.{ext}``.
    """
    if kind is UrlKind.DELETE:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return f".{document_id}." in parts.path.rpartition("/")[2]


def refuse_foreign(kind: UrlKind, url: str, document_id: str) -> None:
    """Raise ValueError unless a URL names a file of this document."""
    if document_of(kind, url) != document_id and not is_in_own_storage(kind, url, document_id):
        raise ValueError(
            f"is no {kind} of document {document_id[:100]!a}, and is never asked for with"
            " credentials"
        )
