"""`callvault emulator`: a local ACS Call Recording; no other service is needed."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from callvault.cli.options import choice
from callvault.config.types import Duration
from callvault.contracts.base import explain
from callvault.errors import ConfigurationError

_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)


def emulator(
    port: Annotated[int, typer.Option(help="0 lets the system choose.")] = 8900,
    content_port: Annotated[
        int, typer.Option(help="Of the second listener, for content; 0 lets the system choose.")
    ] = 0,
    host: Annotated[str, typer.Option(help="Beyond loopback only with --allow-remote.")] = (
        "127.0.0.1"
    ),
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let others reach it; it has no protection.")
    ] = False,
    public_url: Annotated[
        str, typer.Option(help="The endpoint as others reach it, if that is another.")
    ] = "",
    public_content_url: Annotated[
        str, typer.Option(help="The content host as others reach it.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Ids, keys and random faults follow from it.")] = 0,
    retention: Annotated[str, typer.Option(help="How long files are kept.")] = "48h",
    event_grid_endpoint: Annotated[
        list[str] | None,
        typer.Option(help="Webhook for the events; cloudevents:URL for that schema. Repeatable."),
    ] = None,
    dead_letters: Annotated[
        str, typer.Option(help="Directory, or container URL with SAS, for undeliverable events.")
    ] = "",
    dead_letter_delay: Annotated[
        str, typer.Option(help="From the last attempt at a delivery until the event lies there.")
    ] = "5m",
    fps: Annotated[int, typer.Option(help="Frames a second of mp4: 8 or 16.")] = 8,
    media: Annotated[
        str,
        choice(
            ("real", "sparse"),
            "kind of media",
            "--media",
            about="Files to play, or gigabytes of noise.",
        ),
    ] = "real",
    max_chunk_bytes: Annotated[
        int | None, typer.Option(help="Recordings go on in another file at this size.")
    ] = None,
    max_chunk_duration: Annotated[
        str, typer.Option(help="Recordings go on in another file at this length.")
    ] = "4h",
    bearer_token: Annotated[
        list[str] | None, typer.Option(help="A token to accept instead of Entra ID. Repeatable.")
    ] = None,
    state_dir: Annotated[
        Path | None, typer.Option(help="Keep everything here, over restarts.", file_okay=False)
    ] = None,
    api: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE: how the service behaves, see docs/emulator-fidelity.md."),
    ] = None,
) -> None:
    """Run a local ACS Call Recording, with real media.

    Prints one line of JSON with its endpoint, connection string and control address.
    """
    from callvault.emulator.emulator import MissingMediaExtra
    from callvault.emulator.server import serve
    from callvault.emulator.snapshot import UnreadableState

    settings = {
        "port": port,
        "content_port": content_port,
        "host": host,
        "allow_remote": allow_remote,
        "public_url": public_url,
        "public_content_url": public_content_url,
        "seed": seed,
        # Durations are read here, so that a refusal names the option.
        "retention": _duration("--retention", retention),
        "event_grid_endpoints": tuple(event_grid_endpoint or ()),
        "dead_letters": dead_letters,
        "dead_letter_delay": _duration("--dead-letter-delay", dead_letter_delay),
        "fps": fps,
        "media": media,
        "max_chunk_bytes": max_chunk_bytes,
        "max_chunk_duration": _duration("--max-chunk-duration", max_chunk_duration),
        "bearer_tokens": tuple(bearer_token or ()),
        "state_dir": state_dir,
    }
    try:
        serve(_settings(settings, api or []))
    except (MissingMediaExtra, UnreadableState) as error:
        raise ConfigurationError(str(error)) from None
    except OSError as error:
        raise ConfigurationError(f"the emulator cannot start: {error.strerror or error}") from None


def _settings(settings: dict[str, Any], api: list[str]) -> Any:
    from callvault.emulator.behaviours import Behaviours
    from callvault.emulator.settings import EmulatorSettings

    try:
        return EmulatorSettings.model_validate({**settings, "behaviours": Behaviours.parse(api)})
    except ValidationError as error:
        raise ConfigurationError(_explain("emulator", error)) from None
    except ValueError as error:
        raise ConfigurationError(f"--api: {error}") from None


def _duration(option: str, text: str) -> timedelta:
    try:
        return _DURATION.validate_python(text)
    except ValidationError as error:
        raise ConfigurationError(_explain(option, error)) from None


def _explain(what: str, error: ValidationError) -> str:
    return f"{what}: {explain(error).removeprefix('payload: ')}"
