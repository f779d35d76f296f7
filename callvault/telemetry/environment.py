"""OpenTelemetry's standard environment variables; without them nothing is exported.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from importlib.metadata import entry_points, version

from opentelemetry.sdk.resources import OTELResourceDetector
from opentelemetry.util.re import parse_env_headers

from callvault.contracts.base import shorten
from callvault.errors import ConfigurationError

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
_METRICS_ENDPOINT = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*=\s*[ -+\--~]+")
"""A name and a value; what follows the first ``=`` may hold further ones, as base64 does."""

_NUMBERS = re.compile(r"OTEL_(?:BSP_\w+|\w+_LIMIT|EXPORTER_OTLP_(?:\w+_)?TIMEOUT)")
_POSITIVE = re.compile(r"OTEL_(?:BSP_MAX\w+|BSP_SCHEDULE_DELAY|EXPORTER_OTLP_(?:\w+_)?TIMEOUT)")
_PLUGINS = {
    "OTEL_PROPAGATORS": "opentelemetry_propagator",
    "OTEL_PYTHON_CONTEXT": "opentelemetry_context",
    "OTEL_PYTHON_TRACER_PROVIDER": "opentelemetry_tracer_provider",
    "OTEL_PYTHON_METER_PROVIDER": "opentelemetry_meter_provider",
}
"""Variables that name what is loaded as an entry point, each with its group."""

_COMPRESSION = re.compile(r"OTEL_EXPORTER_OTLP_(?:\w+_)?COMPRESSION")
_COMPRESSIONS = ("none", "gzip", "deflate")
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?")
_MILLISECONDS = re.compile(r"0{0,9}[1-9][0-9]{0,8}")
_DEFAULT_ENDPOINT = "http://localhost:4318"


def resource(role: str) -> dict[str, str]:
    """Return the attributes of a process; ``OTEL_SERVICE_NAME``, ``OTEL_RESOURCE_ATTRIBUTES`` win.

    One set for spans and metrics, so that a collector knows both to be of one process.
    """
    ours = {"service.name": f"callvault-{role}", "service.version": version("callvault")}
    asked_for = OTELResourceDetector().detect().attributes
    return ours | {name: str(value) for name, value in asked_for.items()}


def trace_exporters() -> list[str]:
    """Return the exporters of spans: ``otlp`` and ``console``, or none of them."""
    names = _exporters("TRACES", has_endpoint=bool(_value(_ENDPOINT) or _value(_TRACES_ENDPOINT)))
    for name in names:
        if name not in ("otlp", "console"):
            raise ConfigurationError(
                f"OTEL_TRACES_EXPORTER={name} is not supported: choose otlp, console or none"
            )
    if "otlp" in names:
        _check_protocol("TRACES")
        _check_headers("TRACES")
    return names


def exports_metrics() -> bool:
    """Return True if metrics are to be sent to an OTLP endpoint."""
    names = _exporters("METRICS", has_endpoint=bool(_value(_ENDPOINT) or _value(_METRICS_ENDPOINT)))
    if "otlp" in names:
        _check_protocol("METRICS")
        _check_headers("METRICS")
    return "otlp" in names


def metrics_endpoint() -> str:
    """Return the address that metrics are sent to, over HTTP."""
    base = _value(_ENDPOINT) or _DEFAULT_ENDPOINT
    return _value(_METRICS_ENDPOINT) or f"{base.rstrip('/')}/v1/metrics"


def metrics_headers() -> Mapping[str, str]:
    """Return the headers that are sent along with metrics, usually a credential."""
    text = _value("OTEL_EXPORTER_OTLP_METRICS_HEADERS") or _value("OTEL_EXPORTER_OTLP_HEADERS")
    # `liberal` takes values that are not URL-encoded, too, as a pasted token is.
    return parse_env_headers(text, liberal=True)


def metrics_interval() -> timedelta:
    """Return the interval at which metrics are sent."""
    text = _value("OTEL_METRIC_EXPORT_INTERVAL") or "60000"
    if not _MILLISECONDS.fullmatch(text):
        raise ConfigurationError(
            f"OTEL_METRIC_EXPORT_INTERVAL={shorten(text, 100)} is not a number of milliseconds from"
            " 1 to 999999999: correct it"
        )
    return timedelta(milliseconds=int(text))


def _exporters(signal: str, *, has_endpoint: bool) -> list[str]:
    if _value("OTEL_SDK_DISABLED").lower() == "true":
        return []
    chosen = _value(f"OTEL_{signal}_EXPORTER") or ("otlp" if has_endpoint else "none")
    names = [name.strip().lower() for name in chosen.split(",")]
    return [name for name in names if name not in ("", "none")]


def _check_protocol(signal: str) -> None:
    name = f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"
    name = name if _value(name) else "OTEL_EXPORTER_OTLP_PROTOCOL"
    if (protocol := _value(name) or "http/protobuf") != "http/protobuf":
        raise ConfigurationError(
            f"{name}={protocol} is not supported: set it to http/protobuf, and the endpoint to "
            "the collector's HTTP port (4318)"
        )


def _check_headers(signal: str) -> None:
    """Refuse what OpenTelemetry would write to the log: headers usually hold a key."""
    for name in ("OTEL_EXPORTER_OTLP_HEADERS", f"OTEL_EXPORTER_OTLP_{signal}_HEADERS"):
        parts = filter(None, map(str.strip, _value(name).split(",")))
        if not all(_HEADER.fullmatch(part) for part in parts):
            raise ConfigurationError(
                f"{name} is not understood (it is not shown, for it may hold a key): write"
                " name=value, several separated by commas, blanks and other signs as %20"
            )


def check_variables() -> None:
    """Refuse values at which OpenTelemetry ends with an error, or goes on by a default.

    To be called before it is loaded: it reads the limits of spans and its propagators then.
    """
    _check_texts()
    _check_numbers()
    _check_names()


def _check_texts() -> None:
    for name, value in os.environ.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            if name.startswith("OTEL_"):
                raise ConfigurationError(f"{name!a} is not UTF-8: correct it") from None


def _check_names() -> None:
    # Looked up only where one is set: it takes a look at every package.
    for name, group in _PLUGINS.items() if any(map(_value, _PLUGINS)) else ():
        wanted = [each.strip() for each in _value(name).split(",")] if _value(name) else []
        known = entry_points(group=group).names
        if name == "OTEL_PROPAGATORS":
            known.add("none")
        if not known.issuperset(wanted):
            raise ConfigurationError(
                f"{name}={shorten(_value(name), 100)} names what is not installed: choose of"
                f" {', '.join(sorted(known))}, or leave it out"
            )
    for name in [each for each in os.environ if _COMPRESSION.fullmatch(each)]:
        if _value(name) not in ("", *_COMPRESSIONS):
            raise ConfigurationError(
                f"{name}={shorten(_value(name), 100)} is not supported: choose of"
                f" {', '.join(_COMPRESSIONS)}, or leave it out"
            )


def _check_numbers() -> None:
    for name in [each for each in os.environ if _NUMBERS.fullmatch(each)]:
        text = _value(name)
        is_number = _NUMBER.fullmatch(text) is not None
        if text and not (is_number and (float(text) > 0 or not _POSITIVE.fullmatch(name))):
            raise ConfigurationError(f"{name}={text[:100]} is not a number that fits: correct it")


def _value(name: str) -> str:
    return os.environ.get(name, "").strip()
