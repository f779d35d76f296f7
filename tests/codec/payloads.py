"""Every payload in a message of Temporal's."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, SearchAttributes


def payloads_in(message: Message) -> Iterator[Payload]:
    """Yield every payload of a message of Temporal's but those of search attributes."""
    if isinstance(message, Payload):
        yield message
        return
    if isinstance(message, SearchAttributes):
        return
    for field, value in message.ListFields():
        yield from payloads_of(field, value)


def payloads_of(field: FieldDescriptor, value: Any) -> Iterator[Payload]:
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        return
    is_map = field.message_type.GetOptions().map_entry
    for each in value.values() if is_map else value if field.is_repeated else [value]:
        if isinstance(each, Message):
            yield from payloads_in(each)
