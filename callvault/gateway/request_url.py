"""The URL of a request, before a route, a log or a trace sees it.

The event secret is taken out, and a path has one spelling: a redirect would be followed neither by
Event Grid nor by ACS.
"""

from urllib.parse import parse_qsl, urlencode

from starlette.types import Scope

SECRET_HEADER = "x-callvault-secret"  # noqa: S105 -- a header's name
SECRET_PARAMETER = "code"  # noqa: S105 -- a parameter's name


def cleaned(scope: Scope) -> Scope:
    """Return a request's scope with one spelling of its path, and no secret in its query."""
    return _without_secret({**scope, "path": _path(scope["path"])})


def _path(path: str) -> str:
    return "/" + path.strip("/")


def _without_secret(scope: Scope) -> Scope:
    """Move every ``?code=`` beside the headers that carry the secret otherwise."""
    text = scope["query_string"].decode("utf-8", "surrogateescape")
    query = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    found = [value for name, value in query if name == SECRET_PARAMETER]
    if not found:
        return scope
    others = [pair for pair in query if pair[0] != SECRET_PARAMETER]
    headers = [
        (SECRET_HEADER.encode(), secret.encode("utf-8", "surrogateescape"))
        for value in found
        # A plus that was not escaped is a blank in a query, and a digit of base64 in a secret.
        for secret in dict.fromkeys((value, value.replace(" ", "+")))
    ]
    return {
        **scope,
        "query_string": urlencode(others, errors="surrogateescape").encode(),
        "headers": [*scope["headers"], *headers],
    }
