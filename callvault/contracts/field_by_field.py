"""Reads a message field by field: one odd field costs itself, and nothing that is needed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from callvault.contracts.base import explain_one, problems_of, shorten

MAX_NOTES = 20
"""Most notes about fields that were left out; more are counted in the last one."""

MAX_NOTE = 200
"""Longest note, in characters."""


class Kept(NamedTuple):
    """The fields that can be read, and what is told of the others."""

    fields: dict[str, Any]
    notes: tuple[str, ...]
    items_left_out: int


def in_camel_case(value: Any, model: type[BaseModel]) -> Any:
    """Return a mapping's known and filled fields under their aliases; any other value as it is.

    Left out are ``null`` and ``""`` too, which older services send where they know nothing.
    """
    if not isinstance(value, Mapping):
        return value
    found = {
        field.alias or name: value.get(field.alias or name, value.get(name))
        for name, field in model.model_fields.items()
    }
    return {name: said for name, said in found.items() if said is not None and said != ""}


def without_odd_fields(
    fields: dict[str, Any], error: ValidationError, items: str, needed: frozenset[str]
) -> Kept:
    """Leave out every field that an error names; the error is raised where nothing useful is left.

    ``items`` is the one field that must be there, a list of mappings; an item goes as a whole if
    one of its ``needed`` fields is odd.
    """
    odd_fields, odd_items = set(), set()
    said = fields.get(items)
    listed = list(said) if isinstance(said, list | tuple) else []
    # "Too short" only repeats that items are odd; where none is left, that is said below.
    problems = [each for each in problems_of(error) if each["type"] != "too_short"]
    for problem in problems:
        match problem["loc"]:
            case (str(name),) if name != items:
                odd_fields.add(name)
            case (name, int(number), str(field)) if name == items and field not in needed:
                listed[number] = _without(listed[number], field)
            case (name, int(number), *_) if name == items:
                odd_items.add(number)
            case _:
                raise error
    left = [item for number, item in enumerate(listed) if number not in odd_items]
    if not left:
        raise error
    kept = {name: value for name, value in fields.items() if name not in odd_fields}
    return Kept(
        {**kept, items: left},
        bounded_notes([explain_one(each) for each in problems]),
        len(odd_items),
    )


def _without(item: Any, field: str) -> Any:
    return {name: value for name, value in item.items() if name != field}


def bounded_notes(notes: Sequence[str]) -> tuple[str, ...]:
    """Return the notes about what was left out, each cut, and the last one a count of more."""
    cut = [shorten(each, MAX_NOTE) for each in notes]
    if len(cut) > MAX_NOTES:
        cut[MAX_NOTES - 1 :] = [f"and {len(cut) - MAX_NOTES + 1} more"]
    return tuple(cut)


def text_of_number(value: Any) -> Any:
    """Return a whole number as its text: some senders number what the service names."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def stripped(value: Any) -> Any:
    """Return a text without the blanks, NULs and byte order marks around it."""
    return value.strip("\ufeff\0 \t\r\n") if isinstance(value, str) else value
