"""HMAC-SHA256 signatures of Azure Communication Services.

The signature covers exactly what is sent: the bytes of the body and the path with its query as they
stand in the request line. The host is always that of the ACS resource, even when the request goes
to a media host. Source: ``_shared/policy.py`` of azure-communication-callautomation 1.6.0.
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from email.utils import format_datetime

DATE_HEADER = "x-ms-date"


def content_hash(body: bytes) -> str:
    """Compute the value of ``x-ms-content-sha256``."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")


def http_date(at: datetime) -> str:
    """Format an aware time as IMF-fixdate, in English: ``Tue, 02 Jan 2024 03:04:05 GMT``."""
    # Not `strftime`, which names days and months in the language of the host.
    return format_datetime(at.astimezone(UTC), usegmt=True)


def string_to_sign(method: str, target: str, date: str, host: str, body_hash: str) -> str:
    """Join the parts to sign; ``target`` is the path with its query, percent-encoded as sent."""
    return f"{method}\n{target}\n{date};{host};{body_hash}"


def signature(key: bytes, text: str) -> str:
    """Sign ``text``; the signature is in base64."""
    return base64.b64encode(hmac.digest(key, text.encode("utf-8"), "sha256")).decode("ascii")


def signed_headers(
    key: bytes, *, method: str, target: str, host: str, body: bytes, at: datetime
) -> dict[str, str]:
    """Build the headers that authenticate one request, sent ``at`` this time, for ``host``."""
    date, body_hash = http_date(at), content_hash(body)
    proof = signature(key, string_to_sign(method, target, date, host, body_hash))
    return {
        DATE_HEADER: date,
        "x-ms-content-sha256": body_hash,
        "Authorization": (
            f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={proof}"
        ),
    }
