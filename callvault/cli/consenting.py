"""`callvault recordings consent`: tell of somebody's decision from a terminal."""

import getpass
from typing import Annotated

import typer

from callvault.cli.options import CallId, ConfigFile, Reason
from callvault.config.settings import load_settings
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.participants import HIDING, hiding


def consent(
    call: CallId,
    participant: Annotated[str, typer.Argument(help="Their rawId, or its hash.")],
    given: Annotated[bool, typer.Option("--given/--withdrawn", help="What was decided.")] = True,
    method: Annotated[str, typer.Option(help="How: spoken, key pressed, signed …")] = "",
    evidence: Annotated[str, typer.Option(help="Where the proof is, as a reference.")] = "",
    jurisdiction: Annotated[str, typer.Option(help="Under whose law, as DE.")] = "",
    reason: Reason = "",
    config: ConfigFile = None,
) -> None:
    """Tell that somebody agrees to be recorded, or does not any more (then it pauses)."""
    from callvault.cli.actions import recordings as calls

    said = {
        "participant": participant,
        "given": given,
        "requested_by": getpass.getuser(),
        "method": method,
        "evidence": evidence,
        "jurisdiction": jurisdiction,
        "reason": reason,
    }
    hide = hiding(load_settings(config).participant_key())
    decision = ConsentDecision.model_validate(said, context={HIDING: hide})
    record = calls.with_client(config, lambda client: calls.decide(client, call, decision))
    word = "given" if record.given else "withdrawn"
    typer.echo(f"consent {word} by {record.participant}" + ("" if record.counts else ": outdated"))
