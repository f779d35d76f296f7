"""The parts of the OpenAPI document that belong to no route: what it is, headers, keys, tags."""

from typing import Any

from callvault.gateway.request_url import SECRET_HEADER, SECRET_PARAMETER

INFO: dict[str, Any] = {
    "title": "Callvault gateway",
    "openapi_version": "3.1.0",
    "summary": "Start, pause, resume and stop recordings of ACS calls, and see what became of them",
    "description": (
        "Every error, on every path, has the body `ErrorResponse`; its `code` is one of those that"
        " the operation names. A path that does not exist is answered 404, a method that it does"
        " not have 405 with `Allow`; `OPTIONS` tells the methods of a path, and each `GET` may be"
        " asked for as `HEAD`. Each request has an id, which comes back in `X-Request-ID`: the one"
        " that it was sent with, else the trace id of its `traceparent`, else a new one.\n\n"
        "`docs/gateway.md` of the project explains what the answers mean, and what to do about"
        " each error."
    ),
    "license_info": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
    "servers": [{"url": "/", "description": "The gateway that this document comes from"}],
}

TAGS = [
    {"name": "recordings", "description": "For app backends and operators: the control API"},
    {"name": "people", "description": "For those who answer the people in recordings"},
    {"name": "events", "description": "For Event Grid"},
    {"name": "callbacks", "description": "For ACS; there only where a resource has a callback"},
    {"name": "codec", "description": "For Temporal's Web UI; there only with `encryption.keys`"},
    {"name": "health", "description": "For orchestrators"},
    {"name": "webhooks", "description": "Sent by workers, to the receivers that are configured"},
]

SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": (
            "A key of `gateway.keys`, or a token of the issuer of `gateway.oidc`. The roles that an"
            " operation names are those that the key or token must have."
        ),
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "A key of `gateway.keys`",
    },
    "eventSecret": {
        "type": "apiKey",
        "in": "header",
        "name": SECRET_HEADER,
        "description": "A secret of `gateway.event_secrets`",
    },
    "eventSecretInUrl": {
        "type": "apiKey",
        "in": "query",
        "name": SECRET_PARAMETER,
        "description": "The same, where a subscription has no delivery attribute",
    },
    "mediaLink": {
        "type": "apiKey",
        "in": "query",
        "name": SECRET_PARAMETER,
        "description": "The link itself, as `url` of an opened file has it",
    },
    "acsToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The token that ACS signs its callbacks with",
    },
}

PARAMETERS: dict[str, Any] = {
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`respond-async` (RFC 7240): answer at once, without waiting for ACS",
        "schema": {"type": "string"},
        "example": "respond-async",
    }
}


def _header(description: str, example: str | int, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}, "example": example}


HEADERS: dict[str, Any] = {
    "X-Request-ID": _header(
        "The id of the request, in the gateway's log, too", "0af7651916cd43dd8448eb211c80319c"
    ),
    "Location": _header(
        "The path of the call", "/v1/recordings/recording-4dc6fac55f8b05f7a7d4b3ebba4d5c1e"
    ),
    "Preference-Applied": _header("The preference that was honoured", "respond-async"),
    "Retry-After": _header("Seconds after which to ask again", 10, "integer"),
    "WWW-Authenticate": _header("What to present (RFC 9110)", 'Bearer realm="callvault"'),
    "Accept-Ranges": _header("Parts can be asked for", "bytes"),
    "Content-Disposition": _header(
        "A name for the file", 'inline; filename="rec-1-0000-0-eus-d1.mp4"'
    ),
    "Content-Length": _header("Bytes that come", 1_048_576, "integer"),
    "Content-Range": _header("The part that comes", "bytes 0-1023/1048576"),
    "ETag": _header("Stands for these very bytes", '"9f86d081884c7d65"'),
    "Allow": _header("The methods of the path", "OPTIONS, POST"),
    "WebHook-Allowed-Origin": _header("The origin that may send", "eventgrid.azure.net"),
    "WebHook-Allowed-Rate": _header("Deliveries a minute: any number", "*"),
}
