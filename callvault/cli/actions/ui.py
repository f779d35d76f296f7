"""The links of `callvault ui`."""

import webbrowser
from datetime import UTC, datetime
from pathlib import Path

from callvault.cli.options import one_of
from callvault.cli.terminal import say, say_json
from callvault.config.settings import load_settings
from callvault.contracts import names
from callvault.contracts.base import Message
from callvault.errors import NotDone
from callvault.temporal.client import configured_namespace
from callvault.temporal.web_ui import MEANINGS, View, list_url, page_url, query_of


class Link(Message):
    """A link into the Web UI."""

    url: str
    shows: str
    """A phrase for a person."""
    query: str | None = None
    """The visibility query behind it; none for the page of a call."""


def link_to(wanted: str, config: Path | None) -> Link:
    """Return the link to a view by its name, or to a call's page by the id of its workflow."""
    base, namespace = load_settings(config).web_ui.url, configured_namespace()
    if names.is_workflow_id(wanted):
        return Link(url=page_url(base, namespace, wanted), shows="the page of the call")
    view = one_of(View, "view, nor the id of a workflow of a call")(wanted)
    query = query_of(view, datetime.now(UTC))
    return Link(url=list_url(base, namespace, query), shows=MEANINGS[view], query=query)


def show(link: Link, *, as_json: bool) -> None:
    """Print the link alone on standard output, so that a shell can use it."""
    if as_json:
        say_json(link.model_dump_json(indent=2))
        return
    say(f"Calls of which this is true: {link.shows}." if link.query else link.shows, err=True)
    say(link.url)


def open_in_browser(link: Link) -> None:
    """Open the link; `NotDone` where this machine has no browser."""
    if not webbrowser.open(link.url):
        raise NotDone("no browser could be opened here: open the link that was printed")
