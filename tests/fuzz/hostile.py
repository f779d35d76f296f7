"""Hostile JSON: documents of ours, changed as a mistaken or malicious sender would change them.

A document is changed by its structure first (fields dropped, doubled, of another type, out of all
proportion), then as bytes (cut, of another encoding, compressed).
"""

import gzip
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from callvault.contracts.printable import printable

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Raw:
    """A JSON value by its text, which Python's own writer would not write."""

    text: bytes


@dataclass(frozen=True)
class Pairs:
    """A JSON object whose keys may occur twice."""

    members: tuple[tuple[str, Any], ...]


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> Raw:
    """Make a value of this depth."""
    return Raw(opening * depth + b"0" + closing * depth)


def many(element: bytes, count: int) -> Raw:
    """Make a list of this length."""
    return Raw(b"[" + b",".join([element] * count) + b"]")


CHEAP: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 0.5, 10**30, -(10**30), 2**63, 1e300),
    *(Raw(text) for text in (b"NaN", b"-Infinity", b"1e999", b"-1e999", b"1e-999", b"-0")),
    *(Raw(b"9" * 5_000), Raw(b"0." + b"3" * 5_000), Raw(b'"' + b"9" * 5_000 + b'"')),
    *("", " ", "\0", "\ufeff", "\u202e", "\x1b[2J\x1b[31m", "a\nb", "[/red]", "%00", "../../../x"),
    *("null", "nan", "-1", "٣", "x" * 3_000, "€" * 1_500, "https://", "http://[", "//x:99999/"),
    *(Raw(b'"\\ud83d"'), Raw(b'"\\udc00\\ud800"'), Raw(b'"\xed\xa0\xbd"'), Raw(b'"\xff\xfe"')),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.9999999-14:00", "2026-02-30T00:00:00Z"),
    *("2016-12-31T23:59:60Z", "1" * 4_400, "P" + "9" * 400 + "D", "PT1e999S"),
    *([], {}, [None], [[]], {"": ""}, {"$ref": "#"}, ["x"] * 300, nested(40)),
)
"""Small values that somebody could put in the place of any other."""

ODD: tuple[Any, ...] = (
    *CHEAP,
    *(nested(70), nested(30_000), nested(2_000, b'{"a":', b"}")),
    *(many(b"0", 20_000), many(b"{}", 20_000), Raw(b'{"a":"' + b"b" * 60_000 + b'"}')),
)
"""Those, and some that are too deep or too large for any door."""


def written(value: Any) -> bytes:
    """Write a value as JSON, as it stands."""
    match value:
        case Raw():
            return value.text
        case Pairs():
            return _object(value.members)
        case dict():
            return _object(value.items())
        case list():
            return b"[" + b",".join(map(written, value)) + b"]"
        case _:
            return json.dumps(value).encode()


def _object(members: Any) -> bytes:
    parts = (json.dumps(name).encode() + b":" + written(value) for name, value in members)
    return b"{" + b",".join(parts) + b"}"


def is_inert(text: str) -> bool:
    """Tell if a text from a door is one line that moves no cursor and hides nothing."""
    return bool(text) and printable(text) == text


def is_read_or_refused(kind: type[Exception], read: Callable[[Any], object], content: Any) -> bool:
    """Tell if a reader reads a content, or refuses it with its own error, which is inert."""
    try:
        read(content)
    except kind as error:
        return is_inert(str(error))
    return True


def paths(value: Any, before: Path = ()) -> Iterator[Path]:
    """Yield the path of every value within a document, the document's own first."""
    yield before
    members: Any = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for name, member in members:
        yield from paths(member, (*before, name))


def at(value: Any, path: Path) -> Any:
    """Return the value at a path."""
    for name in path:
        value = value[name]
    return value


def replaced(value: Any, path: Path, new: Callable[[Any], Any]) -> Any:
    """Return a document with another value at a path."""
    if not path:
        return new(value)
    copy = deepcopy(value)
    parent = at(copy, path[:-1])
    parent[path[-1]] = new(parent[path[-1]])
    return copy


def without(value: Any, path: Path) -> Any:
    """Return a document without the value at a path."""
    copy = deepcopy(value)
    del at(copy, path[:-1])[path[-1]]
    return copy


def _doubled(document: Any, path: Path, odd: Any, *, odd_first: bool) -> Any:
    """Give an object one of its keys twice, or a list one of its items."""
    name = path[-1]
    member = at(document, path)

    def double(parent: Any) -> Any:
        if isinstance(parent, list):
            return [odd, *parent] if odd_first else [*parent, member, odd]
        said = [(key, each) for key, each in parent.items() if key != name]
        twice = [(name, odd), (name, member)] if odd_first else [(name, member), (name, odd)]
        return Pairs((*said, *twice))

    return replaced(document, path[:-1], double)


def _renamed(document: Any, path: Path, name: str) -> Any:
    member = at(document, path)
    parent = at(without(document, path), path[:-1])
    if not isinstance(parent, dict):
        return without(document, path)
    return replaced(without(document, path), path[:-1], lambda parent: {**parent, name: member})


_NAMES = ("", "__proto__", "\ud83d", "x" * 3_000, "\x1b[31m", "serverCallId", "recordingId")


@st.composite
def hostile_values(
    draw: st.DrawFn, document: Any, odd: tuple[Any, ...] = ODD, keep: tuple[Path, ...] = ()
) -> Any:
    """Change a document in one to three places, but never at ``keep``, or above it."""
    changed = document
    for _ in range(draw(st.integers(1, 3))):
        kept = {path[:length] for path in keep for length in range(len(path) + 1)}
        places = [path for path in paths(changed) if path not in kept]
        if not places:
            break
        changed = _changed(draw, changed, draw(st.sampled_from(places)), odd)
        if isinstance(changed, Raw | Pairs) or any(
            isinstance(at(changed, path), Pairs) for path in paths(changed)
        ):
            # The writer alone understands what holds a key twice.
            break
    return changed


def _changed(draw: st.DrawFn, document: Any, path: Path, odd: tuple[Any, ...]) -> Any:
    value = draw(st.sampled_from(odd))
    how = draw(st.sampled_from(("replace", "drop", "double", "rename", "wrap", "write twice")))
    if not path or how == "replace":
        return replaced(document, path, lambda _: value)
    match how:
        case "drop":
            return without(document, path)
        case "double":
            return _doubled(document, path, value, odd_first=draw(st.booleans()))
        case "rename":
            return _renamed(document, path, draw(st.sampled_from(_NAMES)))
        case "wrap":
            return replaced(document, path, lambda member: [member] * draw(st.integers(1, 3)))
        case _:
            return replaced(
                document, path, lambda member: written(member).decode("utf-8", "replace")
            )


def hostile_bytes(
    document: Any, odd: tuple[Any, ...] = ODD, keep: tuple[Path, ...] = ()
) -> st.SearchStrategy[bytes]:
    """Change a document by its structure, and perhaps its bytes too."""
    bodies = st.one_of(hostile_values(document, odd, keep).map(written), st.just(written(document)))
    return st.one_of(bodies, bodies.flatmap(damaged_bytes))


@st.composite
def damaged_bytes(draw: st.DrawFn, body: bytes) -> bytes:
    """Damage bytes, whatever they are."""
    text = body.decode("utf-8", "replace")
    place = draw(st.integers(0, max(0, len(body) - 1)))
    noise = draw(st.binary(min_size=1, max_size=8))
    return draw(
        st.sampled_from(
            (
                b"",
                body[:place],
                body[place:],
                b"\xef\xbb\xbf" + body,
                body + b"\0" * 64,
                body + body,
                body + b" " * 3_000 + noise,
                noise + body,
                body[:place] + noise + body[place + len(noise) :],
                text.encode("utf-16", "replace"),
                text.encode("utf-32-be", "replace"),
                text.encode("latin-1", "replace").replace(b"e", b"\xe9"),
                gzip.compress(body, 1, mtime=0),
                gzip.compress(body, 1, mtime=0)[: place + 1],
                gzip.compress(b"[" + b" " * 8_000_000 + b"]", 1, mtime=0),
            )
        )
    )
