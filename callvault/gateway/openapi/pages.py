"""The routes of the OpenAPI document: as JSON for tools, as a page for people."""

import json

from fastapi import FastAPI, Response

from callvault.gateway.methods import add_read
from callvault.gateway.openapi.document import describe
from callvault.gateway.openapi.html_page import POLICY, render

DOCUMENT = "/openapi.json"
PAGE = "/docs"


def add_description(app: FastAPI) -> None:
    """Describe all routes that the application has by now.

    Both are written once: anybody may ask for them, any number of times.
    """
    described = describe(app)
    document, page = json.dumps(described).encode(), render(described, DOCUMENT).encode()

    async def tell() -> Response:
        return Response(document, media_type="application/json")

    async def show() -> Response:
        return Response(page, media_type="text/html", headers={"content-security-policy": POLICY})

    add_read(app, DOCUMENT, tell, include_in_schema=False)
    add_read(app, PAGE, show, include_in_schema=False)
