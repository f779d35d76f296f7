"""The signature of an ACS client, written for the tests and independent of other code."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime


def content_hash(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def signature(key: str, method: str, target: str, date: str, host: str, body: bytes) -> str:
    text = f"{method}\n{target}\n{date};{host};{content_hash(body)}"
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def signed_headers(
    key: str, method: str, target: str, host: str, body: bytes = b"", at: datetime | None = None
) -> dict[str, str]:
    date = (at or datetime.now(UTC)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    signed = signature(key, method, target, date, host, body)
    return {
        "x-ms-date": date,
        "x-ms-content-sha256": content_hash(body),
        "Authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
        f"&Signature={signed}",
    }
