"""The access keys of the resource, and the signed tokens of its callbacks."""

import json
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from callvault.emulator.settings import EmulatorSettings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

LIFETIME = timedelta(minutes=5)
CONFIGURATION_PATH = "/calling/.well-known/acsopenidconfiguration"
KEYS_PATH = "/calling/keys"

_KEY_ID = "callvault-emulator"
_ALGORITHM = "RS256"
_KEY_BITS = 2048

KeyName = Literal["primary", "secondary"]


class AccessKeys:
    """The primary and the secondary key: both are accepted, a rotated one is refused at once."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings
        self.generations: dict[KeyName, int] = {"primary": 0, "secondary": 0}
        """Number of rotations of each key."""

    @property
    def current(self) -> tuple[str, str]:
        return self._key("primary"), self._key("secondary")

    def rotate(self, which: KeyName) -> None:
        self.generations[which] += 1

    def _key(self, which: KeyName) -> str:
        generation = self.generations[which]
        if generation:
            return self._settings.derived_key(f"{which} {generation}")
        first, second = self._settings.access_keys
        return first if which == "primary" else second


class TokenSigner:
    """Signer of the tokens in callbacks; its key is made at the first use, in memory only."""

    def __init__(self, issuer: str, audience: str) -> None:
        """Set the claims of all tokens; ``audience`` is the immutable id of the ACS resource."""
        self._issuer = issuer
        self._audience = audience

    def token(self) -> str:
        """Make a new token."""
        import jwt  # late: most runs of the emulator send no callbacks

        # Real time, not the emulator's clock: the receiver checks the token by its own.
        now = datetime.now(UTC)
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
        }
        return jwt.encode(claims, self._key, _ALGORITHM, headers={"kid": _KEY_ID})

    def configuration(self, endpoint: str) -> dict[str, Any]:
        return {
            "issuer": self._issuer,
            "jwks_uri": endpoint + KEYS_PATH,
            "id_token_signing_alg_values_supported": [_ALGORITHM],
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
        }

    def keys(self) -> dict[str, Any]:
        """Return the JSON Web Key Set."""
        from jwt.algorithms import RSAAlgorithm

        public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(self._key.public_key()))
        # RFC 7517 advises against `key_ops` beside `use`.
        public.pop("key_ops", None)
        return {"keys": [{**public, "use": "sig", "alg": _ALGORITHM, "kid": _KEY_ID}]}

    @cached_property
    def _key(self) -> "RSAPrivateKey":
        from cryptography.hazmat.primitives.asymmetric import rsa

        return rsa.generate_private_key(public_exponent=65_537, key_size=_KEY_BITS)
