"""`callvault ui`: links to the views of Temporal's Web UI, so that nobody has to type a query."""

from typing import Annotated

import typer

from callvault.cli.options import ConfigFile, Json


def ui(
    view: Annotated[
        str,
        typer.Argument(
            metavar="VIEW",
            help="at-risk, lost, open, kept, not-begun, abandoned, orphans, duties or calls; or the"
            " id of a call, for its page.",
        ),
    ] = "at-risk",
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser as well.")] = False,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Print the link to a view of Temporal's Web UI: without a name, all that is at risk.

    Asks neither Temporal nor a worker. The address of the Web UI is the setting web_ui.url.
    """
    from callvault.cli.actions import ui as links

    link = links.link_to(view, config)
    links.show(link, as_json=as_json)
    if open_:
        links.open_in_browser(link)
