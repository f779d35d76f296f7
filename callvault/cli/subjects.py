"""Commands on people: `subjects find` and `export`, and the `index` by which they are found."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from callvault.cli.options import By, ConfigFile, Json, JsonReport
from callvault.cli.terminal import say_json

app = typer.Typer(help="Find and export the recordings of a person.", no_args_is_help=True)
index = typer.Typer(
    help="The index by which people are found: check it, make it anew.", no_args_is_help=True
)

_Archives = Annotated[
    list[str] | None,
    typer.Option("--archive", help="An archive's configured name; repeatable. All without any."),
]

_Day = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only recordings of such days (UTC).")
]

_Since = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        help="Only recordings of this day (UTC) and later: to go on where a run was ended.",
    ),
]


@app.command()
def find(
    participant: Annotated[
        str,
        typer.Argument(
            help="A rawId in any spelling (8:acs:…, 4:+49…), or the participant's hash; - reads it"
            " from standard input, so that it is in no list of processes."
        ),
    ],
    by: By = "",
    reason: Annotated[str, typer.Option(help="Why, for the archive's access log.")] = "",
    since: _Day = None,
    until: _Day = None,
    archive: _Archives = None,
    as_json: JsonReport = False,
    config: ConfigFile = None,
) -> None:
    """Find every recording that a person was in, by the index in each archive.

    The search is written into the archive's access log. Exit status 1 where entries of the index
    are damaged: recordings may be missing then, and `callvault index rebuild` mends it.
    """
    from callvault.cli.actions.subjects import Asked, as_document, read_participant, searched, show
    from callvault.config.settings import load_settings

    asked = Asked(
        read_participant(participant),
        by,
        reason,
        since.date() if since else None,
        until.date() if until else None,
    )
    found = searched(load_settings(config), archive or [], asked)
    if as_json:
        say_json(as_document(found))
    else:
        show(found)
    if any(each.faults for each in found):
        raise typer.Exit(1)


@app.command()
def export(
    participant: Annotated[
        str,
        typer.Argument(
            help="A rawId in any spelling (8:acs:…, 4:+49…), or the participant's hash; - reads it"
            " from standard input, so that it is in no list of processes."
        ),
    ],
    to: Annotated[
        Path,
        typer.Option(
            help="The directory to make, or the zip if it ends with .zip; never replaced."
        ),
    ],
    by: By = "",
    reason: Annotated[str, typer.Option(help="Why, for the archive's access log.")] = "",
    archive: _Archives = None,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Export all recordings of a person, with a cover page; others' ids are masked.

    Of unmixed recordings only that person's channel. The package appears as a whole or not at all;
    the same export again changes nothing. Exit status 1 where something is left out of it, or is
    not as it was sealed.
    """
    from callvault.cli.actions.subject_export import export_subject, show
    from callvault.cli.actions.subjects import read_participant
    from callvault.config.settings import load_settings

    asked = read_participant(participant)
    outcome = export_subject(load_settings(config), asked, to, archive or [], by, reason)
    show(outcome, to, as_json=as_json)
    if not outcome.is_whole:
        raise typer.Exit(1)


@index.command()
def check(
    archive: _Archives = None,
    since: _Since = None,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Compare the index with every metadata file and manifest. Exit status 1 where they differ.

    Nothing is changed. With --json: one object on a line for each fault, and one for each archive.
    """
    _pass(archive, since, mends=False, as_json=as_json, config=config)


@index.command()
def rebuild(
    archive: _Archives = None,
    since: _Since = None,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Make the index anew from metadata files and manifests; what is right in it stays.

    Safe to repeat, to end at any time, and to run while recordings are archived. Exit status 1
    where somebody cannot be indexed, or a wrong entry cannot be removed. With --json: one object on
    a line for each fault, and one for each archive.
    """
    _pass(archive, since, mends=True, as_json=as_json, config=config)


def _pass(
    archives: list[str] | None,
    since: datetime | None,
    *,
    mends: bool,
    as_json: bool,
    config: ConfigFile,
) -> None:
    from callvault.cli.actions.subject_index import run_pass
    from callvault.config.settings import load_settings

    settings = load_settings(config)
    day = since.date() if since else None
    if not run_pass(settings, archives or [], day, mends=mends, as_json=as_json):
        raise typer.Exit(1)
