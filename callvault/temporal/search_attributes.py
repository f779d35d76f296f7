"""The search attributes that must not be set now, for the namespace does not know them.

Somebody may remove one while calls are open. The server then fails every workflow task that sets
it, and a pause with it: what is shown may fail, control may not.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    SearchAttributeUpdate,
    TypedSearchAttributes,
)

SETTLE_TIME = 15.0
"""Seconds for which an attribute that is back must have been there before it is set: the parts of
the server read their namespaces anew every ten."""

FILLER = SearchAttributeKey.for_keyword("BatcherUser")
"""An attribute that every namespace has: Temporal's own, for its batch jobs."""

Update = SearchAttributeUpdate[Any]


class SearchAttributes:
    """Ours, as the namespace knows them or not. One for each process: see `SEARCH_ATTRIBUTES`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._missed_at: dict[str, float] = {}
        self._has_missed = False

    def seen(self, missing: Iterable[str]) -> None:
        """Note which ones the namespace does not know."""
        now, missing = self._clock(), tuple(missing)
        self._has_missed = self._has_missed or bool(missing)
        old = {name: at for name, at in self._missed_at.items() if now - at < SETTLE_TIME}
        # Replaced as a whole, for workflows of other threads read it.
        self._missed_at = old | dict.fromkeys(missing, now)

    @property
    def were_missed(self) -> bool:
        """True if one was not there since this process began: calls may show what is old."""
        return self._has_missed

    def usable(self, updates: list[Update]) -> list[Update]:
        """Leave out what the namespace does not know; the server takes no update of nothing.

        Not deterministic, and need not be: a replay compares the kind of a command, and never the
        attributes that it sets.
        """
        usable = [each for each in updates if each.key.name not in self._missed_at]
        return usable or [FILLER.value_unset()]

    def inherited(self, before: TypedSearchAttributes) -> TypedSearchAttributes | None:
        """Return what the next run inherits; None for everything, where all are known."""
        missed = self._missed_at
        if not missed:
            return None
        kept = [pair for pair in before if pair.key.name not in missed]
        # Given none at all, the server lets the next run inherit everything.
        return TypedSearchAttributes(kept or [SearchAttributePair(FILLER, "callvault")])


SEARCH_ATTRIBUTES = SearchAttributes()
"""Those of this process, as its worker sees them."""
