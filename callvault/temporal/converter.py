"""The data converter of every client and worker: JSON in, JSON out, and no payload that wedges.

What is between JSON and Temporal is in `callvault.codec`: encryption, where the settings have it.

The SDK drops a signal whose payload cannot be decoded, and fails the workflow task of such a start
again and again. So what nobody can decode reaches a handler as `Unreadable`, which says why.

An error goes to Temporal as one sentence: people read it there.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter, DefaultFailureConverter, PayloadCodec
from temporalio.converter import PayloadConverter as AnyPayloadConverter

from callvault.causes import Cause, tag
from callvault.codec.payload_key import is_sealed
from callvault.contracts.activity_io import (
    AnnouncementInput,
    ArchivedChunk,
    Beginning,
    ControlResult,
    ExportInput,
    PollResultInput,
    PollStateInput,
    RecordingInput,
    SealedRecording,
    StartInput,
)
from callvault.contracts.base import Unreadable, explain, quoted
from callvault.contracts.manifest import SealInput
from callvault.contracts.requests import ControlRequest
from callvault.contracts.results import CallResult
from callvault.contracts.status import ControlRecord
from callvault.errors import PayloadDamaged, PayloadKeyMissing

ENCODED_FAILURE = "Encoded failure"
"""The message of a failure whose own is a payload; the SDKs' word for it."""

SEALED = (
    "it is encrypted, and no key opens it: it was changed since, or another program encrypted it,"
    " or its key is in encryption.lost_keys"
)
"""Said of a payload that will never be readable."""

WITHOUT_DEFAULTS = (
    ControlRequest,
    Beginning,
    StartInput,
    AnnouncementInput,
    RecordingInput,
    ControlResult,
    PollStateInput,
    PollResultInput,
    ExportInput,
    ArchivedChunk,
    SealInput,
    SealedRecording,
    ControlRecord,
    CallResult,
)
"""What is sent without the members that have their default: they are half of most of a call's
payloads, which people read and Temporal Cloud bills. A default must stay what it is, as it does for
callers who leave a member out: histories are read with it. In what programs of any language read,
the answer to a request and the result, it is empty, zero or false, as a missing member is to most.
"""

_PARTS = PydanticPayloadConverter().converters
"""The converters of single payloads, and the type adapters that they have made."""


class PayloadConverter(PydanticPayloadConverter):
    """Pydantic's converter, which raises only where a certain type is asked for."""

    def __init__(self) -> None:
        # Shared: the SDK makes a converter at each step of a workflow, more than once.
        self.converters = _PARTS

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        """Encode values, each as one payload."""
        return super().to_payloads([_shortened(value) for value in values])

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
                if is_sealed(payload):
                    raise PayloadDamaged(SEALED) from None
                raise
            return Unreadable(_reason(payload, error))


def _shortened(value: Any) -> Any:
    if isinstance(value, WITHOUT_DEFAULTS):
        return value.model_dump(mode="json", exclude_defaults=True)
    return value


def _reason(payload: Payload, error: Exception) -> str:
    """Say why a payload cannot be decoded, without repeating what is in it."""
    if isinstance(error, ValidationError):
        return explain(error)
    if is_sealed(payload):
        return SEALED
    encoding = payload.metadata.get("encoding", b"none").decode("ascii", "backslashreplace")
    return f"the payload of encoding {quoted(encoding)} cannot be decoded"


class FailureConverter(DefaultFailureConverter):
    """The SDK's converter, without the stack trace and the errors that led to an error.

    The worker's log has both. With them, one failed attempt could exceed the server's size limit,
    and the server would cut the sentence.
    """

    def to_failure(
        self, exception: BaseException, payload_converter: AnyPayloadConverter, failure: Failure
    ) -> None:
        """Encode an error: its type and its sentence; of the engine's own wrapping, what is in."""
        with _without_traceback(exception):
            super().to_failure(exception, payload_converter, failure)
        failure.stack_trace = ""
        if (missing := _missing_key(exception)) is not None:
            # The SDK gives up for good an activity whose heartbeat it cannot decode.
            failure.application_failure_info.non_retryable = False
            failure.message = missing + tag("callvault", Cause.SETTINGS)
        if failure.HasField("application_failure_info"):
            failure.ClearField("cause")
            # As of an assertion: without a word the Web UI would show nothing.
            failure.message = failure.message or failure.application_failure_info.type


@contextmanager
def _without_traceback(exception: BaseException) -> Iterator[None]:
    """Keep the SDK from writing a traceback in words, which takes longer than all else of it."""
    traceback, exception.__traceback__ = exception.__traceback__, None
    try:
        yield
    finally:
        exception.__traceback__ = traceback


class SealedFailureConverter(FailureConverter):
    """The same for where payloads are encrypted: the sentence becomes a payload, too.

    Its type stays readable. So does a sentence about a missing key: it names no person, and whoever
    lacks the key must be able to read it.
    """

    def to_failure(
        self, exception: BaseException, payload_converter: AnyPayloadConverter, failure: Failure
    ) -> None:
        """Encode an error, with its sentence where the SDK's own converter puts it."""
        super().to_failure(exception, payload_converter, failure)
        if _missing_key(exception) is not None:
            return
        hidden = {"message": failure.message, "stack_trace": failure.stack_trace}
        [payload] = payload_converter.to_payloads([hidden])
        failure.encoded_attributes.CopyFrom(payload)
        failure.message, failure.stack_trace = ENCODED_FAILURE, ""


def _missing_key(error: BaseException) -> str | None:
    """Return the sentence about a missing key that an error is, or comes of; None for others."""
    found = error if isinstance(error, PayloadKeyMissing) else error.__cause__
    return str(found) if isinstance(found, PayloadKeyMissing) else None


data_converter = DataConverter(
    payload_converter_class=PayloadConverter, failure_converter_class=FailureConverter
)
"""Used by workers, clients, replays and tests alike: a history must be read as it was."""


def converter_with(codec: PayloadCodec, *, encrypts: bool) -> DataConverter:
    """Return the converter with a codec; ``encrypts`` if it hides what it encodes."""
    failures = SealedFailureConverter if encrypts else FailureConverter
    return replace(data_converter, payload_codec=codec, failure_converter_class=failures)
