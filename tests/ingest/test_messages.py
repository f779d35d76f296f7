import base64
import json

import pytest

from callvault.errors import InvalidRequest
from callvault.ingest.messages import read_message

EVENT = {"id": "1", "eventType": "Microsoft.Communication.CallEnded", "data": {"x": "ü"}}


@pytest.mark.parametrize("events", [EVENT, [EVENT], [EVENT, EVENT]])
def test_base64_and_plain_json_are_read_alike(events: object) -> None:
    text = json.dumps(events)
    encoded = base64.b64encode(text.encode()).decode()
    expected = events if isinstance(events, list) else [events]
    assert read_message(text) == read_message(encoded) == read_message(f" {encoded}\n") == expected


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "not JSON"),
        ("hello!", "neither JSON nor base64"),
        ("aGVsbG8=", "not JSON"),
        ("[]", "holds no event"),
        ("{", "not JSON"),
    ],
)
def test_anything_else_is_refused_with_the_reason(content: str, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        read_message(content)
