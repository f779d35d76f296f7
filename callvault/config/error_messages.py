"""Problems of a configuration, in one message that never repeats a value."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

_TAGGED = (("archives",), ("gateway", "quarantine"))
"""Beginnings of the paths whose errors carry the chosen kind as their third part."""


def setting_fields(
    model: type[BaseModel], prefix: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Yield every setting below a model: its path, with ``NAME`` for a name of one's choice."""
    for name, field in model.model_fields.items():
        path = (*prefix, name)
        nested = list(_models(field.annotation))
        if not nested:
            yield path, field
        for inner in nested:
            named = get_origin(field.annotation) is dict
            yield from setting_fields(inner, (*path, "NAME") if named else path)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections that an annotation holds, alone, as a choice, or by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        # A RootModel, as `SecretRef`, is a value and no section.
        if "root" not in annotation.model_fields:
            yield annotation
    # The arguments of a Literal are values, not types.
    elif get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            yield from _models(part)


def explain(
    error: ValidationError, model: type[BaseModel], variables: Mapping[str, tuple[str, ...]]
) -> str:
    """Write a line for each wrong key: its place, what is wrong with it, and the fix."""
    known = [path for path, _ in setting_fields(model)]
    # Without inputs: a secret may have been written in place of its reference.
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    lines = [f"  {_line(problem, known, variables)}" for problem in problems]
    return "\n".join(["the configuration is wrong:", *lines])


def _line(
    problem: ErrorDetails, known: list[tuple[str, ...]], variables: Mapping[str, tuple[str, ...]]
) -> str:
    path = _path(problem)
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "is not a setting" + _did_you_mean(path, known)
    elif problem["type"] == "missing":
        message = "is missing: set it"
    place = ".".join(path)
    source = next((name for name, sets in variables.items() if _concerns(sets, path)), None)
    shown = f"{place} (from {source})" if source else place
    return f"{shown}: {message}" if shown else message


def _concerns(sets: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Return True if a variable sets the wrong key, or the whole list or table it is a part of."""
    return bool(path) and (sets == path or (len(sets) > 1 and path[: len(sets)] == sets))


def _path(problem: ErrorDetails) -> tuple[str, ...]:
    # Pydantic adds "[key]" where the name of a table's entry is wrong.
    path = tuple(str(part) for part in problem["loc"] if part != "[key]")
    is_tagged = any(path[: len(tagged)] == tagged for tagged in _TAGGED)
    return path[:2] + path[3:] if is_tagged else path


def _did_you_mean(path: tuple[str, ...], known: list[tuple[str, ...]]) -> str:
    """Suggest the nearest key of the same depth."""
    if (path[0], "NAME") in {setting[:2] for setting in known}:
        path = (path[0], "NAME", *path[2:])
    same_depth = sorted({".".join(setting[: len(path)]) for setting in known})
    near = difflib.get_close_matches(".".join(path), same_depth, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
