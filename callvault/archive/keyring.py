"""Which public keys a verification believes."""

from collections.abc import Iterable

from callvault.archive.manifests.documents import is_proven_by
from callvault.archive.manifests.keys import PublicKey
from callvault.contracts.manifest import ChainLink, Manifest


class Keyring:
    """Keys given by whoever verifies; without any, those that the archive itself holds."""

    def __init__(self, given: Iterable[PublicKey] = ()) -> None:
        self._keys = {key.key_id: key for key in given}
        self.is_given = bool(self._keys)

    def offer(self, key: PublicKey) -> None:
        """Take a key that lies in the archive; where keys were given, they alone are believed."""
        if not self.is_given:
            self._keys[key.key_id] = key

    def objection(self, document: Manifest | ChainLink, data: bytes) -> str | None:
        """Why the signature of ``data`` proves nothing; None where it does, or there is none."""
        signature = document.signature
        if signature is None:
            return None
        key = self._keys.get(signature.key_id)
        if key is None:
            source = "among those given" if self.is_given else "in the archive"
            return f"it is signed with key {signature.key_id}, which is not {source}"
        if not is_proven_by(key, document, data):
            return f"its signature with key {signature.key_id} does not fit: it was changed"
        return None
