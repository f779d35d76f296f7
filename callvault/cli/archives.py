"""Commands on archives: `verify`, `keygen`, and `recordings failback`."""

import json
import os
from pathlib import Path
from typing import Annotated, get_args

import typer

from callvault.cli.options import ConfigFile, Json, JsonReport, choice
from callvault.cli.terminal import say, say_json
from callvault.contracts.manifest import SignatureAlgorithm
from callvault.errors import InvalidRequest


def verify(
    target: Annotated[
        str,
        typer.Argument(
            help="A manifest file, the directory of an archive, or an archive's configured name."
        ),
    ],
    key: Annotated[
        list[Path] | None,
        typer.Option(help="File with a public key that may have signed; repeatable."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Signatures, chain and sizes; no file is read.")
    ] = False,
    archive: Annotated[
        str | None,
        typer.Option(
            help="The name under which everything must have been sealed; of an archive that the"
            " configuration names, that name by default."
        ),
    ] = None,
    head: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SEQUENCE:SHA256|FILES",
            help="A link that an earlier verification told, or a file or glob of files with such"
            " links or with its reports (--json); each must still be there. Repeatable.",
        ),
    ] = None,
    checkpoints: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLACE",
            help="A place where checkpoints were published: a directory, or its configured name;"
            " repeatable. The link of each must still be there.",
        ),
    ] = None,
    against_temporal: Annotated[
        bool,
        typer.Option(
            "--against-temporal",
            help="The links that the last calls in Temporal were sealed with must still be there.",
        ),
    ] = False,
    access_head: Annotated[
        str | None,
        typer.Option(
            metavar="SEQUENCE:SHA256",
            help="A record of the access log that was told earlier; it must still be there.",
        ),
    ] = None,
    may_be_empty: Annotated[
        bool, typer.Option("--may-be-empty", help="An archive in which nothing is sealed passes.")
    ] = False,
    as_json: JsonReport = False,
    config: ConfigFile = None,
) -> None:
    """Prove that an archive holds what was sealed, bit for bit. Exit status 1 where it does not.

    Nothing but the archive is needed: no service and no network, where it is a directory.
    """
    # Late, as in every command: no other one, nor its help, needs to load this.
    from callvault.archive.verify.expectation import Expectation
    from callvault.cli.actions.outside import Outside
    from callvault.cli.actions.verify import show, verify_target

    expected = Expectation.of(
        archive, head or [], may_be_empty=may_be_empty, access_head=access_head
    )
    outside = Outside(tuple(checkpoints or ()), against_temporal)
    report = verify_target(target, key or [], expected, outside, quick=quick, config=config)
    if as_json:
        say_json(report.model_dump_json(indent=2))
    else:
        show(report)
    if not report.ok:
        raise typer.Exit(1)


def keygen(
    file: Annotated[Path, typer.Argument(help="Where the private key goes; it must not exist.")],
    algorithm: Annotated[
        SignatureAlgorithm,
        choice(
            get_args(SignatureAlgorithm),
            "algorithm",
            "--algorithm",
            about="ES256 (P-256) is what Azure Key Vault can take over.",
        ),
    ] = "Ed25519",
    as_json: Json = False,
) -> None:
    """Make a key that signs manifests: FILE, for the worker alone, and FILE.pub, for all."""
    if not file.name:
        raise typer.BadParameter(f"{str(file)!r} is no file: name one, as keys/signing.pem")
    from callvault.archive.manifests.keys import Signer

    signer = Signer.generate(algorithm)
    public = file.with_name(f"{file.name}.pub")
    _write_new(file, signer.pem(), mode=0o600)
    _write_new(public, signer.public.pem(), mode=0o644)
    if as_json:
        paths = {"privateKey": str(file.absolute()), "publicKey": str(public.absolute())}
        say_json(
            json.dumps({"keyId": signer.public.key_id, "algorithm": algorithm, **paths}, indent=2)
        )
        return
    say(f"Key {signer.public.key_id}: {file} (private) and {public} (public).")
    say(f'Set archives.NAME.signing_key = "file:{file.absolute()}"')


def _write_new(file: Path, data: bytes, *, mode: int) -> None:
    """Write a file that must not exist; raise `InvalidRequest` if it does."""
    # An overwritten key would leave all that it has signed without proof.
    try:
        # With its mode from the beginning: at no moment can others read a private key.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(data)


def failback(
    fallback: Annotated[
        str, typer.Option("--from", help="The fallback archive's configured name.")
    ],
    primary: Annotated[str, typer.Option("--to", help="The primary archive's configured name.")],
    recordings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CALL-OR-MANIFEST",
            help="A serverCallId, workflow id, call id, recording id, or a manifest's object name."
            " Without any: every recording that the primary archive lacks, except those of"
            " resources with another archive.",
        ),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="File with a public key that may have signed in the fallback archive; repeatable."
            " By default its configured keys.",
        ),
    ] = None,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Copy sealed recordings from the fallback archive back, verify them, and seal them there.

    With --json: one object on a line for each recording, as soon as it is done.
    Safe to repeat. Nothing is overwritten in the primary archive, and nothing is deleted from the
    fallback archive. Exit status 1 where a recording could not be copied, or an archive is not the
    one that `callvault setup` has remembered.
    """
    from callvault.cli.actions.failback import fail_back_all, open_both, remembered
    from callvault.config.settings import load_settings

    settings = load_settings(config)
    ids = remembered(config, settings, fallback, primary)
    with open_both(settings, fallback, primary, key or [], ids) as failback:
        if not fail_back_all(failback, settings, recordings or [], as_json=as_json):
            raise typer.Exit(1)
