"""The display of a call in the Temporal Web UI: search attributes, and the text of its page.

Each change of search attributes is an event in the history and a billable action: they are set
where a list of calls becomes another one, and never twice to the same values.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate, TypedSearchAttributes

from callvault.contracts import names
from callvault.contracts.states import RecordingState
from callvault.contracts.status import CallStatus, RecordingStatus
from callvault.temporal.search_attributes import SEARCH_ATTRIBUTES
from workflows import page
from workflows.call.recording_state import is_at_risk
from workflows.call.results import worst

MAX_INDEXED_BYTES = 2_000
"""Bytes of ids in one search attribute: at 2,048 the server ends the workflow."""

BRIEF_TIME = timedelta(minutes=1)
"""Time for which a state must have lasted, where it is a brief one, to be shown in lists by the
next workflow task that comes anyway."""

SHOWN_WITHIN = timedelta(minutes=15)
"""Time after which lists show it in any case."""

DEADLINE_LEEWAY = timedelta(minutes=10)
"""Time by which a deadline may be earlier than lists show it, as long as the state is brief."""

Attributes = dict[str, Any]
"""Values of search attributes, by name; without those that are not set."""


@dataclass(frozen=True)
class Display:
    """What lists show of a call."""

    state: RecordingState
    recording_ids: tuple[str, ...]
    call_ids: tuple[str, ...]
    expires_at: datetime | None
    at_risk: bool
    resource: str
    has_orphan: bool
    duties: int
    memo: tuple[tuple[str, str], ...]
    """Short forms of the newest ids, as people have them."""


def of(status: CallStatus) -> Display:
    """Derive what lists are to show."""
    expiries = [r.expires_at for r in status.recordings if r.expires_at is not None]
    return Display(
        state=worst(status),
        recording_ids=_indexed(r.recording_id for r in _begun(status) if r.recording_id),
        call_ids=_indexed({r.call_id: None for r in status.recordings if r.call_id}),
        expires_at=_full_minute(min(expiries, default=None)),
        at_risk=is_at_risk(status),
        resource=status.resource,
        has_orphan=any(recording.is_orphan for recording in status.recordings),
        duties=sum(r.sealed.duties for r in status.recordings if r.sealed),
        memo=_memo(status),
    )


class Shown:
    """What the Web UI shows of a call now, from what the workflow was started with on."""

    def __init__(self) -> None:
        given = workflow.info().typed_search_attributes
        ours = {key.name for key in names.SEARCH_ATTRIBUTES}
        # By what was meant to be set, and not by what the namespace has taken: a replay does the
        # same, wherever it is made.
        self._attributes: Attributes = {p.key.name: p.value for p in given if p.key.name in ours}
        self._memo: tuple[tuple[str, str], ...] = ()
        self._brief: tuple[str, datetime] | None = None
        """A state that the lists do not show yet, and since when it lasts."""

    @property
    def due_at(self) -> datetime | None:
        """When a state is to be shown that lasts; None while all is shown, or is by itself."""
        if self._brief is None or self._brief[0] == RecordingState.ARCHIVING:
            # The next alarm about a file that is not archived shows it.
            return None
        return self._brief[1] + SHOWN_WITHIN

    def bring_up_to_date(self, status: CallStatus, at: datetime) -> Display:
        """Show a call as it is now; only what is no longer shown rightly costs an event.

        Return what lists are to show, now or if it lasts.
        """
        now = of(status)
        workflow.set_current_details(page.of(status))
        if not self._is_brief(now.state, at) or self._is_urgent(now):
            self._show(now)
        return now

    def _is_brief(self, state: RecordingState, at: datetime) -> bool:
        """Tell if a state is one that mostly is over before anybody looks at a list."""
        if self._attributes.get(names.STATE.name) not in _MOMENTARY.get(state, ()):
            self._brief = None
            return False
        if self._brief is None or self._brief[0] != state:
            self._brief = state, at
        return at - self._brief[1] < BRIEF_TIME

    def _is_urgent(self, now: Display) -> bool:
        """Tell if a list must show at once what has changed beside the state."""
        shown, wanted = self._attributes, _attributes(now)
        if any(shown.get(key.name) != wanted.get(key.name) for key in _URGENT):
            return True
        before, deadline = shown.get(names.EXPIRES_AT.name), now.expires_at
        return deadline is not None and (before is None or before - deadline > DEADLINE_LEEWAY)

    def _show(self, now: Display) -> None:
        if (attributes := _attributes(now)) != self._attributes:
            # At the end all of them: one that was missing meanwhile may be back.
            is_whole = now.state.is_final or SEARCH_ATTRIBUTES.were_missed
            updates = [
                _update(key, attributes.get(key.name))
                for key in names.SEARCH_ATTRIBUTES
                if is_whole or attributes.get(key.name) != self._attributes.get(key.name)
            ]
            workflow.upsert_search_attributes(SEARCH_ATTRIBUTES.usable(updates))
            self._attributes = attributes
        if now.memo != self._memo:
            workflow.upsert_memo(dict(now.memo))
            self._memo = now.memo


def inherited() -> TypedSearchAttributes | None:
    """Return the search attributes of the next run; None for those of this one."""
    return SEARCH_ATTRIBUTES.inherited(workflow.info().typed_search_attributes)


def _indexed(ids: Iterable[str]) -> tuple[str, ...]:
    """Return the newest ids, as many as a search attribute holds; the status has them all."""
    kept: list[str] = []
    left = MAX_INDEXED_BYTES
    for each in reversed(list(ids)):
        # As JSON: with quotes and a comma, and with each of these escaped in the text.
        size = len(json.dumps(each)) + 1
        if size <= left:
            kept.append(each)
            left -= size
    return tuple(reversed(kept))


def _memo(status: CallStatus) -> tuple[tuple[str, str], ...]:
    """Return the memo once ACS has named a recording: until then the start's own will do."""
    # Each change is an event in the history.
    begun = _begun(status)
    newest = begun[-1] if begun else None
    if newest is None or newest.recording_id is None:
        return ()
    known = names.memo_of(status.server_call_id)
    known[names.MEMO_RECORDING_ID] = names.short_form(newest.recording_id)
    if newest.call_id:
        known[names.MEMO_CALL_ID] = names.short_form(newest.call_id)
    return tuple(known.items())


def _attributes(display: Display) -> Attributes:
    values: dict[SearchAttributeKey[Any], Any] = {
        names.STATE: str(display.state),
        names.RECORDING_IDS: list(display.recording_ids) or None,
        names.CALL_IDS: list(display.call_ids) or None,
        names.EXPIRES_AT: display.expires_at,
        names.AT_RISK: display.at_risk,
        names.RESOURCE: display.resource,
        names.ORPHAN: display.has_orphan,
        names.DUTIES: display.duties,
    }
    return {key.name: value for key, value in values.items() if value is not None}


def _full_minute(moment: datetime | None) -> datetime | None:
    """Round down to the minute."""
    # Chunks that expire within one minute cost one update, an event each, together.
    return moment and moment.replace(second=0, microsecond=0)


def _update(key: SearchAttributeKey[Any], value: Any) -> SearchAttributeUpdate[Any]:
    return key.value_unset() if value is None else key.value_set(value)


_MOMENTARY: dict[RecordingState, tuple[RecordingState, ...]] = {
    RecordingState.PAUSED: (RecordingState.RECORDING,),
    RecordingState.STOPPING: (RecordingState.STARTING, RecordingState.RECORDING),
    RecordingState.ARCHIVING: (RecordingState.PROCESSING,),
}
"""The states that mostly last for a moment, by those that are shown meanwhile: none of these claims
more than is so. What records is never shown as paused."""

_URGENT = (names.AT_RISK, names.RESOURCE, names.ORPHAN, names.DUTIES)
"""The attributes by which people are called."""


def _begun(status: CallStatus) -> list[RecordingStatus]:
    """Return the recordings that are listed by their id: together with their next state."""
    return [r for r in status.recordings if r.state is not RecordingState.STARTING]
