"""Temporal's codec endpoint: decrypts payloads for the Web UI and for the `temporal` command.

It encrypts, too: the command has even the empty argument of a query encoded, and shows no answer
where that fails.
"""

import base64
import json

from fastapi import APIRouter, Depends, Request, Response
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.client import Client

from callvault.codec.encryption import codec_of, unopened
from callvault.errors import InvalidRequest, PayloadKeyMissing
from callvault.gateway.access import Access
from callvault.gateway.bodies import read_body
from callvault.gateway.control_answers import json_response
from callvault.gateway.messages import EncodedPayload, EncodedPayloads
from callvault.gateway.openapi import operations

CODEC = "/v1/codec"
"""The endpoint as it is given to the Web UI (`--codec-endpoint`), which adds the rest."""

MAX_BODY = 8 * 1024 * 1024
"""Bytes of a request: a page of history is 4 MiB at most, and base64 makes a third more of it."""

MAX_PAYLOADS = 5_000
"""Payloads of a request, each of which is decrypted by itself."""


class CodecApi:
    """Decrypts and encrypts payloads with the keys of this process."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def decode(self, request: Request) -> Response:
        """Return the payloads decrypted, in their order; those that are not encrypted as they are.

        `InvalidRequest` where one cannot be decrypted, with what is to be done.
        """
        payloads = _read(await read_body(request, MAX_BODY))
        if (codec := codec_of(self._client)) is not None:
            try:
                await codec.decode_wrapper(payloads)
            except PayloadKeyMissing as missing:
                raise InvalidRequest(str(missing), status=422, code="key_missing") from None
        if unopened(payloads.payloads):
            raise InvalidRequest(DAMAGED, status=422, code="payload_damaged")
        return _answer(payloads)

    async def encode(self, request: Request) -> Response:
        """Return the payloads encrypted, in their order, as all that Callvault sends."""
        payloads = _read(await read_body(request, MAX_BODY))
        if (codec := codec_of(self._client)) is not None:
            await codec.encode_wrapper(payloads)
        return _answer(payloads)


DAMAGED = (
    "no key opens one of these payloads: it was changed since it was encrypted, or another program"
    " encrypted it, or its key is in encryption.lost_keys"
)


def _read(body: bytes) -> Payloads:
    # Counted before anything is read: a small body may hold millions of empty payloads.
    if body.count(b"{") > 2 * MAX_PAYLOADS + 1:
        raise InvalidRequest(f"more than {MAX_PAYLOADS} payloads: send fewer at a time", status=413)
    try:
        told = json.loads(body)
        if not isinstance(told, dict):
            raise TypeError
        return json_format.ParseDict(told, Payloads(), ignore_unknown_fields=True)
    # Whatever a hostile body makes the parsers raise, it is the body that is wrong.
    except (ValueError, TypeError, AttributeError, json_format.Error) as error:
        kind = type(error).__name__
        message = f'the body is no {{"payloads": […]}} as Temporal sends it ({kind})'
        raise InvalidRequest(message) from None


def _answer(payloads: Payloads) -> Response:
    return json_response(EncodedPayloads(payloads=list(map(_told, payloads.payloads))))


def _told(payload: Payload) -> EncodedPayload:
    metadata = {name: _base64(value) for name, value in payload.metadata.items()}
    return EncodedPayload(metadata=metadata, data=_base64(payload.data))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def codec_router(api: CodecApi, access: Access, origins: tuple[str, ...]) -> APIRouter:
    """Return the routes, for callers with the role and, without keys, for pages of ``origins``."""
    router = APIRouter(tags=["codec"])
    allowed = [Depends(access.requires("decode", origins))]
    for part, answer, declared in (
        ("decode", api.decode, operations.DECODE),
        ("encode", api.encode, operations.ENCODE),
    ):
        router.add_api_route(
            f"{CODEC}/{part}", answer, methods=["POST"], dependencies=allowed, **declared
        )
    return router
