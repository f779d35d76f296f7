"""Links into Temporal's Web UI: the saved queries of its list, and the page of a call.

Every view shows the last run of each call alone: neither traces of calls nor Schedules crowd it.
"""

from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote, urlencode

from callvault.contracts import names
from callvault.contracts.states import RecordingState
from callvault.temporal.call_list import LAST_RUN, NEAR

_ENDED_EARLY = "ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut', 'Canceled')"
_UNFINISHED = ", ".join(f"'{state}'" for state in RecordingState if not state.is_final)
_ABANDONED = f"{_ENDED_EARLY} AND {names.STATE.name} IN ({_UNFINISHED})"


class View(StrEnum):
    """A saved query of the list."""

    AT_RISK = "at-risk"
    LOST = "lost"
    OPEN = "open"
    KEPT = "kept"
    NOT_BEGUN = "not-begun"
    ABANDONED = "abandoned"
    ORPHANS = "orphans"
    DUTIES = "duties"
    CALLS = "calls"


MEANINGS = {
    View.AT_RISK: "a file is late or lost, due within the hour, or nobody keeps the call",
    View.LOST: "a recording is lost, whatever the status of its workflow",
    View.OPEN: "the workflow has not ended",
    View.KEPT: "all is over, and nothing is lost",
    View.NOT_BEGUN: "recording was asked for, and did not begin",
    View.ABANDONED: "the workflow is paused, or was ended before its recordings had ended",
    View.ORPHANS: "a recording that nobody asked for",
    View.DUTIES: "people must delete or review something",
    View.CALLS: "every call",
}


def query_of(view: View, now: datetime) -> str:
    """Write the visibility query of a view; that of `AT_RISK` holds for the hour that begins."""
    calls = f"WorkflowType = '{names.WORKFLOW_TYPE}' AND {LAST_RUN}"
    condition = _condition(view, now)
    return f"{calls} AND {condition}" if condition else calls


def _condition(view: View, now: datetime) -> str:
    state, at_risk = names.STATE.name, names.AT_RISK.name
    due = f"{names.EXPIRES_AT.name} < '{now.astimezone(UTC) + NEAR:%Y-%m-%dT%H:%M:%SZ}'"
    abandoned = f"ExecutionStatus = 'Paused' OR ({_ABANDONED})"
    return {
        View.AT_RISK: f"({at_risk} = true OR (CloseTime IS NULL AND {due}) OR {abandoned})",
        View.LOST: f"{state} = '{RecordingState.LOST}'",
        View.OPEN: "CloseTime IS NULL",
        View.KEPT: f"ExecutionStatus = 'Completed' AND {at_risk} = false",
        View.NOT_BEGUN: f"{state} IN ('{RecordingState.FAILED_TO_START}',"
        f" '{RecordingState.DECLINED}')",
        View.ABANDONED: f"({abandoned})",
        View.ORPHANS: f"{names.ORPHAN.name} = true",
        View.DUTIES: f"{names.DUTIES.name} > 0",
        View.CALLS: "",
    }[view]


def list_url(base: str, namespace: str, query: str) -> str:
    """Return the link to the list of workflows that match a query."""
    return f"{_workflows(base, namespace)}?{urlencode({'query': query}, quote_via=quote)}"


def page_url(base: str, namespace: str, workflow_id: str) -> str:
    """Return the link to the page of a workflow's newest run."""
    return f"{_workflows(base, namespace)}/{quote(workflow_id, safe='')}"


def _workflows(base: str, namespace: str) -> str:
    return f"{base}/namespaces/{quote(namespace, safe='')}/workflows"
