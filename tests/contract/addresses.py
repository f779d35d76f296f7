"""The two addresses of a file: at the real service, and at the emulator."""

from urllib.parse import urlsplit

MICROSOFTS_HOST = "us-storage.asm.skype.com"


def on_microsofts_host(location: str, host: str = MICROSOFTS_HOST) -> str:
    return urlsplit(location)._replace(scheme="https", netloc=host).geturl()


def on_emulator(url: str, endpoint: str) -> str:
    """Return the emulator's address for a URL; only https URLs are translated."""
    parts, emulator = urlsplit(url), urlsplit(endpoint)
    if parts.scheme == emulator.scheme:
        return url
    return parts._replace(scheme=emulator.scheme, netloc=emulator.netloc).geturl()
