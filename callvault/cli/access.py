"""Commands on the access log: list who opened, exported, held or erased what, and verify it."""

from pathlib import Path
from typing import Annotated

import typer

from callvault.cli.options import ConfigFile, JsonReport, choice
from callvault.cli.terminal import say_json
from callvault.contracts.access import AccessAction

app = typer.Typer(help="Who opened, exported, held or erased recordings.", no_args_is_help=True)


@app.command(name="list")
def list_records(
    recording: Annotated[
        str | None,
        typer.Option(
            help="Only about this recording: a recordingId, callId, serverCallId, workflow id,"
            " folder or object name."
        ),
    ] = None,
    person: Annotated[
        str | None, typer.Option(help="Only about this person: a rawId, or its hash.")
    ] = None,
    action: Annotated[
        AccessAction | None, choice(AccessAction, "action", "--action", about="Only this.")
    ] = None,
    who: Annotated[
        str, typer.Option(help="Only by whom: part of the name, or of the key or token.")
    ] = "",
    archive: Annotated[
        list[str] | None,
        typer.Option(help="An archive's configured name; repeatable. All without any."),
    ] = None,
    as_json: JsonReport = False,
    config: ConfigFile = None,
) -> None:
    """List what was done with recordings, oldest first. Exit status 1 where a record is unreadable.

    What the records say is proven by `callvault access verify` alone.
    """
    from callvault.cli.actions.access import Asked, as_document, listed, show
    from callvault.config.settings import load_settings

    logs = listed(load_settings(config), archive or [], Asked(recording, person, action, who))
    if as_json:
        say_json(as_document(logs))
    else:
        show(logs)
    if any(log.problems for log in logs):
        raise typer.Exit(1)


@app.command()
def verify(
    target: Annotated[
        str, typer.Argument(help="The directory of an archive, or an archive's configured name.")
    ],
    key: Annotated[
        list[Path] | None,
        typer.Option(help="File with a public key that may have signed; repeatable."),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="SEQUENCE:SHA256",
            help="A record that was told earlier; it must still be there.",
        ),
    ] = None,
    as_json: JsonReport = False,
    config: ConfigFile = None,
) -> None:
    """Prove that an access log is whole, and as it was written. Exit status 1 where it is not.

    `callvault verify` does the same, and reads the recordings, too.
    """
    from callvault.archive.verify.expectation import Expectation
    from callvault.cli.actions.access import show_verified, verify_log

    expected = Expectation.of(None, (), may_be_empty=True, access_head=head)
    report = verify_log(target, key or [], expected, config)
    if as_json:
        say_json(report.model_dump_json(indent=2))
    else:
        show_verified(report)
    if not report.ok:
        raise typer.Exit(1)
