"""Object names: readable for ordinary ids, safe and distinct for any."""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callvault.archive.names import (
    MAX_OBJECT_NAME,
    check_object_name,
    chunk_object_name,
    metadata_object_name,
)
from callvault.contracts.call_ids import canonical_call_id
from callvault.errors import InvalidRequest

DAY = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
CALL = "421f3500-0fbb-11ec-8bd9-63c4fa6d7d3a"
DOCUMENT = "0-eus-d12-801b3f3fc462fe8a01e6810cbff729b8"
GRAMMAR = re.compile(
    r"recordings/\d{4}/\d\d/\d\d(?:/_?[a-z0-9][a-z0-9_-]*(?:~[0-9a-f]{32})?){2}"
    r"/\d{4,}-[a-z0-9][a-z0-9_-]*(?:~[0-9a-f]{32})?(?:\.metadata)?\.[a-z0-9]{1,8}"
)
WINDOWS_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)

HOSTILE = [
    *("", ".", "..", "../..", "/", "\\", "a/b", "a\\b", "..\\..\\b", "%2e%2e", "%2e%2e%2f", "a%00"),
    *("\x00", "a\n", "\x7f", "a\r\nb", "ü", "u\u0308", "\u202e", "\ud800", "ſ", "İ", "ß", "K", "𝟘"),
    *(
        "CON",
        "con",
        "nul",
        "COM1",
        "lpt9",
        "aux.mp4",
        "a.",
        "a ",
        " a",
        "a. ",
        "~",
        "a~b",
        "-",
        "-a",
    ),
    *(
        "_unknown",
        "_server-call",
        "Abc",
        "abc",
        "ABC",
        "x" * 80,
        "x" * 81,
        "x" * 1_000,
        "é" * 1_000,
    ),
    f"abc~{'0' * 32}",
]
ids = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=100),
    st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=20),
    st.text(alphabet="abAB01-_.~/\\% ", max_size=6),
)
chunks = st.fixed_dictionaries(
    {
        "recorded_on": st.datetimes(
            min_value=datetime(2020, 1, 2),
            max_value=datetime(2099, 1, 1),
            timezones=st.sampled_from([UTC, timezone(timedelta(hours=14))]),
        ),
        "call_id": st.none() | ids,
        "server_call_id": ids,
        "recording_id": st.none() | ids,
        "index": st.integers(min_value=0, max_value=2**63 - 1) | st.integers(0, 3),
        "document_id": ids,
        "extension": st.sampled_from(["mp4", "mp3", "wav", "json"]),
    }
)


def name(**changes: Any) -> str:
    chunk: dict[str, Any] = {
        "recorded_on": DAY,
        "call_id": CALL,
        "server_call_id": "aHR0cHM6Ly9hcGk",
        "recording_id": "recording-1",
        "index": 0,
        "document_id": DOCUMENT,
        "extension": "mp4",
    }
    return chunk_object_name(**chunk | changes)


def identity(chunk: dict[str, Any]) -> tuple[Any, ...]:
    day = chunk["recorded_on"].astimezone(UTC).date()
    call = chunk["call_id"]
    server_call = canonical_call_id(chunk["server_call_id"])
    call_key = ("server", server_call) if call is None else ("call", call)
    rest = (chunk["recording_id"], chunk["index"], chunk["document_id"], chunk["extension"])
    return (day, call_key, *rest)


def test_ordinary_ids_stay_readable() -> None:
    assert name() == f"recordings/2026/01/02/{CALL}/recording-1/0000-{DOCUMENT}.mp4"
    assert metadata_object_name(name()) == name().removesuffix(".mp4") + ".metadata.json"


def test_day_is_the_one_in_utc() -> None:
    late = datetime(2026, 1, 1, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert name(recorded_on=late).startswith("recordings/2026/01/02/")


def test_unknown_ids_have_places_no_id_can_take() -> None:
    assert "/_unknown/" in name(recording_id=None)
    assert name(recording_id="_unknown") != name(recording_id=None)
    assert name(call_id=None, server_call_id="a") != name(call_id=None, server_call_id="b")
    assert name(call_id=None, server_call_id=CALL) != name(call_id=CALL)


def test_every_spelling_of_a_server_call_has_the_same_folder() -> None:
    """A9: padding and alphabet make no other call."""
    spellings = ("aHR0cDo/aT0wJg==", "aHR0cDo_aT0wJg==", "aHR0cDo/aT0wJg", "aHR0cDo_aT0wJg")
    assert len({name(call_id=None, server_call_id=each) for each in spellings}) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"recorded_on": datetime(2026, 1, 2)},
        {"index": -1},
        {"index": 2**63},
        {"index": 10**1000},
        {"extension": ""},
        {"extension": "../mp4"},
        {"extension": "MP4"},
        {"extension": "metadata.json"},
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        name(**changes)


def test_hostile_ids_give_distinct_names_even_without_case() -> None:
    for field in ("call_id", "recording_id", "document_id"):
        names = {name(**{field: hostile}).casefold() for hostile in HOSTILE}
        assert len(names) == len(HOSTILE)


@given(chunks, chunks)
def test_different_chunks_never_share_a_name(one: dict[str, Any], other: dict[str, Any]) -> None:
    same_name = chunk_object_name(**one).casefold() == chunk_object_name(**other).casefold()
    assert same_name == (identity(one) == identity(other))


@given(chunks, ids)
def test_another_document_gets_another_name(chunk: dict[str, Any], document_id: str) -> None:
    name, other = (
        chunk_object_name(**chunk | {"document_id": document})
        for document in (chunk["document_id"], document_id)
    )
    differ = chunk["document_id"] != document_id
    assert (name.casefold() != other.casefold()) == differ
    assert (metadata_object_name(name) != metadata_object_name(other)) == differ


@given(chunks, chunks)
def test_media_never_takes_the_name_of_metadata(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert chunk_object_name(**one) != metadata_object_name(chunk_object_name(**other))


@given(chunks)
def test_names_fit_every_store_and_never_leave_their_root(chunk: dict[str, Any]) -> None:
    media = chunk_object_name(**chunk)
    for object_name in (media, metadata_object_name(media)):
        assert GRAMMAR.fullmatch(object_name)
        assert check_object_name(object_name) == object_name
        assert len(object_name) <= MAX_OBJECT_NAME // 2
        root = Path("/archive")
        assert (root / object_name).resolve().is_relative_to(root)
        for part in object_name.split("/"):
            assert len(part.encode()) <= 150
            assert not WINDOWS_RESERVED.fullmatch(part)


@given(st.text(max_size=30) | st.text(alphabet="a./\\~%", max_size=12))
def test_accepted_names_never_leave_their_root(object_name: str) -> None:
    try:
        check_object_name(object_name)
    except InvalidRequest:
        return
    root = Path("/archive")
    assert (root / object_name).resolve() == root.joinpath(*object_name.split("/"))
    assert not any(part.startswith(".") for part in object_name.split("/"))
