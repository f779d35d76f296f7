"""Protections: what the settings of a resource demand, and a request may tighten but not loosen.

What people in a call are promised is set once, by whoever owns the resource. A program that may
start recordings must not undo it in passing, so that needs a right of its own. Only what the
settings say binds: a field that they leave at its default binds nobody.
"""

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic.alias_generators import to_camel

from callvault.config.resources import ResourceSettings
from callvault.contracts.consent import BeforeConsent, ConsentPolicy, OnWithdrawal
from callvault.contracts.requests import OnMaxPause, OnPauseFailure, StartRequest

IsWeaker = Callable[[Any, Any], bool]
"""Tells if a request's value protects less than the one of the settings."""


class Protection(NamedTuple):
    """One field that protects the people in a call."""

    field: str
    """Its name, in requests and settings alike."""
    is_weaker: IsWeaker


def _ranked(*weakest_first: Any) -> IsWeaker:
    """Compare by place. What stands in no place cannot be compared, and counts as weaker."""

    def is_weaker(asked: Any, set_: Any) -> bool:
        if asked == set_ or set_ == weakest_first[0]:
            return False
        if asked not in weakest_first or set_ not in weakest_first:
            return True
        return weakest_first.index(asked) < weakest_first.index(set_)

    return is_weaker


def _longer(asked: timedelta, set_: timedelta | None) -> bool:
    return set_ is not None and asked > set_


PROTECTIONS: tuple[Protection, ...] = (
    # A list of names may leave out whom the settings mean: it is comparable to `none` alone.
    Protection(
        "consent_policy",
        _ranked(ConsentPolicy.NONE, ConsentPolicy.ANY_PARTY, ConsentPolicy.ALL_PARTIES),
    ),
    Protection("before_consent", _ranked(BeforeConsent.PAUSED, BeforeConsent.WAIT)),
    Protection("consent_within", _longer),
    Protection("on_withdrawal", _ranked(OnWithdrawal.PAUSE, OnWithdrawal.PAUSE_AND_MARK)),
    Protection("stop_when_last_consenting_leaves", _ranked(False, True)),
    Protection("pause_confirm_within", _longer),
    Protection(
        "on_pause_failure",
        _ranked(OnPauseFailure.ALARM, OnPauseFailure.MARK, OnPauseFailure.STOP),
    ),
    Protection("on_max_pause", _ranked(OnMaxPause.RESUME, OnMaxPause.ALARM)),
)
"""All of them, but for `max_pause`, whose meaning depends on its reaction."""


def sets_protection(request: StartRequest) -> bool:
    """Tell if a request says anything about what protects."""
    fields = (*(protection.field for protection in PROTECTIONS), "max_pause")
    return any(getattr(request, field) is not None for field in fields)


def loosened(request: StartRequest, resource: ResourceSettings) -> list[str]:
    """Say of each field in which a request protects less than the settings, and how."""
    found = [
        _said(protection.field, asked, getattr(resource, protection.field))
        for protection in PROTECTIONS
        if protection.field in resource.model_fields_set
        and (asked := getattr(request, protection.field)) is not None
        and protection.is_weaker(asked, getattr(resource, protection.field))
    ]
    if _ends_pauses_earlier(request, resource):
        found.append(_said("max_pause", request.max_pause, resource.max_pause))
    return found


def _ends_pauses_earlier(request: StartRequest, resource: ResourceSettings) -> bool:
    """Tell if pauses are resumed sooner than the settings allow."""
    reaction = request.on_max_pause or resource.on_max_pause
    binds = {"max_pause", "on_max_pause"} & resource.model_fields_set
    # With an alarm, a shorter limit is an earlier alarm, and no sound.
    if request.max_pause is None or not binds or reaction is not OnMaxPause.RESUME:
        return False
    return resource.max_pause is None or request.max_pause < resource.max_pause


def _said(field: str, asked: object, set_: object) -> str:
    return f"{to_camel(field)} {_word(asked)} instead of {_word(set_)}"


def _word(value: object) -> str:
    return str(value.value) if isinstance(value, StrEnum) else str(value).lower()
