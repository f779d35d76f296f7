"""The data converter of every client and worker: JSON in, JSON out, and no payload that wedges.

The SDK drops a signal whose payload cannot be decoded, and fails the workflow task of such a start
again and again. So what nobody can decode reaches a handler as `Unreadable`, which says why.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter

from callvault.contracts.base import Unreadable, explain, quoted


class PayloadConverter(PydanticPayloadConverter):
    """Pydantic's converter, which raises only where a certain type is asked for."""

    def from_payloads(
        self, payloads: Sequence[Payload], type_hints: list[type] | None = None
    ) -> list[Any]:
        """Decode payloads; one that cannot be, and may be anything, becomes `Unreadable`."""
        hints: Sequence[Any] = type_hints or [None] * len(payloads)
        return [self._decode(*each) for each in zip(payloads, hints, strict=True)]

    def _decode(self, payload: Payload, hint: Any) -> Any:
        try:
            return super().from_payloads([payload], [hint] if hint else None)[0]
        except Exception as error:
            # An answer of a certain type must be one; messages from outside may be anything.
            if hint not in (None, Any):
                raise
            return Unreadable(_reason(payload, error))


def _reason(payload: Payload, error: Exception) -> str:
    """Say why a payload cannot be decoded, without repeating what is in it."""
    if isinstance(error, ValidationError):
        return explain(error)
    encoding = payload.metadata.get("encoding", b"none").decode("ascii", "backslashreplace")
    return f"the payload of encoding {quoted(encoding)} cannot be decoded"


data_converter = DataConverter(payload_converter_class=PayloadConverter)
"""Used by workers, clients, replays and tests alike: a history must be read as it was."""
