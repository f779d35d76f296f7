"""The forms in which events are kept: messages of a queue, and files."""

import base64
import json

import pytest

from callvault.errors import InvalidRequest
from callvault.ingest.formats import read_events, read_message

ONE = {"id": "1", "eventType": "Microsoft.Communication.CallEnded", "data": {"x": "ü"}}
TWO = {"id": "2", "type": "Microsoft.Communication.CallEnded", "data": {"x": "\n"}}
ABOUT = {"reason": "?", "receivedAt": "2026-07-27T15:20:23+00:00", "headers": {}}


def _text(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _base64(value: object) -> bytes:
    return base64.b64encode(_text(value))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (_text(ONE), [ONE]),
        (json.dumps(ONE, indent=2).encode(), [ONE]),
        (_text([ONE, TWO]), [ONE, TWO]),
        (json.dumps([ONE, TWO], indent=2).encode(), [ONE, TWO]),
        (_text(ONE) + b"\n" + _text(TWO) + b"\n\n", [ONE, TWO]),
        (_text([ONE, ONE]) + b"\r\n" + _base64([TWO]), [ONE, ONE, TWO]),
        (_base64(ONE) + b"\n", [ONE]),
        (b"\xef\xbb\xbf" + _text(ONE), [ONE]),
        (_text(ABOUT) + b"\n" + _text([ONE, TWO]), [ONE, TWO]),
        (_text(ABOUT) + b"\n" + json.dumps(ONE, indent=1).encode(), [ONE]),
    ],
)
def test_events_are_found_in_every_form_in_which_they_are_kept(
    content: bytes, expected: object
) -> None:
    assert read_events(content) == expected


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (_text(ONE) + b"\nhello!\n" + _text(TWO), "line 2: the message is neither JSON nor base64"),
        (_text(ABOUT) + b"\n?", "not JSON"),
        (b"[" * 100_000, "nested deeper"),
    ],
)
def test_what_is_in_no_such_form_is_refused_with_its_line(content: bytes, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        read_events(content)


@pytest.mark.parametrize("events", [ONE, [ONE], [ONE, ONE]])
def test_base64_and_plain_json_are_read_alike(events: object) -> None:
    text = json.dumps(events)
    encoded = base64.b64encode(text.encode()).decode()
    expected = events if isinstance(events, list) else [events]
    assert read_message(text) == read_message(encoded) == read_message(f" {encoded}\n") == expected


def _odd_base64() -> list[str]:
    """Return a message in base64 as people's tools write it."""
    text = json.dumps({**ONE, "x": "~?>" * 40 + "\u00ff"}, ensure_ascii=False).encode()
    plain = base64.b64encode(text).decode()
    lines = [plain[at : at + 76] for at in range(0, len(plain), 76)]
    return [
        "\n".join(lines),
        "\r\n".join(lines) + "\r\n",
        "\ufeff" + plain,
        plain.rstrip("="),
        base64.urlsafe_b64encode(text).decode(),
        base64.urlsafe_b64encode(text).decode().rstrip("="),
        base64.b64encode(b"\xef\xbb\xbf" + text).decode(),
        base64.b64encode(text.decode().encode("utf-16")).decode(),
        "\ufeff" + text.decode(),
        text.decode() + "\0",
    ]


@pytest.mark.parametrize("content", _odd_base64())
def test_d10_base64_is_read_as_peoples_tools_write_it(content: str) -> None:
    [event] = read_message(content)
    assert event["x"].startswith("~?>")
    assert read_events(content.encode()) == [event]


def test_d10_half_an_emoji_in_a_message_costs_that_text_only() -> None:
    [event] = read_message('{"type": "x", "odd": "\ud83d"}')
    assert event["type"] == "x"


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
def test_any_other_message_is_refused_with_the_reason(content: str, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        read_message(content)
