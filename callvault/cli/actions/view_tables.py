"""Tables of a call and its workflow, as far as they are known with or without a worker."""

from rich.console import Group, RenderableType

from callvault.cli.actions.call_view import CallView, WorkflowView
from callvault.cli.actions.tables import call_table, moment
from callvault.cli.terminal import InertTable, line
from callvault.temporal.pending_activities import PendingActivity


def view_tables(view: CallView) -> RenderableType:
    """Render a call: its workflow, the state of its recordings, and what is pending."""
    parts: list[RenderableType] = [_workflow_table(view)]
    if not view.is_answered:
        origin = "; the rest is from its history" if view.status else ""
        parts.append(line((f"The workflow does not answer: {view.problem}{origin}", "yellow")))
    if view.status is not None:
        parts.append(call_table(view.status))
    if view.pending:
        parts.append(_pending_table(view.pending))
    return Group(*parts)


def _workflow_table(view: CallView) -> InertTable:
    table = InertTable(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _rows(view.workflow, view.status.server_call_id if view.status else ""):
        if text:
            table.add_row(name, text)
    return table


def _rows(workflow: WorkflowView, server_call_id: str) -> list[tuple[str, str]]:
    return [
        ("workflow", workflow.workflow_id),
        ("status", workflow.status.replace("_", " ")),
        ("state", workflow.state.replace("_", " ")),
        ("at risk", "yes" if workflow.is_at_risk else ""),
        ("resource", workflow.resource),
        ("server call id", server_call_id),
        ("call id", ", ".join(workflow.call_ids)),
        ("begun", moment(workflow.started_at)),
        ("ended", moment(workflow.closed_at) if workflow.closed_at else ""),
    ]


def _pending_table(pending: tuple[PendingActivity, ...]) -> InertTable:
    columns = ("pending activity", "state", "attempt", "next attempt", "last error", "fault")
    table = InertTable(*columns, box=None, padding=(0, 2, 0, 0))
    for each in pending:
        coming = moment(each.next_attempt_at) if each.next_attempt_at else ""
        failed = each.last_failure
        table.add_row(each.type, each.state, str(each.attempt), coming, failed, each.fault)
    return table
