"""One file under two addresses: where the real service keeps it, and where the emulator does."""

from urllib.parse import urlsplit

MICROSOFTS_HOST = "us-storage.asm.skype.com"


def on_microsofts_host(location: str, host: str = MICROSOFTS_HOST) -> str:
    return urlsplit(location)._replace(scheme="https", netloc=host).geturl()


def on_emulator(url: str, endpoint: str) -> str:
    """Https is never the emulator's own address, http is: a redirect names its content host so."""
    parts, emulator = urlsplit(url), urlsplit(endpoint)
    if parts.scheme == emulator.scheme:
        return url
    return parts._replace(scheme=emulator.scheme, netloc=emulator.netloc).geturl()
