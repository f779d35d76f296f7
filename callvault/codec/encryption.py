"""The codec of payloads: encrypts what goes to Temporal, decrypts what comes from there.

What cannot be decrypted is of two kinds. A key that is missing will come: `PayloadKeyMissing` fails
the task, Temporal tries it again, and nothing is lost or taken for something else. What no key will
ever open (changed since, of another program, or of a key that is given up) stays as it is, and the
converter says so: a message of that kind is unreadable as any other, and holds up no workflow.
"""

from collections.abc import Sequence

import structlog
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import PayloadCodec

from callvault.codec.keyring import Keyring
from callvault.codec.payload_key import is_sealed, key_id_of

log = structlog.get_logger(__name__)


class EncryptionCodec(PayloadCodec):
    """Encrypts with the newest key of a keyring, and decrypts with any of them."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt payloads, each by itself; without a key that encrypts they stay as they are."""
        key = (await self.keyring.current()).newest
        return [key.seal(each) if key else each for each in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt payloads; one that is not encrypted, or that no key opens, stays as it is.

        `PayloadKeyMissing` where this process lacks a key.
        """
        return [await self._opened(each) for each in payloads]

    async def _opened(self, payload: Payload) -> Payload:
        if (key_id := key_id_of(payload)) is None:
            return payload
        if (key := await self.keyring.find(key_id)) is None:
            return payload
        if (opened := key.open(payload)) is None:
            log.warning("a payload was changed since it was encrypted", key=key_id)
            return payload
        return opened


def codec_of(client: Client) -> EncryptionCodec | None:
    """Return the codec of a client; None for one that `callvault.temporal.client` did not make."""
    codec = client.data_converter.payload_codec
    return codec if isinstance(codec, EncryptionCodec) else None


def key_problems(client: Client) -> dict[str, str]:
    """Tell of each key that was missing lately, in a sentence, by its name."""
    codec = codec_of(client)
    return codec.keyring.problems() if codec else {}


def unopened(payloads: Sequence[Payload]) -> list[Payload]:
    """Return those of decoded payloads that are still encrypted."""
    return [each for each in payloads if is_sealed(each)]
