"""The keys that are believed to have signed in an archive."""

from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.keys import PublicKey
from callvault.archive.names import KEYS_PREFIX
from callvault.archive.store import Archive, read_small


def believed_keys(archive: Archive, keys: Keyring | None) -> Keyring:
    """Return the keys that were given or, without any, those that lie in the archive."""
    if keys is not None and keys.is_given:
        return keys
    own = Keyring()
    for name in archive.names(KEYS_PREFIX):
        own.offer(PublicKey.from_pem(read_small(archive, name)))
    return own
