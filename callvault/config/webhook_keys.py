"""The key of a signed webhook, in the spelling of Standard Webhooks."""

import base64

from callvault.errors import ConfigurationError

PREFIX = "whsec_"


def webhook_key(secret: str) -> bytes:
    """Decode a secret: base64 in either alphabet, padded or not, with or without ``whsec_``.

    `ConfigurationError`, without the secret, for anything else.
    """
    digits = secret.removeprefix(PREFIX).rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        key = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise ConfigurationError(
            "the secret of the webhook is not base64: give it as Standard Webhooks has it,"
            f" {PREFIX} and base64"
        )
    return key
